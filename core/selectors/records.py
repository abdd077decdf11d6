"""Collections and records, looked up as people and programs name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from core.errors import FieldError, NotFound
from core.models import Collection, PublishedSnapshot, Record
from core.schema_keywords import as_uuid, relation_values


def collection_named(name: str) -> Collection:
    """Return a collection of the tenant in scope.

    Raises:
        NotFound: with the nearest name, where there is one.
    """
    found = Collection.objects.filter(name=name).first()
    if found is None:
        names = list(Collection.objects.values_list("name", flat=True))
        near = get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise NotFound(f"There is no collection {name!r}.{hint}", code="collection_not_found")
    return found


def record_with_id(record_id: UUID | str) -> Record:
    """Return a record of the tenant in scope, its collection loaded.

    Raises:
        NotFound: It is not there, is another tenant's, or the id is no id.
    """
    identity = record_id if isinstance(record_id, UUID) else as_uuid(record_id)
    found = Record.objects.select_related("collection").filter(pk=identity).first() if identity else None
    if found is None:
        raise NotFound(f"There is no record {record_id}.", code="record_not_found")
    return found


def missing_targets(
    schema: Mapping[str, Any], data: Mapping[str, Any], *, published: bool
) -> list[FieldError]:
    """Return a fault for each relation whose target is not there.

    Args:
        published: The target must be live, not merely exist.
    """
    wanted = [
        (pointer, target, as_uuid(value), value) for pointer, target, value in relation_values(schema, data)
    ]
    if not wanted:
        return []
    ids = {identity for _, _, identity, _ in wanted if identity}
    known = dict(Record.objects.filter(pk__in=ids).values_list("pk", "collection__name"))
    live = (
        set(PublishedSnapshot.objects.filter(record__in=ids).values_list("record", flat=True))
        if published
        else ids
    )
    errors = []
    for pointer, target, identity, value in wanted:
        if identity is None or known.get(identity) != target:
            message = f"There is no record {value!r} in the collection {target!r}."
            errors.append(FieldError(pointer=f"/data{pointer}", message=message, code="relation"))
        elif identity not in live:
            message = f"The {target} record {value} is a draft; publish it first."
            errors.append(FieldError(pointer=f"/data{pointer}", message=message, code="relation_unpublished"))
    return errors


def titles_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return id -> title of records."""
    return dict(Record.objects.filter(pk__in=list(ids)).values_list("pk", "title"))
