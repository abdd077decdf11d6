"""Which records a list wants: query parameters in Django's spelling, on columns and on fields marked `x-index`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, Literal
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils.dateparse import parse_date, parse_datetime

from core.api.pagination import PARAMETERS
from core.api.views import bad_parameter
from core.errors import Malformed
from core.models import FieldValue
from core.models.record import RecordState
from core.schema_keywords import as_uuid
from core.selectors.collection_shapes import CollectionShape, IndexedField

type Kind = Literal["text", "float", "boolean", "datetime", "id", "status"]

COLUMNS: Final[Mapping[str, tuple[str, Kind]]] = {
    "id": ("pk", "id"),
    "slug": ("slug", "text"),
    "title": ("title", "text"),
    "locale": ("locale", "text"),
    "status": ("state", "status"),
    "author": ("author_id", "id"),
    "created_at": ("created_at", "datetime"),
    "updated_at": ("updated_at", "datetime"),
    "published_at": ("published_at", "datetime"),
}
SORTS: Final = ("updated_at", "created_at", "title", "slug")
_ORDERED: Final = ("gt", "gte", "lt", "lte", "range")
_TEXT: Final = ("icontains", "istartswith", "startswith")
_LOOKUPS: Final = ("exact", "in", "isnull", "contains", *_ORDERED, *_TEXT)


def record_conditions(shape: CollectionShape, parameters: Mapping[str, str]) -> list[Q]:
    """Return the conditions that query parameters ask for; those of the page are left out.

    Raises:
        Malformed: An unknown field or lookup (with the nearest right name), or a value that does not fit.
    """
    return [_condition(shape, name, value) for name, value in parameters.items() if name not in PARAMETERS]


def _condition(shape: CollectionShape, parameter: str, value: str) -> Q:
    if parameter == "q":
        return Q(title__icontains=value) | Q(slug__icontains=value)
    name, _, lookup = parameter.partition("__")
    lookup = lookup or "exact"
    if lookup not in _LOOKUPS:
        near = get_close_matches(lookup, _LOOKUPS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(_LOOKUPS)}."
        raise bad_parameter(parameter, f"Unknown lookup {lookup!r}. {hint}")
    if name in COLUMNS:
        column, kind = COLUMNS[name]
        if lookup == "contains":
            raise bad_parameter(parameter, f"{name!r} is no list; use {name}__icontains.")
        return Q(**{f"{column}__{lookup}": _value(parameter, kind, lookup, value)})
    field = shape.indexed.get(name)
    if field is None:
        raise _unknown_field(shape, parameter, name)
    return _field_condition(shape, field, parameter, lookup, value)


def _field_condition(
    shape: CollectionShape, field: IndexedField, parameter: str, lookup: str, value: str
) -> Q:
    rows = FieldValue.objects.filter(
        record=OuterRef("pk"), collection=shape.collection_id, field=field.name, is_published=False
    )
    if lookup == "isnull":
        found = Exists(rows)
        return Q(~found) if _value(parameter, "text", lookup, value) else Q(found)
    if lookup == "contains":
        if not field.is_list:
            raise bad_parameter(parameter, f"{field.name!r} is no list; use {field.name}__icontains.")
        lookup = "exact"
    kind: Kind = "boolean" if field.is_boolean else field.kind
    wanted = {f"{field.kind}_value__{lookup}": _value(parameter, kind, lookup, value)}
    return Q(Exists(rows.filter(**wanted)))


def _value(parameter: str, kind: Kind, lookup: str, text: str) -> Any:
    if lookup == "isnull":
        return _boolean(parameter, text)
    if lookup in _TEXT and kind != "text":
        raise bad_parameter(parameter, f"{lookup!r} is for texts; this is a {kind}.")
    if lookup in _ORDERED and kind in {"id", "status", "boolean"}:
        raise bad_parameter(parameter, f"{lookup!r} does not fit; this is a {kind}.")
    if lookup == "in":
        return [_typed(parameter, kind, part) for part in text.split(",")]
    if lookup == "range":
        ends = text.split(",")
        if len(ends) != 2:
            raise bad_parameter(parameter, "A range is two values with a comma between: 1,10.")
        return tuple(_typed(parameter, kind, end) for end in ends)
    return _typed(parameter, kind, text)


def _typed(parameter: str, kind: Kind, text: str) -> Any:
    if kind == "float":
        try:
            return float(text)
        except ValueError:
            raise bad_parameter(parameter, f"{text!r} is no number.") from None
    if kind == "boolean":
        return float(_boolean(parameter, text))
    if kind == "datetime":
        return _moment(parameter, text)
    if kind == "id":
        return _id(parameter, text)
    if kind == "status" and text not in RecordState.values:
        raise bad_parameter(parameter, f"status is one of: {', '.join(RecordState.values)}; not {text!r}.")
    return text


def _moment(parameter: str, text: str) -> datetime:
    try:
        # A + that was not escaped arrives as a space.
        moment = parse_datetime(text.replace(" ", "+"))
        day = None if moment else parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime.combine(day, datetime.min.time())
    if moment is None:
        raise bad_parameter(parameter, f"{text!r} is no date; write 2026-01-31 or 2026-01-31T12:00:00Z.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _id(parameter: str, text: str) -> UUID:
    identity = as_uuid(text)
    if identity is None:
        raise bad_parameter(parameter, f"{text!r} is no id.")
    return identity


def _boolean(parameter: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise bad_parameter(parameter, f"Write true or false, not {text!r}.")
    return text == "true"


def _unknown_field(shape: CollectionShape, parameter: str, name: str) -> Malformed:
    if name in shape.fields:
        return bad_parameter(
            parameter, f"{name!r} cannot be filtered by: mark it with x-index in the collection's schema."
        )
    known = [*COLUMNS, *shape.indexed, *PARAMETERS, "q"]
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(sorted(known))}."
    return bad_parameter(parameter, f"Unknown query parameter {name!r}. {hint}", code="unknown_parameter")
