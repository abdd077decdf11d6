"""The state of a record at one version, wherever it is read from: the record itself, a draft, an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.models import Collection, Event, Record
from core.models.record import RecordState
from core.schema_keywords import as_uuid, relations
from core.selectors.collection_shapes import collection_shape
from core.selectors.records import titles_of
from core.services.drafts import RecordDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentState:
    """A record as it was at `version`.

    Args:
        schema: The collection's present schema; {} where the collection is gone.
        author: The name of the author, where the data or an account names one.
    """

    record_id: UUID | None
    collection: str
    schema: Mapping[str, Any]
    has_pages: bool
    title: str
    slug: str
    locale: str
    status: str
    version: int
    data: Mapping[str, Any]
    author: str | None
    created_at: datetime | None
    updated_at: datetime | None
    published_at: datetime | None

    @property
    def path(self) -> str:
        """Where its page is on the tenant's host; "" where the collection has no pages."""
        return page_path(self.collection, self.slug, self.locale) if self.has_pages else ""

    def payload(self) -> dict[str, Any]:
        """Return the state as an event keeps it."""
        return {
            "title": self.title,
            "slug": self.slug,
            "locale": self.locale,
            "status": self.status,
            "version": self.version,
            "data": dict(self.data),
            "author": self.author,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
            "published_at": timestamp(self.published_at),
        }


def page_path(collection: str, slug: str, locale: str) -> str:
    """Return the path of a record's page; that of a language begins with it."""
    return f"/{locale}/{collection}/{slug}" if locale else f"/{collection}/{slug}"


def timestamp(moment: datetime | None) -> str | None:
    """Return a moment as it stands in JSON: ISO 8601, UTC, ending in Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def state_of_record(record: Record) -> ContentState:
    """Return the present state of a record's working copy; its collection must be loaded."""
    collection: Collection = record.collection
    return ContentState(
        record_id=record.pk,
        collection=collection.name,
        schema=collection.schema,
        has_pages=collection.has_pages,
        title=record.title,
        slug=record.slug,
        locale=record.locale,
        status=record.state,
        version=record.version,
        data=record.data,
        author=author_name(collection.schema, record.data),
        created_at=record.created_at,
        updated_at=record.updated_at,
        published_at=record.published_at,
    )


def state_of_draft(draft: RecordDraft) -> ContentState:
    """Return what a change would make of a record; before a creation there are no id and no dates."""
    record = draft.record
    return ContentState(
        record_id=record.pk if record else None,
        collection=draft.collection.name,
        schema=draft.collection.schema,
        has_pages=draft.collection.has_pages,
        title=draft.title,
        slug=draft.slug,
        locale=draft.locale,
        status=record.state if record else RecordState.DRAFT,
        version=record.version if record else 0,
        data=draft.data,
        author=author_name(draft.collection.schema, draft.data),
        created_at=record.created_at if record else None,
        updated_at=record.updated_at if record else None,
        published_at=record.published_at if record else None,
    )


def state_of_event(event: Event) -> ContentState:
    """Return the state that an event of a record kept, however much later it is read."""
    collection = collection_shape(event.collection_name)
    kept: dict[str, Any] = event.payload
    return ContentState(
        record_id=event.record_id,
        collection=event.collection_name,
        schema=collection.schema if collection else {},
        has_pages=collection.has_pages if collection else False,
        title=kept["title"],
        slug=kept["slug"],
        locale=kept["locale"],
        status=kept["status"],
        version=kept["version"],
        data=kept["data"],
        author=kept["author"],
        created_at=_moment(kept["created_at"]),
        updated_at=_moment(kept["updated_at"]),
        published_at=_moment(kept["published_at"]),
    )


def author_name(schema: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return who wrote it, as the data says: a name, or the titles of the records that `author` points at."""
    value = data.get("author", data.get("authors"))
    names = [
        item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str) and item
    ]
    if names and {"author", "authors"} & relations(schema).keys():
        ids = [identity for name in names if (identity := as_uuid(name))]
        titles = titles_of(ids)
        names = [titles[identity] for identity in ids if identity in titles]
    return ", ".join(names) or None


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
