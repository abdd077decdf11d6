"""Pages of a tenant's site, through the templates in templates/site/."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from core.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A place on the site, and what it is called."""

    title: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A record as lists show it."""

    title: str
    path: str
    excerpt: str
    published_at: datetime
    author: str | None = None
    collection_title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A collection on the home page."""

    title: str
    path: str
    cards: Sequence[Card]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """A record as its own page shows it.

    Args:
        html: Safe HTML of its text (see `core.rendering.body`).
        path: "" for a page that nobody can visit yet.
    """

    title: str
    path: str
    html: str
    excerpt: str
    author: str | None
    published_at: datetime | None
    updated_at: datetime | None
    reading_minutes: int
    locale: str = ""
    tags: Sequence[str] = ()
    parent: Link | None = None


def render_record_page(*, site: Site, navigation: Sequence[Link], page: RecordPage) -> str:
    """Return the page of one record as a whole HTML document."""
    return _render("record", site, navigation, {"page": page}, path=page.path, language=page.locale)


def render_collection_page(
    *,
    site: Site,
    navigation: Sequence[Link],
    title: str,
    description: str,
    path: str,
    cards: Sequence[Card],
    newer_path: str = "",
    older_path: str = "",
) -> str:
    """Return one page of a collection's index."""
    context = {
        "title": title,
        "description": description,
        "cards": cards,
        "newer_path": newer_path,
        "older_path": older_path,
    }
    return _render("collection", site, navigation, context, path=path)


def render_home_page(
    *, site: Site, navigation: Sequence[Link], latest: Card | None, sections: Sequence[Section]
) -> str:
    """Return the home page.

    Args:
        latest: The record that leads the page.
    """
    return _render("home", site, navigation, {"latest": latest, "sections": sections}, path="/")


def render_not_found_page(*, site: Site, navigation: Sequence[Link]) -> str:
    """Return the page for an address at which there is nothing."""
    return _render("not_found", site, navigation, {}, path="")


def theme_css(site: Site) -> str:
    """Return the style sheet that carries the tenant's own colour."""
    return f":root{{--accent-own:{site.accent_color}}}\n" if site.accent_color else "\n"


def _render(
    name: str,
    site: Site,
    navigation: Sequence[Link],
    context: dict[str, Any],
    *,
    path: str,
    language: str = "",
) -> str:
    shared = {
        "site": site,
        "navigation": navigation,
        "path": path,
        "section_path": "/" + path.strip("/").split("/", 1)[0],
        "canonical": f"{site.origin}{path}" if path else "",
        "language": language or "en",
        "theme_version": site.accent_color.removeprefix("#") or "default",
    }
    return render_to_string(f"site/{name}.html", shared | context)
