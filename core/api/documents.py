"""What the API answers for each kind of row, and the schema of each answer."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from core.api.bodies import Schema
from core.api.views import etag_of
from core.models import Collection, Event, Record, Revision
from core.selectors.content_state import timestamp
from core.services.publishing import PublicationNotes

_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "string", "format": "uuid"}
_NUMBER: Final = {"type": "integer"}
_FLAG: Final = {"type": "boolean"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_ANY_OBJECT: Final = {"type": "object", "additionalProperties": True}


def answer_schema(properties: Schema) -> dict[str, Any]:
    """Return the schema of an answer that has all of these properties."""
    return {"type": "object", "properties": dict(properties), "required": [*properties]}


def page_schema(item: Schema) -> dict[str, Any]:
    """Return the schema of a page of items."""
    cursor = {"type": ["string", "null"]}
    return answer_schema(
        {
            "data": {"type": "array", "items": dict(item)},
            "next": cursor,
            "previous": cursor,
            "total": {"type": ["integer", "null"]},
        }
    )


COLLECTION: Final = answer_schema(
    {
        "id": _ID,
        "name": _TEXT,
        "title": _TEXT,
        "description": _TEXT,
        "schema": _ANY_OBJECT,
        "schema_version": _NUMBER,
        "is_public": _FLAG,
        "has_pages": _FLAG,
        "requires_if_match": _FLAG,
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
    }
)
RECORD: Final = answer_schema(
    {
        "id": _ID,
        "collection": _TEXT,
        "slug": _TEXT,
        "locale": _TEXT,
        "title": _TEXT,
        "status": {"type": "string", "enum": ["draft", "published", "changed", "trashed"]},
        "version": _NUMBER,
        "author": {"type": ["string", "null"], "format": "uuid"},
        "data": _ANY_OBJECT,
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
        "published_at": _MOMENT_OR_NONE,
    }
)
# What publishing answers: the record, and what plugins that let it through have to say.
PUBLISHED: Final = answer_schema(
    {
        **RECORD["properties"],
        "warnings": {"type": "array", "items": answer_schema({"plugin": _TEXT, "message": _TEXT})},
        "scores": {"type": "array", "items": answer_schema({"plugin": _TEXT, "score": {"type": "number"}})},
    }
)
# What `content/...` answers: see core.services.publishing.delivery_document.
DELIVERED: Final = answer_schema(
    {
        "id": _ID,
        "collection": _TEXT,
        "slug": _TEXT,
        "locale": _TEXT,
        "title": _TEXT,
        "path": _TEXT,
        "version": _NUMBER,
        "author": {"type": ["string", "null"]},
        "published_at": _MOMENT,
        "updated_at": _MOMENT,
        "created_at": _MOMENT,
        "data": _ANY_OBJECT,
    }
)
REVISION: Final = answer_schema(
    {
        "version": _NUMBER,
        "action": _TEXT,
        "title": _TEXT,
        "slug": _TEXT,
        "locale": _TEXT,
        "data": _ANY_OBJECT,
        "actor": _TEXT,
        "actor_label": _TEXT,
        "comment": _TEXT,
        "created_at": _MOMENT,
    }
)

EVENT: Final = answer_schema(
    {
        "id": _ID,
        "type": _TEXT,
        "occurred_at": _MOMENT,
        "collection": {"type": ["string", "null"]},
        "record_id": {"type": ["string", "null"], "format": "uuid"},
        "version": {"type": ["integer", "null"]},
        "actor": _TEXT,
        "actor_label": _TEXT,
        "correlation_id": _ID,
        "causation_id": {"type": ["string", "null"], "format": "uuid"},
        "payload": _ANY_OBJECT,
    }
)


def collection_document(collection: Collection) -> dict[str, Any]:
    """Return a collection as the API answers it."""
    return {
        "id": str(collection.pk),
        "name": collection.name,
        "title": collection.title,
        "description": collection.description,
        "schema": collection.schema,
        "schema_version": collection.schema_version,
        "is_public": collection.is_public,
        "has_pages": collection.has_pages,
        "requires_if_match": collection.requires_if_match,
        "created_at": timestamp(collection.created_at),
        "updated_at": timestamp(collection.updated_at),
    }


def record_document(record: Record) -> dict[str, Any]:
    """Return a record's working copy as the API answers it; its collection must be loaded."""
    return {
        "id": str(record.pk),
        "collection": record.collection.name,
        "slug": record.slug,
        "locale": record.locale,
        "title": record.title,
        "status": record.state,
        "version": record.version,
        "author": str(record.author_id) if record.author_id else None,
        "data": record.data,
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.updated_at),
        "published_at": timestamp(record.published_at),
    }


def publication_document(record: Record, notes: PublicationNotes) -> dict[str, Any]:
    """Return a record that was published, with what plugins have to say about it."""
    return {
        **record_document(record),
        "warnings": [{"plugin": note.plugin, "message": note.message} for note in notes.warnings],
        "scores": [{"plugin": plugin, "score": score} for plugin, score in notes.scores],
    }


def revision_document(revision: Revision) -> dict[str, Any]:
    """Return an entry of a record's history as the API answers it."""
    return {
        "version": revision.version,
        "action": revision.action,
        "title": revision.title,
        "slug": revision.slug,
        "locale": revision.locale,
        "data": revision.data,
        "actor": revision.actor,
        "actor_label": revision.actor_label,
        "comment": revision.comment,
        "created_at": timestamp(revision.created_at),
    }


def event_document(event: Event) -> dict[str, Any]:
    """Return an entry of the tenant's log as the API answers it."""
    return {
        "id": str(event.pk),
        "type": event.type,
        "occurred_at": timestamp(event.created_at),
        "collection": event.collection_name or None,
        "record_id": str(event.record_id) if event.record_id else None,
        "version": event.record_version,
        "actor": event.actor,
        "actor_label": event.actor_label,
        "correlation_id": str(event.correlation_id),
        "causation_id": str(event.causation_id) if event.causation_id else None,
        "payload": event.payload,
    }


def collection_etag(collection: Collection) -> str:
    """Return the entity tag of a collection, which changes with everything about it."""
    return etag_of(f"{collection.schema_version}-{collection.updated_at.timestamp():.6f}")


def page_etag(document: dict[str, Any], versions: list[str]) -> str:
    """Return the entity tag of a page: of the rows on it, their versions, and its neighbours."""
    text = f"{versions} {document['next']} {document['previous']} {document['total']}"
    return etag_of(blake2b(text.encode(), digest_size=16).hexdigest())
