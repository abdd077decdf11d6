"""A tenant's site: home, collections, records, feed, site map. Everything is read from published snapshots."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import chain
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.views.decorators.http import require_safe

from core.models import Collection
from core.rendering.feed import render_feed
from core.rendering.pages import (
    Card,
    Section,
    render_collection_page,
    render_home_page,
    render_not_found_page,
    render_record_page,
    theme_css,
)
from core.rendering.sitemap import MAX_ADDRESSES, render_sitemap, render_sitemap_index
from core.selectors.site_lists import (
    HOME_CARDS,
    Position,
    collection_page,
    feed_entries,
    newest_of_each_collection,
    public_page_at,
    public_pages,
)
from core.selectors.site_pages import card_of, navigation_of, page_of_snapshot, site_collections
from core.site import current_site

ATOM = "application/atom+xml; charset=utf-8"
XML = "application/xml; charset=utf-8"
HTML = "text/html; charset=utf-8"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the newest pages of every collection."""
    collections = site_collections()
    newest = newest_of_each_collection()
    titles = {collection.name: collection.title for collection in collections}
    lead = next((snapshots[0] for snapshots in newest.values()), None)
    sections = [
        _section(name, [card_of(row) for row in rows if row is not lead][:HOME_CARDS], collections)
        for name, rows in newest.items()
    ]
    html = render_home_page(
        site=current_site(),
        navigation=navigation_of(collections),
        latest=card_of(lead, collection_title=titles[lead.collection_name]) if lead else None,
        sections=[section for section in sections if section.cards],
    )
    return _answer(request, html, HTML)


@require_safe
def collection_index(request: HttpRequest, collection: str) -> HttpResponse:
    """Show a collection's pages, the newest first."""
    collections = site_collections()
    shown = next((candidate for candidate in collections if candidate.name == collection), None)
    positions = {
        name: Position.parse(request.GET[name]) for name in ("before", "after") if name in request.GET
    }
    if shown is None or None in positions.values():
        return not_found(request)
    page = collection_page(shown, before=positions.get("before"), after=positions.get("after"))
    path = f"/{shown.name}"
    html = render_collection_page(
        site=current_site(),
        navigation=navigation_of(collections),
        title=shown.title,
        description=shown.description,
        path=path,
        cards=[card_of(snapshot) for snapshot in page.snapshots],
        newer_path=f"{path}?{urlencode({'after': str(page.newer)})}" if page.newer else "",
        older_path=f"{path}?{urlencode({'before': str(page.older)})}" if page.older else "",
    )
    return _answer(request, html, HTML)


@require_safe
def record_page(request: HttpRequest, collection: str, slug: str, locale: str = "") -> HttpResponse:
    """Show one published record."""
    snapshot = public_page_at(request.path)
    collections = site_collections()
    # A collection may have lost its pages after the record was published.
    if snapshot is None or all(known.name != snapshot.collection_name for known in collections):
        return not_found(request)
    html = render_record_page(
        site=current_site(),
        navigation=navigation_of(collections),
        page=page_of_snapshot(snapshot, collections),
    )
    return _answer(request, html, HTML)


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """Answer the newest pages as an Atom feed."""
    return _answer(request, render_feed(site=current_site(), path=request.path, entries=feed_entries()), ATOM)


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """Answer all addresses, or the list of the site maps where one cannot hold them."""
    site, count = current_site(), public_pages().count()
    if count <= MAX_ADDRESSES - 1_000:
        lists = [("/", None), *((link.path, None) for link in navigation_of(site_collections()))]
        pages = public_pages().order_by("pk").values_list("path", "updated_at")
        return _answer(request, render_sitemap(site=site, pages=chain(lists, pages)), XML)
    paths = [f"/sitemap-{number}.xml" for number in range(1, -(-count // MAX_ADDRESSES) + 1)]
    return _answer(request, render_sitemap_index(site=site, paths=paths), XML)


@require_safe
def sitemap_part(request: HttpRequest, number: int) -> HttpResponse:
    """Answer one of the site maps of a large site; they count from 1."""
    start = (number - 1) * MAX_ADDRESSES
    rows = public_pages().order_by("pk").values_list("path", "updated_at")[start : start + MAX_ADDRESSES]
    pages = list(rows)
    if not pages:
        return not_found(request)
    return _answer(request, render_sitemap(site=current_site(), pages=pages), XML)


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Tell crawlers where the site map is and where nothing is for them."""
    text = (
        f"User-agent: *\nDisallow: /admin/\nDisallow: /api/\n\nSitemap: {current_site().origin}/sitemap.xml\n"
    )
    return _answer(request, text, "text/plain; charset=utf-8")


@require_safe
def theme(request: HttpRequest) -> HttpResponse:
    """Answer the style sheet with the tenant's own colour; it stands apart so that pages need no inline styles."""
    response = _answer(request, theme_css(current_site()), "text/css; charset=utf-8")
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
    return HttpResponse(page, status=404, content_type=HTML)


def _section(name: str, cards: list[Card], collections: Iterable[Collection]) -> Section:
    collection = next(known for known in collections if known.name == name)
    return Section(title=collection.title, path=f"/{name}", cards=cards, description=collection.description)


def _answer(request: HttpRequest, content: str | bytes, content_type: str) -> HttpResponse:
    """Answer with an ETag, or 304 where the client has the same already."""
    body = content.encode() if isinstance(content, str) else content
    etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    response = HttpResponse(status=304) if etag in known else HttpResponse(body, content_type=content_type)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "public, no-cache"
    return response
