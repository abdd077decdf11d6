"""A site's newest records as an Atom feed. Source: RFC 4287."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from core.rendering.xml import xml_document, xml_text
from core.site import Site

ATOM = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """A published record as feed readers show it."""

    record_id: str
    title: str
    path: str
    summary: str
    html: str
    author: str | None
    published_at: datetime
    updated_at: datetime


def render_feed(*, site: Site, path: str, entries: Sequence[FeedEntry]) -> bytes:
    """Return the feed as an XML document.

    Args:
        path: Where the feed itself is.
        entries: The newest first.
    """
    feed = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    _text(feed, "id", f"{site.origin}/")
    _text(feed, "title", site.name)
    if site.tagline:
        _text(feed, "subtitle", site.tagline)
    ET.SubElement(
        feed, "link", {"rel": "self", "type": "application/atom+xml", "href": f"{site.origin}{path}"}
    )
    ET.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{site.origin}/"})
    newest = max((entry.updated_at for entry in entries), default=datetime(2000, 1, 1, tzinfo=UTC))
    _text(feed, "updated", newest.isoformat())
    _text(ET.SubElement(feed, "author"), "name", site.name)
    for entry in entries:
        _entry(feed, site, entry)
    return xml_document(feed)


def _entry(feed: ET.Element, site: Site, entry: FeedEntry) -> None:
    node = ET.SubElement(feed, "entry")
    _text(node, "id", f"urn:uuid:{entry.record_id}")
    _text(node, "title", entry.title)
    ET.SubElement(
        node, "link", {"rel": "alternate", "type": "text/html", "href": f"{site.origin}{entry.path}"}
    )
    _text(node, "published", entry.published_at.isoformat())
    _text(node, "updated", entry.updated_at.isoformat())
    if entry.author:
        _text(ET.SubElement(node, "author"), "name", entry.author)
    if entry.summary:
        _text(node, "summary", entry.summary)
    content = ET.SubElement(node, "content", {"type": "html", "xml:base": f"{site.origin}{entry.path}"})
    content.text = xml_text(entry.html)


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = xml_text(text)
