"""What the pages of a tenant's site show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import ceil
from typing import Any

from core.models import Collection, PublishedSnapshot
from core.rendering.body import Body
from core.rendering.pages import Card, Link, RecordPage
from core.rendering.text import plain_text, word_count
from core.selectors.content_state import ContentState

WORDS_PER_MINUTE = 230
TAG_FIELDS = ("tags", "topics", "keywords")


def site_collections() -> list[Collection]:
    """Return the collections that have public pages, by title."""
    return list(Collection.objects.filter(is_public=True, has_pages=True).order_by("title", "name"))


def navigation_of(collections: Sequence[Collection]) -> list[Link]:
    """Return the site's main navigation."""
    return [Link(title=collection.title, path=f"/{collection.name}") for collection in collections]


def page_of_state(state: ContentState, body: Body, collections: Sequence[Collection]) -> RecordPage:
    """Return a record's page from any state of it."""
    return RecordPage(
        title=state.title,
        path=state.path,
        html=body.html,
        excerpt=body.excerpt,
        author=state.author,
        published_at=state.published_at,
        updated_at=state.updated_at,
        reading_minutes=_reading_minutes(state.data, body.text),
        locale=state.locale,
        tags=_tags(state.data),
        parent=_parent(state.collection, collections),
    )


def page_of_snapshot(snapshot: PublishedSnapshot, collections: Sequence[Collection]) -> RecordPage:
    """Return a record's page from what was prepared at publishing."""
    document = json.loads(snapshot.document)
    return RecordPage(
        title=snapshot.title,
        path=snapshot.path,
        html=snapshot.page_html,
        excerpt=snapshot.excerpt,
        author=document["author"],
        published_at=snapshot.published_at,
        updated_at=snapshot.updated_at,
        reading_minutes=_reading_minutes(document["data"], plain_text(snapshot.page_html)),
        locale=snapshot.locale,
        tags=_tags(document["data"]),
        parent=_parent(snapshot.collection_name, collections),
    )


def card_of(snapshot: PublishedSnapshot, *, collection_title: str = "") -> Card:
    """Return a published record as lists show it."""
    return Card(
        title=snapshot.title,
        path=snapshot.path,
        excerpt=snapshot.excerpt,
        published_at=snapshot.published_at,
        collection_title=collection_title,
    )


def _reading_minutes(data: Any, text: str) -> int:
    """What the record says itself, a plugin's field for instance; else counted."""
    own = data.get("reading_minutes")
    return own if isinstance(own, int) and own > 0 else max(1, ceil(word_count(text) / WORDS_PER_MINUTE))


def _tags(data: Any) -> list[str]:
    for name in TAG_FIELDS:
        value = data.get(name)
        if isinstance(value, list):
            return [item for item in value if isinstance(item, str)]
    category = data.get("category")
    return [category] if isinstance(category, str) else []


def _parent(name: str, collections: Sequence[Collection]) -> Link | None:
    return next((link for link in navigation_of(collections) if link.path == f"/{name}"), None)
