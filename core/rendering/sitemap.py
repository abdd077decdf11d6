"""A site's addresses for crawlers. Source: sitemaps.org protocol 0.9."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

from core.rendering.xml import xml_document, xml_text
from core.site import Site

NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
MAX_ADDRESSES: Final = 50_000


def render_sitemap(*, site: Site, pages: Iterable[tuple[str, datetime | None]]) -> bytes:
    """Return a site map of (path, last change) pairs, of which there are at most `MAX_ADDRESSES`."""
    root = ET.Element("urlset", {"xmlns": NAMESPACE})
    for path, changed_at in pages:
        node = ET.SubElement(root, "url")
        ET.SubElement(node, "loc").text = xml_text(f"{site.origin}{path}")
        if changed_at is not None:
            ET.SubElement(node, "lastmod").text = changed_at.isoformat(timespec="seconds")
    return xml_document(root)


def render_sitemap_index(*, site: Site, paths: Sequence[str]) -> bytes:
    """Return the list of a large site's site maps."""
    root = ET.Element("sitemapindex", {"xmlns": NAMESPACE})
    for path in paths:
        ET.SubElement(ET.SubElement(root, "sitemap"), "loc").text = xml_text(f"{site.origin}{path}")
    return xml_document(root)
