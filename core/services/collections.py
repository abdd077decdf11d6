"""Kinds of content: made, described, removed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from core.actors import Actor, authorize
from core.errors import Conflict, FieldError, Invalid
from core.json_schema import DRAFT_7, check_schema, pointer_to, validate
from core.models import Collection, FieldValue, PublishedSnapshot, Record
from core.models.collection import COLLECTION_NAME_PATTERN
from core.schema_keywords import KEYWORDS, indexed_fields, properties, value_kind
from core.scope import current_actor
from core.selectors.collection_shapes import announce_collection_change
from core.selectors.records import collection_named
from core.services.commands import CommandCall, complete_command, let_through, run_command
from core.services.field_values import field_value_rows
from core.services.recording import require_no_transaction

# First parts of addresses that a tenant's host answers itself.
RESERVED_NAMES: Final = frozenset({"admin", "api", "static", "media", "livez", "readyz", "metrics", "theme"})
# Names under which the API filters and sorts by columns; a field of that name could never be filtered by.
RESERVED_FIELDS: Final = frozenset(
    {"id", "slug", "locale", "published_at", "limit", "cursor", "sort", "fields", "total"}
)
MAX_REPORTED: Final = 50
_FIELD_NAME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*$")
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """A stored record that a new schema would refuse."""

    record_id: str
    title: str
    errors: tuple[FieldError, ...]


def create_collection(
    *,
    name: str,
    schema: Mapping[str, Any],
    title: str = "",
    description: str = "",
    is_public: bool = True,
    has_pages: bool = True,
    requires_if_match: bool = False,
    actor: Actor | None = None,
) -> Collection:
    """Make a collection and return it.

    A schema that does not say `additionalProperties` gets `false`: unknown fields are refused.

    Raises:
        Forbidden, Invalid (name or schema), Conflict (the name is taken).
    """
    command = CommandCall(
        "create_collection",
        {
            "name": name,
            "schema": schema,
            "title": title,
            "description": description,
            "is_public": is_public,
            "has_pages": has_pages,
            "requires_if_match": requires_if_match,
        },
        actor or current_actor(),
    )
    return run_command(command, _create)


def _create(command: CommandCall) -> Collection:
    _begin(command)
    name, schema = command["name"], command["schema"]
    errors = _name_errors(name) + schema_errors(schema)
    if errors:
        raise Invalid("The collection cannot be made like this.", errors=errors)
    collection = Collection(
        name=name,
        title=command["title"].strip() or name.replace("_", " ").replace("-", " ").capitalize(),
        description=command["description"],
        schema=completed_schema(schema),
        is_public=command["is_public"],
        has_pages=command["has_pages"],
        requires_if_match=command["requires_if_match"],
    )
    try:
        with transaction.atomic():
            collection.save(force_insert=True)
            announce_collection_change(name)
            complete_command(command, collection=collection)
    except IntegrityError as error:
        message = f"There is a collection {name!r} already."
        errors = [FieldError(pointer="/name", message=message, code="unique")]
        raise Conflict(message, code="collection_exists", errors=errors) from error
    return collection


def update_collection(
    *,
    name: str,
    title: str | None = None,
    description: str | None = None,
    is_public: bool | None = None,
    has_pages: bool | None = None,
    requires_if_match: bool | None = None,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> Collection:
    """Change what surrounds a collection's schema and return it; what is None stays.

    A change of `is_public` counts for published records at once.

    Raises:
        Forbidden, NotFound, Invalid (an empty title).
    """
    command = CommandCall(
        "update_collection",
        {
            "name": name,
            "title": title,
            "description": description,
            "is_public": is_public,
            "has_pages": has_pages,
            "requires_if_match": requires_if_match,
        },
        actor or current_actor(),
    )
    return run_command(command, partial(_update, now=now or timezone.now()))


def _update(command: CommandCall, *, now: datetime) -> Collection:
    _begin(command)
    changes = {
        field: value for field, value in command.arguments.items() if field != "name" and value is not None
    }
    if not changes.get("title", "-").strip():
        message = "A collection needs a title."
        raise Invalid(message, errors=[FieldError(pointer="/title", message=message, code="required")])
    with transaction.atomic():
        collection = _locked(command["name"])
        for field, value in changes.items():
            setattr(collection, field, value)
        collection.updated_at = now
        collection.save(update_fields=[*changes, "updated_at"])
        announce_collection_change(collection.name)
        if "is_public" in changes:
            PublishedSnapshot.objects.filter(collection=collection).update(is_public=changes["is_public"])
        complete_command(command, collection=collection)
    return collection


def update_collection_schema(
    *,
    name: str,
    schema: Mapping[str, Any],
    allow_misfits: bool = False,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> Collection:
    """Replace a collection's schema, bring the filter index in step, and return the collection.

    Args:
        allow_misfits: Accept that stored records do not fit; they must be put right at their next change.

    Raises:
        Forbidden, NotFound, Invalid (the schema), Conflict (stored records do not fit; the errors name them).
    """
    command = CommandCall(
        "update_collection_schema",
        {"name": name, "schema": schema, "allow_misfits": allow_misfits},
        actor or current_actor(),
    )
    return run_command(command, partial(_update_schema, now=now or timezone.now()))


def _update_schema(command: CommandCall, *, now: datetime) -> Collection:
    require_no_transaction()
    _begin(command)
    if errors := schema_errors(command["schema"]):
        raise Invalid("The schema cannot be used.", errors=errors)
    wanted = completed_schema(command["schema"])
    with transaction.atomic(durable=True):
        collection = _locked(command["name"])
        # The order of the fields counts too: forms follow it.
        if json.dumps(collection.schema) != json.dumps(wanted):
            _replace_schema(collection, wanted, allow_misfits=command["allow_misfits"], now=now)
        complete_command(command, collection=collection)
    return collection


def _replace_schema(
    collection: Collection, wanted: dict[str, Any], *, allow_misfits: bool, now: datetime
) -> None:
    if not allow_misfits and (misfits := _misfits(collection, wanted)):
        raise _misfit_conflict(misfits)
    was = collection.schema
    collection.schema = wanted
    collection.schema_version += 1
    collection.updated_at = now
    collection.save(update_fields=["schema", "schema_version", "updated_at"])
    announce_collection_change(collection.name)
    if _index_plan(was) != _index_plan(wanted):
        _rebuild_index(collection)


def schema_misfits(*, name: str, schema: Mapping[str, Any], actor: Actor | None = None) -> list[Misfit]:
    """Return the records, at most `MAX_REPORTED`, that a new schema would refuse; nothing is changed.

    Raises:
        Forbidden, NotFound, Invalid (the schema).
    """
    authorize(actor or current_actor(), "collection.manage", collection=name)
    if errors := schema_errors(schema):
        raise Invalid("The schema cannot be used.", errors=errors)
    return _misfits(collection_named(name), completed_schema(schema))


def delete_collection(*, name: str, actor: Actor | None = None) -> None:
    """Delete an empty collection.

    Raises:
        Forbidden, NotFound, Conflict (it has records).
    """
    command = CommandCall("delete_collection", {"name": name}, actor or current_actor())
    run_command(command, _delete)


def _delete(command: CommandCall) -> None:
    _begin(command)
    name = command["name"]
    with transaction.atomic():
        collection = _locked(name)
        count = Record.objects.filter(collection=collection).count()
        if count:
            raise Conflict(f"{name!r} has {count} records; delete them first.", code="collection_not_empty")
        complete_command(command, collection=collection)
        collection.delete()
        announce_collection_change(name)


def _begin(command: CommandCall) -> None:
    """Check permission and let plugins have their say."""
    authorize(command.actor, "collection.manage", collection=command["name"])
    if let_through(command):
        authorize(command.actor, "collection.manage", collection=command["name"])


def completed_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with what goes without saying: draft-07, an object, unknown fields refused."""
    return {"$schema": DRAFT_7, "type": "object", "additionalProperties": False} | deepcopy(dict(schema))


