"""What reads and hooks need to know of a collection, kept in memory until its row changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.models import Collection
from core.schema_keywords import ValueKind, indexed_fields, properties, value_kind
from core.scope import require_tenant
from core.stamps import StampedCache, announce_change


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedField:
    """A field that filters and sorts may use.

    Args:
        kind: Which column of the side table holds its values.
        is_list: It has several values per record.
        is_required: Every record has one.
    """

    name: str
    kind: ValueKind
    is_list: bool
    is_required: bool
    is_boolean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionShape:
    """A collection as reads and hooks see it; shared by all of a process, so nothing in it may be changed."""

    collection_id: UUID
    name: str
    schema: Mapping[str, Any]
    is_public: bool
    has_pages: bool
    indexed: Mapping[str, IndexedField]
    fields: frozenset[str]


def collection_shape(name: str) -> CollectionShape | None:
    """Return the shape of a collection of the tenant in scope, or None where there is none of that name."""
    return _shapes.get(f"{require_tenant().tenant_id}/{name}")


def announce_collection_change(name: str) -> None:
    """Have every process forget the shape of a collection of the tenant in scope once the transaction commits."""
    announce_change("collections", f"{require_tenant().tenant_id}/{name}")


def _load(key: str) -> CollectionShape | None:
    collection = Collection.objects.filter(name=key.partition("/")[2]).first()
    if collection is None:
        return None
    described = properties(collection.schema)
    required = set(collection.schema.get("required", ()))
    return CollectionShape(
        collection_id=collection.pk,
        name=collection.name,
        schema=collection.schema,
        is_public=collection.is_public,
        has_pages=collection.has_pages,
        fields=frozenset(described),
        indexed={
            field: IndexedField(
                name=field,
                kind=value_kind(described[field]),
                is_list=described[field].get("type") == "array",
                is_required=field in required,
                is_boolean=described[field].get("type") == "boolean",
            )
            for field in indexed_fields(collection.schema)
        },
    )


_shapes: StampedCache[str, CollectionShape | None] = StampedCache("collections", _load, key_of=str)
