"""Pages of lists: `{"data", "next", "previous", "total"}`, by key and never by number.

A cursor names the place of the last row by its sort value and its id, so that rows which come and go meanwhile move
no page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from core.api.views import bad_parameter, flag
from core.schema_keywords import as_uuid

PARAMETERS: Final = ("limit", "cursor", "total", "sort")
MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOf[M: Model]:
    """One page of rows, in order, and the cursors of its neighbours."""

    rows: list[M]
    next: str | None
    previous: str | None
    total: int | None

    def document(self, present: Callable[[M], Any]) -> dict[str, Any]:
        """Return the page as it is answered."""
        return {
            "data": [present(row) for row in self.rows],
            "next": self.next,
            "previous": self.previous,
            "total": self.total,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    field: str
    descending: bool

    @property
    def key(self) -> str:
        return f"-{self.field}" if self.descending else self.field


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    backwards: bool
    value: Any
    row_id: UUID


def page_of[M: Model](
    rows: QuerySet[M], parameters: Mapping[str, str], *, sorts: Sequence[str], default: str
) -> PageOf[M]:
    """Return the page of `rows` that the query parameters ask for.

    Args:
        sorts: Names of columns without NULLs that may be sorted by.
        default: The order where none is asked for, such as `-updated_at`.

    Raises:
        Malformed: A parameter makes no sense.
    """
    order = _order(parameters.get("sort", default), sorts)
    cursor = _read_cursor(parameters["cursor"], order, rows) if "cursor" in parameters else None
    limit = _limit(parameters.get("limit", str(DEFAULT_LIMIT)))
    total = rows.count() if flag(parameters, "total") else None
    backwards = cursor is not None and cursor.backwards
    sign = "-" if order.descending != backwards else ""
    found = list(
        (rows.filter(_beyond(cursor, order)) if cursor else rows).order_by(
            f"{sign}{order.field}", f"{sign}pk"
        )[: limit + 1]
    )
    has_more = len(found) > limit
    found = found[:limit]
    if backwards:
        found.reverse()
    ahead = has_more or backwards
    behind = cursor is not None and (has_more or not backwards)
    return PageOf(
        rows=found,
        next=_write_cursor(found[-1], order, "next") if found and ahead else None,
        previous=_write_cursor(found[0], order, "previous") if found and behind else None,
        total=total,
    )


def _beyond(cursor: _Cursor, order: _Order) -> Q:
    lookup = "lt" if order.descending != cursor.backwards else "gt"
    return Q(**{f"{order.field}__{lookup}": cursor.value}) | Q(
        **{order.field: cursor.value, f"pk__{lookup}": cursor.row_id}
    )


def _order(wanted: str, sorts: Sequence[str]) -> _Order:
    field = wanted.removeprefix("-")
    if field not in sorts:
        raise bad_parameter("sort", f"Sort by one of: {', '.join(sorts)}; put - before it to turn it round.")
    return _Order(field=field, descending=wanted.startswith("-"))


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        raise bad_parameter("limit", f"limit is a whole number from 1 to {MAX_LIMIT}, not {text!r}.")
    return int(text)


def _write_cursor(row: Model, order: _Order, direction: str) -> str:
    value = getattr(row, order.field)
    shown = value.isoformat() if isinstance(value, datetime) else value
    text = json.dumps([order.key, direction, shown, str(row.pk)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


_CURSOR_FAULTS: Final = (
    binascii.Error,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    ValidationError,
)


def _read_cursor(text: str, order: _Order, rows: QuerySet[Any]) -> _Cursor:
    try:
        padded = text + "=" * (-len(text) % 4)
        key, direction, value, row_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        identity = as_uuid(row_id)
        value = rows.model._meta.get_field(order.field).to_python(value)
        if direction not in {"next", "previous"} or identity is None or value is None or "\0" in str(value):
            raise ValueError("parts of a cursor are wrong")
        str(value).encode()  # half surrogate pairs
    except _CURSOR_FAULTS as error:
        raise bad_parameter("cursor", "The cursor is not one of ours; begin at the first page.") from error
    if key != order.key:
        raise bad_parameter("cursor", f"The cursor belongs to sort={key}; begin at the first page.")
    return _Cursor(backwards=direction == "previous", value=value, row_id=identity)
