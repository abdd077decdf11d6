"""What stands at each address of a tenant's site, as visitors get it; made from published snapshots alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.staticfiles import finders
from django.templatetags.static import static

from core.models import Collection
from core.rendering.feed import render_feed
from core.rendering.pages import (
    Card,
    Section,
    render_collection_page,
    render_home_page,
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
    public_pages,
    public_pages_at,
)
from core.selectors.site_pages import card_of, navigation_of, page_of_snapshot, site_collections
from core.site import current_site
from core.site_file import SiteFile

HTML: Final = "text/html; charset=utf-8"
ATOM: Final = "application/atom+xml; charset=utf-8"
XML: Final = "application/xml; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
# What the site's templates refer to.
STATIC_FILES: Final = ("site/site.css",)
# In a site map that holds everything the lists of the collections stand too.
_ROOM_FOR_LISTS: Final = 1_000


def home_page() -> SiteFile:
    """Return the newest pages of every collection."""
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
    return _file("/", HTML, html)


def collection_index(
    name: str, *, before: Position | None = None, after: Position | None = None
) -> SiteFile | None:
    """Return a list of a collection's pages, the newest first; None where the collection has none to show."""
    collections = site_collections()
    shown = next((candidate for candidate in collections if candidate.name == name), None)
    if shown is None:
        return None
    page = collection_page(shown, before=before, after=after)
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
    return _file(path, HTML, html)


def record_page(path: str) -> SiteFile | None:
    """Return the page of the published record at an address, or None."""
    return next(record_pages([path]), None)


def record_pages(paths: Sequence[str]) -> Iterator[SiteFile]:
    """Return the pages of the published records at addresses; an address without one is left out."""
    site, collections = current_site(), site_collections()
    navigation = navigation_of(collections)
    names = {collection.name for collection in collections}
    for snapshot in public_pages_at(paths):
        if snapshot.collection_name not in names:
            continue  # the collection has lost its pages since the record was published
        page = page_of_snapshot(snapshot, collections)
        html = render_record_page(site=site, navigation=navigation, page=page)
        yield _file(snapshot.path, HTML, html, record_id=snapshot.record_id)


def feed(path: str = "/feed.xml") -> SiteFile:
    """Return the newest pages as an Atom feed."""
    return _file(path, ATOM, render_feed(site=current_site(), path=path, entries=feed_entries()))


def sitemap() -> SiteFile:
    """Return all addresses, or the list of the site maps where one cannot hold them."""
    site, count = current_site(), public_pages().count()
    if parts := _sitemap_parts(count):
        return _file("/sitemap.xml", XML, render_sitemap_index(site=site, paths=parts))
    lists = [("/", None), *((link.path, None) for link in navigation_of(site_collections()))]
    pages = public_pages().order_by("pk").values_list("path", "updated_at")
    return _file("/sitemap.xml", XML, render_sitemap(site=site, pages=chain(lists, pages)))


def sitemap_part(number: int) -> SiteFile | None:
    """Return one of the site maps of a large site, counted from 1; None where there are fewer."""
    start = (number - 1) * MAX_ADDRESSES
    rows = public_pages().order_by("pk").values_list("path", "updated_at")[start : start + MAX_ADDRESSES]
    pages = list(rows)
    if not pages:
        return None
    return _file(f"/sitemap-{number}.xml", XML, render_sitemap(site=current_site(), pages=pages))


def robots() -> SiteFile:
    """Return what tells crawlers where the site map is and where nothing is for them."""
    text = (
        f"User-agent: *\nDisallow: /admin/\nDisallow: /api/\n\nSitemap: {current_site().origin}/sitemap.xml\n"
    )
    return _file("/robots.txt", TEXT, text)


def theme() -> SiteFile:
    """Return the style sheet with the tenant's own colour; it stands apart so that pages need no inline styles."""
    return _file("/theme.css", CSS, theme_css(current_site()))


def site_paths() -> Iterator[str]:
    """Return every address of the site at which a file stands, the records' pages last."""
    yield from ("/", "/feed.xml", "/sitemap.xml", "/robots.txt", "/theme.css")
    yield from (static(name) for name in STATIC_FILES)
    yield from _sitemap_parts(public_pages().count())
    collections = site_collections()
    yield from (f"/{collection.name}" for collection in collections)
    names = [collection.name for collection in collections]
    paths = public_pages().filter(collection_name__in=names).order_by("pk").values_list("path", flat=True)
    yield from paths.iterator(chunk_size=1_000)


def site_files(paths: Sequence[str]) -> Iterator[SiteFile]:
    """Return what stands at addresses of the site, query left out; an address at which nothing does is left out.

    What pages have in common is read once for all of them.
    """
    pages = [path for path in paths if _is_record_page(path)]
    yield from record_pages(pages)
    own = (_own_file(path) for path in paths if not _is_record_page(path))
    yield from (file for file in own if file is not None)


def _is_record_page(path: str) -> bool:
    return path.count("/") > 1 and all(path != static(name) for name in STATIC_FILES)


def _own_file(path: str) -> SiteFile | None:
    """Return the file of the site itself, not of a record, at an address."""
    match path:
        case "/":
            return home_page()
        case "/feed.xml":
            return feed()
        case "/sitemap.xml":
            return sitemap()
        case "/robots.txt":
            return robots()
        case "/theme.css":
            return theme()
    for name in STATIC_FILES:
        if path == static(name) and (found := finders.find(name)) is not None:
            with open(found, "rb") as file:  # noqa: PTH123 - finders return text
                return SiteFile(path=path, content_type=CSS, body=file.read())
    number = path.removeprefix("/sitemap-").removesuffix(".xml")
    if path == f"/sitemap-{number}.xml" and number.isdecimal() and len(number) <= 4 and int(number) > 0:
        return sitemap_part(int(number))
    return collection_index(path[1:]) if path.startswith("/") else None


def _sitemap_parts(count: int) -> list[str]:
    if count <= MAX_ADDRESSES - _ROOM_FOR_LISTS:
        return []
    return [f"/sitemap-{number}.xml" for number in range(1, -(-count // MAX_ADDRESSES) + 1)]


def _section(name: str, cards: list[Card], collections: Iterable[Collection]) -> Section:
    collection = next(known for known in collections if known.name == name)
    return Section(title=collection.title, path=f"/{name}", cards=cards, description=collection.description)


def _file(path: str, content_type: str, content: str | bytes, *, record_id: UUID | None = None) -> SiteFile:
    body = content.encode() if isinstance(content, str) else content
    return SiteFile(path=path, content_type=content_type, body=body, record_id=record_id)
