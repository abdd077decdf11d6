"""Rows of the side table that filters, sorts and unique fields read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.models import FieldValue
from core.models.field_value import TEXT_VALUE_MAX_LENGTH
from core.schema_keywords import Schema, ValueKind, indexed_fields, properties, value_kind

type Scalar = str | float | datetime


def field_value_rows(
    *, collection_id: UUID, record_id: UUID, schema: Schema, data: Mapping[str, Any], is_published: bool
) -> list[FieldValue]:
    """Return the rows, not stored yet, of a record's indexed fields; a list makes one row per distinct element."""
    subschemas = properties(schema)
    rows = []
    for name in indexed_fields(schema):
        kind = value_kind(subschemas[name])
        for value in distinct_values(kind, data.get(name)):
            row = FieldValue(
                collection_id=collection_id, record_id=record_id, field=name, is_published=is_published
            )
            setattr(row, f"{kind}_value", value)
            rows.append(row)
    return rows


def replace_field_values(
    rows: Iterable[FieldValue], *, record_ids: Iterable[UUID], is_published: bool
) -> None:
    """Store the rows of some records in place of their present ones."""
    FieldValue.objects.filter(record__in=list(record_ids), is_published=is_published).delete()
    FieldValue.objects.bulk_create(rows)


def distinct_values(kind: ValueKind, value: Any) -> list[Scalar]:
    """Return the values as the side table holds them; what cannot be compared is left out."""
    found: dict[Scalar, None] = {}
    for item in value if isinstance(value, list) else [value]:
        scalar = as_scalar(kind, item)
        if scalar is not None:
            found[scalar] = None
    return list(found)


def as_scalar(kind: ValueKind, value: Any) -> Scalar | None:
    """Return one JSON value as the side table holds it, or None."""
    if value is None or isinstance(value, dict | list):
        return None
    if kind == "float":
        return _as_float(value)
    if kind == "datetime":
        return _as_datetime(value) if isinstance(value, str) else None
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return text[:TEXT_VALUE_MAX_LENGTH]


def _as_float(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def _as_datetime(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.upper())
        # A moment at the edge of time may lie beyond it in UTC, and then nobody could read the row again.
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
