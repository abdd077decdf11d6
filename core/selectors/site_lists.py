"""Lists of published records as the site, its feed and its site map show them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from core.models import Collection, PublishedSnapshot
from core.rendering.feed import FeedEntry
from core.schema_keywords import as_uuid

PAGE_SIZE: Final = 24
HOME_CARDS: Final = 6
FEED_ENTRIES: Final = 20
_LIST_COLUMNS: Final = ("record", "collection_name", "title", "path", "excerpt", "published_at")
_POSITION: Final = re.compile(r"^(\d{8}T\d{6}\.\d{6})Z~([0-9a-f-]{36})$")
_CARD_COLUMNS: Final = "id, record_id, collection_name, title, path, excerpt, published_at"
_FEED_COLUMNS: Final = f"{_CARD_COLUMNS}, updated_at, page_html, document"

# The newest of each collection by its own index range; a window over all rows would read them all.
_NEWEST_OF_EACH: Final = """
    SELECT s.* FROM core_collection c CROSS JOIN LATERAL (
        SELECT {columns} FROM core_publishedsnapshot
        WHERE tenant_id = c.tenant_id AND collection_name = c.name AND is_public AND path <> ''
        ORDER BY published_at DESC, record_id DESC LIMIT %s
    ) s WHERE c.is_public AND c.has_pages
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a list that is ordered by publication, the newest first."""

    published_at: datetime
    record_id: UUID

    def __str__(self) -> str:
        return f"{self.published_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}~{self.record_id}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Return the position that a text spells, or None."""
        found = _POSITION.match(text)
        record_id = as_uuid(found.group(2)) if found else None
        if found is None or record_id is None:
            return None
        try:
            moment = datetime.strptime(found.group(1), "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(published_at=moment, record_id=record_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A page of a collection's published records, the newest first.

    Args:
        newer: Where the page with newer records ends; None if there are none.
        older: Where the page with older records begins; None if there are none.
    """

    snapshots: Sequence[PublishedSnapshot]
    newer: Position | None
    older: Position | None


def public_pages() -> QuerySet[PublishedSnapshot]:
    """Return the published records that everybody may see and that have a page."""
    return PublishedSnapshot.objects.filter(is_public=True).exclude(path="")


def public_pages_at(paths: Iterable[str]) -> QuerySet[PublishedSnapshot]:
    """Return the published records whose pages are at `paths`."""
    return public_pages().filter(path__in=paths)


def collection_page(
    collection: Collection, *, before: Position | None = None, after: Position | None = None
) -> ListPage:
    """Return the records older than `before`, newer than `after`, or the newest."""
    rows = public_pages().filter(collection_name=collection.name).only(*_LIST_COLUMNS)
    if after is not None:
        newer_first = _beyond(rows, after, "gt").order_by("published_at", "record")[: PAGE_SIZE + 1]
        found = list(newer_first)
        return _page(found[:PAGE_SIZE][::-1], has_newer=len(found) > PAGE_SIZE, has_older=True)
    if before is not None:
        rows = _beyond(rows, before, "lt")
    found = list(rows.order_by("-published_at", "-record")[: PAGE_SIZE + 1])
    return _page(found[:PAGE_SIZE], has_newer=before is not None, has_older=len(found) > PAGE_SIZE)


def newest_of_each_collection() -> dict[str, list[PublishedSnapshot]]:
    """Return collection name -> its newest pages, the collection with the newest page first."""
    found: dict[str, list[PublishedSnapshot]] = defaultdict(list)
    for snapshot in _newest_of_each(_CARD_COLUMNS, HOME_CARDS + 1):
        found[snapshot.collection_name].append(snapshot)
    return dict(found)


def feed_entries() -> list[FeedEntry]:
    """Return the newest pages of all collections as a feed shows them."""
    newest = _newest_of_each(_FEED_COLUMNS, FEED_ENTRIES)[:FEED_ENTRIES]
    return [
        FeedEntry(
            record_id=str(snapshot.record_id),
            title=snapshot.title,
            path=snapshot.path,
            summary=snapshot.excerpt,
            html=snapshot.page_html,
            author=json.loads(snapshot.document)["author"],
            published_at=snapshot.published_at,
            updated_at=snapshot.updated_at,
        )
        for snapshot in newest
    ]


def _newest_of_each(columns: str, count: int) -> list[PublishedSnapshot]:
    """The newest `count` pages of each collection, the newest first."""
    rows: Iterable[PublishedSnapshot] = PublishedSnapshot.objects.raw(
        _NEWEST_OF_EACH.format(columns=columns), [count]
    )
    return sorted(rows, key=lambda row: (row.published_at, row.record_id), reverse=True)


def _beyond(
    rows: QuerySet[PublishedSnapshot], position: Position, direction: str
) -> QuerySet[PublishedSnapshot]:
    # The first condition bounds the index range; the second, with its OR, could not.
    return rows.filter(**{f"published_at__{direction}e": position.published_at}).filter(
        Q(**{f"published_at__{direction}": position.published_at})
        | Q(published_at=position.published_at, **{f"record__{direction}": position.record_id})
    )


def _page(snapshots: Sequence[PublishedSnapshot], *, has_newer: bool, has_older: bool) -> ListPage:
    if not snapshots:
        return ListPage(snapshots=(), newer=None, older=None)
    first, last = snapshots[0], snapshots[-1]
    return ListPage(
        snapshots=snapshots,
        newer=Position(published_at=first.published_at, record_id=first.record_id) if has_newer else None,
        older=Position(published_at=last.published_at, record_id=last.record_id) if has_older else None,
    )
