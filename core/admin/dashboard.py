"""What the first page of a tenant's admin shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q

from core.models import Collection, Record
from core.models.record import RecordState

LATEST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionCounts:
    """How many records a collection has in which state."""

    name: str
    title: str
    total: int
    drafts: int
    changed: int
    published: int


def collection_overview() -> list[CollectionCounts]:
    """Return every collection with its counts, in one query."""
    alive = ~Q(records__state=RecordState.TRASHED)
    rows = Collection.objects.order_by("title").annotate(
        total=Count("records", filter=alive),
        drafts=Count("records", filter=Q(records__state=RecordState.DRAFT)),
        changed=Count("records", filter=Q(records__state=RecordState.CHANGED)),
        live=Count("records", filter=Q(records__state=RecordState.PUBLISHED)),
    )
    return [
        CollectionCounts(
            name=row.name,
            title=row.title,
            total=row.total,
            drafts=row.drafts,
            changed=row.changed,
            published=row.live,
        )
        for row in rows
    ]


def latest_records() -> list[Record]:
    """Return the records that were changed last."""
    found = Record.objects.exclude(state=RecordState.TRASHED).select_related("collection")
    return list(found.order_by("-updated_at", "-id")[:LATEST])
