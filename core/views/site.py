"""A tenant's site: home, collections, records, feed, site map. Everything is read from published snapshots."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.views.decorators.http import require_safe

from core.rendering.pages import render_not_found_page
from core.selectors import site_files
from core.selectors.site_lists import Position
from core.selectors.site_pages import navigation_of, site_collections
from core.site import current_site
from core.site_file import SiteFile


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the newest pages of every collection."""
    return _answer(request, site_files.home_page())


@require_safe
def collection_index(request: HttpRequest, collection: str) -> HttpResponse:
    """Show a collection's pages, the newest first."""
    positions = {
        name: Position.parse(request.GET[name]) for name in ("before", "after") if name in request.GET
    }
    if None in positions.values():
        return not_found(request)
    return _answer(request, site_files.collection_index(collection, **positions))


@require_safe
def record_page(request: HttpRequest, collection: str, slug: str, locale: str = "") -> HttpResponse:
    """Show one published record."""
    return _answer(request, site_files.record_page(request.path))


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """Answer the newest pages as an Atom feed."""
    return _answer(request, site_files.feed(request.path))


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """Answer all addresses, or the list of the site maps where one cannot hold them."""
    return _answer(request, site_files.sitemap())


@require_safe
def sitemap_part(request: HttpRequest, number: int) -> HttpResponse:
    """Answer one of the site maps of a large site; they count from 1."""
    return _answer(request, site_files.sitemap_part(number))


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Tell crawlers where the site map is and where nothing is for them."""
    return _answer(request, site_files.robots())


@require_safe
def theme(request: HttpRequest) -> HttpResponse:
    """Answer the style sheet with the tenant's own colour."""
    response = _answer(request, site_files.theme())
    if "v" in request.GET:
        response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@require_safe
def without_slash(request: HttpRequest, path: str) -> HttpResponse:
    """Lead `/posts/` to `/posts`: every page has one address."""
    query = request.META.get("QUERY_STRING", "")
    # One slash at the beginning: two would name another host.
    return HttpResponsePermanentRedirect("/" + path.strip("/") + (f"?{query}" if query else ""))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Say, in the site's own design, that there is nothing at this address; fit to be a `handler404`."""
    page = render_not_found_page(site=current_site(), navigation=navigation_of(site_collections()))
    return HttpResponse(page, status=404, content_type=site_files.HTML)


def _answer(request: HttpRequest, file: SiteFile | None) -> HttpResponse:
    """Answer with a file and its ETag, or 304 where the client has the same already."""
    if file is None:
        return not_found(request)
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    response = (
        HttpResponse(status=304)
        if file.etag in known
        else HttpResponse(file.body, content_type=file.content_type)
    )
    response.headers["ETag"] = file.etag
    response.headers["Cache-Control"] = "public, no-cache"
    return response