def schema_errors(schema: object) -> list[FieldError]:
    """Return what keeps a schema from describing a collection; pointers begin with `/schema`."""
    found = check_schema(schema)
    if not found and isinstance(schema, Mapping):
        found = [*_object_errors(schema)]
        for name, subschema in properties(schema).items():
            found += _field_errors(name, subschema)
    return [
        FieldError(pointer=f"/schema{error.pointer}", message=error.message, code=error.code)
        for error in found
    ]


def _object_errors(schema: Mapping[str, Any]) -> list[FieldError]:
    if schema.get("type", "object") == "object":
        return []
    message = "A record is an object: write type object."
    return [FieldError(pointer="/type", message=message, code="type")]


def _field_errors(name: str, subschema: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    where = ("properties", name)
    if not _FIELD_NAME.fullmatch(name) or len(name) > 63:
        message = (
            f"{name!r} is no field name: letters, digits and single _, beginning with a letter, at most 63."
        )
        errors.append(FieldError(pointer=pointer_to(where), message=message, code="field_name"))
    if name in RESERVED_FIELDS and subschema.get("x-index") is True:
        message = f"{name!r} is a word of the API, so nobody could filter by it: rename the field or leave x-index out."
        errors.append(FieldError(pointer=pointer_to((*where, "x-index")), message=message, code="field_name"))
    for keyword, value in subschema.items():
        if not keyword.startswith("x-"):
            continue
        if fault := _keyword_fault(keyword, value):
            errors.append(FieldError(pointer=pointer_to((*where, keyword)), message=fault, code="keyword"))
    return errors


def _keyword_fault(keyword: str, value: Any) -> str | None:
    if keyword not in KEYWORDS:
        near = get_close_matches(keyword, KEYWORDS, n=1)
        # Other x- words belong to others, such as editors; only a slip of the pen is stopped.
        return f"Unknown keyword {keyword!r}; did you mean {near[0]!r}?" if near else None
    if keyword == "x-relation":
        is_name = isinstance(value, str) and re.fullmatch(COLLECTION_NAME_PATTERN, value)
        return None if is_name else "x-relation takes the name of a collection."
    if keyword == "x-widget":
        return None if isinstance(value, str) else "x-widget takes a name, such as markdown."
    return None if isinstance(value, bool) else f"{keyword} takes true or false."


def _name_errors(name: object) -> list[FieldError]:
    if not isinstance(name, str) or not re.fullmatch(COLLECTION_NAME_PATTERN, name):
        message = "Begin with a letter; then lower-case letters, digits, - and _, at most 63 in all."
        return [FieldError(pointer="/name", message=message, code="name")]
    if name in RESERVED_NAMES:
        message = f"{name!r} is an address of its own on every host; choose another name."
        return [FieldError(pointer="/name", message=message, code="reserved")]
    return []


def _locked(name: str) -> Collection:
    collection_named(name)
    return Collection.objects.select_for_update().get(name=name)


def _misfits(collection: Collection, schema: Mapping[str, Any]) -> list[Misfit]:
    found: list[Misfit] = []
    rows = Record.objects.filter(collection=collection).order_by("pk").values_list("pk", "title", "data")
    for pk, title, data in rows.iterator(chunk_size=_BATCH):
        if errors := validate(schema, data):
            found.append(Misfit(record_id=str(pk), title=title, errors=tuple(errors)))
            if len(found) == MAX_REPORTED:
                break
    return found


def _misfit_conflict(misfits: list[Misfit]) -> Conflict:
    errors = [
        FieldError(
            pointer=f"/records/{misfit.record_id}/data{error.pointer}",
            message=f"{misfit.title}: {error.message}",
            code=error.code,
        )
        for misfit in misfits
        for error in misfit.errors
    ]
    count = f"{len(misfits)} or more" if len(misfits) == MAX_REPORTED else str(len(misfits))
    return Conflict(
        f"{count} stored records do not fit the new schema.", code="records_misfit", errors=errors
    )


def _index_plan(schema: Mapping[str, Any]) -> dict[str, str]:
    subschemas = properties(schema)
    return {name: value_kind(subschemas[name]) for name in indexed_fields(schema)}


def _rebuild_index(collection: Collection) -> None:
    """Write the side table of a collection anew, for working copies and published ones."""
    FieldValue.objects.filter(collection=collection).delete()
    records = Record.objects.filter(collection=collection).order_by("pk").values_list("pk", "data")
    for pk, data in records.iterator(chunk_size=_BATCH):
        _store_rows(collection, pk, data, is_published=False)
    snapshots = PublishedSnapshot.objects.filter(collection=collection).order_by("pk")
    for pk, document in snapshots.values_list("record", "document").iterator(chunk_size=_BATCH):
        _store_rows(collection, pk, json.loads(document)["data"], is_published=True)


def _store_rows(
    collection: Collection, record_id: Any, data: Mapping[str, Any], *, is_published: bool
) -> None:
    FieldValue.objects.bulk_create(
        field_value_rows(
            collection_id=collection.pk,
            record_id=record_id,
            schema=collection.schema,
            data=data,
            is_published=is_published,
        )
    )
