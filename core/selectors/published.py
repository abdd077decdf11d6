"""Pages of published records: from query parameters to one SQL statement.

The statement reads `core_publishedsnapshot` and, for fields marked `x-index`, `core_fieldvalue`; both under
row-level security, with comparisons that PostgreSQL may answer from an index there. Conditions on text
(`icontains`, `startswith`) go through the read view.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from core.errors import FieldError, Malformed
from core.selectors.collection_shapes import CollectionShape, IndexedField

MAX_LIMIT = 200
DEFAULT_LIMIT = 20
_RESERVED = ("limit", "cursor", "sort", "fields", "total", "locale", "status")
# Columns of the snapshot itself that may be filtered and sorted by.
_COLUMNS: Mapping[str, str] = {
    "slug": "text",
    "title": "text",
    "published_at": "datetime",
    "updated_at": "datetime",
}
_COMPARISONS: Mapping[str, str] = {"": "=", "exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_TEXT_LOOKUPS = ("icontains", "startswith")
_LOOKUPS = (*_COMPARISONS, "in", "range", "isnull", "contains", *_TEXT_LOOKUPS)

type Direction = Literal["next", "previous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOrder:
    """What a page is sorted by: a column of the snapshot or an indexed field, then the record's id."""

    name: str
    descending: bool
    field: IndexedField | None = None

    @property
    def key(self) -> str:
        return f"-{self.name}" if self.descending else self.name

    @property
    def expression(self) -> str:
        return f"o.{self.field.kind}_value" if self.field else f"s.{self.name}"

    @property
    def may_be_null(self) -> bool:
        return self.field is not None and not self.field.is_required


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The place at which a page begins or ends: the sort value and the id of the record there."""

    direction: Direction
    value: Any
    record_id: UUID

    def encode(self, order: PageOrder) -> str:
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        text = json.dumps([order.key, self.direction, value, str(self.record_id)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One page, as asked for."""

    shape: CollectionShape
    conditions: tuple[tuple[str, tuple[Any, ...]], ...]
    reads_text: bool
    order: PageOrder
    cursor: Cursor | None
    limit: int
    locale: str
    fields: tuple[str, ...]
    wants_total: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The documents of one page, as JSON text, and the cursors of its neighbours."""

    documents: list[str]
    etags: list[str]
    next: str | None
    previous: str | None
    total: int | None


def parse_page_request(shape: CollectionShape, parameters: Mapping[str, str]) -> PageRequest:
    """Read query parameters; nothing is ignored.

    Raises:
        Malformed: An unknown parameter, field or lookup (with the nearest right name), or a value that does not fit.
    """
    conditions: list[tuple[str, tuple[Any, ...]]] = []
    reads_text = False
    for name, value in parameters.items():
        if name in _RESERVED:
            continue
        condition, is_text = _condition(shape, name, value)
        conditions.append(condition)
        reads_text = reads_text or is_text
    order = _order(shape, parameters.get("sort", "-published_at"))
    status = parameters.get("status", "published")
    if status != "published":
        raise _refusal("status", f"Only published records are delivered here, not {status!r}.")
    return PageRequest(
        shape=shape,
        conditions=tuple(conditions),
        reads_text=reads_text,
        order=order,
        cursor=_decode_cursor(parameters["cursor"], order) if "cursor" in parameters else None,
        limit=_limit(parameters.get("limit", str(DEFAULT_LIMIT))),
        locale=parameters.get("locale", ""),
        fields=_fields(shape, parameters["fields"]) if "fields" in parameters else (),
        wants_total=_boolean("total", parameters.get("total", "false")),
    )


def page_statement(request: PageRequest) -> tuple[str, tuple[Any, ...]]:
    """Return the one statement that reads a page, and its values; it asks for one row more than the page has."""
    where, values = _where(request)
    joined, join_values = _join(request)
    order = request.order
    backwards = request.cursor is not None and request.cursor.direction == "previous"
    seek, seek_values = _seek(request.cursor, order) if request.cursor else ("", ())
    way = "DESC" if order.descending != backwards else "ASC"
    nulls = f" NULLS {'FIRST' if backwards else 'LAST'}" if order.may_be_null else ""
    sql = (
        f"SELECT s.document, s.etag, {order.expression}, s.record_id FROM {_source(request)} s{joined} "
        f"WHERE {where}{seek} ORDER BY {order.expression} {way}{nulls}, s.record_id {way} LIMIT %s"
    )
    return sql, (*join_values, *values, *seek_values, request.limit + 1)


def published_page(request: PageRequest) -> Page:
    """Return the documents of a page; one statement, and a second one only where the total is asked for."""
    total = None
    with connection.cursor() as cursor:
        cursor.execute(*page_statement(request))
        rows = cursor.fetchall()
        if request.wants_total:
            where, values = _where(request)
            cursor.execute(f"SELECT count(*) FROM {_source(request)} s WHERE {where}", values)
            total = cursor.fetchone()[0]
    order = request.order
    backwards = request.cursor is not None and request.cursor.direction == "previous"
    has_more = len(rows) > request.limit
    rows = rows[: request.limit]
    if backwards:
        rows.reverse()
    ahead = has_more or backwards
    behind = request.cursor is not None and (has_more or not backwards)
    return Page(
        documents=[row[0] for row in rows],
        etags=[row[1] for row in rows],
        next=_cursor_at(rows[-1], "next").encode(order) if rows and ahead else None,
        previous=_cursor_at(rows[0], "previous").encode(order) if rows and behind else None,
        total=total,
    )


def _source(request: PageRequest) -> str:
    return "core_publishedsnapshot_read" if request.reads_text else "core_publishedsnapshot"


def _cursor_at(row: tuple[Any, ...], direction: Direction) -> Cursor:
    return Cursor(direction=direction, value=row[2], record_id=row[3])


def _where(request: PageRequest) -> tuple[str, tuple[Any, ...]]:
    parts = ["s.collection_name = %s", "s.locale = %s"]
    values: list[Any] = [request.shape.name, request.locale]
    for sql, own in request.conditions:
        parts.append(sql)
        values += own
    return " AND ".join(parts), tuple(values)


def _join(request: PageRequest) -> tuple[str, tuple[Any, ...]]:
    order = request.order
    if order.field is None:
        return "", ()
    kind = "LEFT JOIN" if order.may_be_null else "JOIN"
    sql = (
        f" {kind} core_fieldvalue o ON o.record_id = s.record_id AND o.collection_id = %s AND o.field = %s "
        "AND o.is_published"
    )
    return sql, (request.shape.collection_id, order.field.name)


def _seek(cursor: Cursor, order: PageOrder) -> tuple[str, tuple[Any, ...]]:
    """Return the condition for what lies beyond the cursor; records without a value come last."""
    sign = "<" if order.descending != (cursor.direction == "previous") else ">"
    column = order.expression
    if not order.may_be_null:
        return f" AND ({column}, s.record_id) {sign} (%s, %s)", (cursor.value, cursor.record_id)
    among_nulls = f"({column} IS NULL AND s.record_id {sign} %s)"
    if cursor.value is None:
        before = f" OR {column} IS NOT NULL" if cursor.direction == "previous" else ""
        return f" AND ({among_nulls}{before})", (cursor.record_id,)
    after = f" OR {column} IS NULL" if cursor.direction == "next" else ""
    return f" AND (({column}, s.record_id) {sign} (%s, %s){after})", (cursor.value, cursor.record_id)


def _condition(
    shape: CollectionShape, parameter: str, value: str
) -> tuple[tuple[str, tuple[Any, ...]], bool]:
    name, _, lookup = parameter.partition("__")
    if lookup not in _LOOKUPS:
        raise _refusal(parameter, _unknown("lookup", lookup, filter(None, _LOOKUPS)))
    if name in _COLUMNS:
        sql, values = _comparison(parameter, f"s.{name}", _COLUMNS[name], lookup, value)
        return (sql, values), lookup in _TEXT_LOOKUPS
    field = shape.indexed.get(name)
    if field is None:
        raise _refusal(parameter, _unknown_field(shape, name))
    exists = (
        "EXISTS (SELECT FROM core_fieldvalue v WHERE v.record_id = s.record_id AND v.collection_id = %s "
        "AND v.field = %s AND v.is_published"
    )
    identity = (shape.collection_id, name)
    if lookup == "isnull":
        negation = "NOT " if _boolean(parameter, value) else ""
        return (f"{negation}{exists})", identity), False
    if lookup == "contains":
        if not field.is_list:
            raise _refusal(
                parameter, f"{name!r} is no list; use {name}={value} or {name}__icontains={value}."
            )
        lookup = ""
    kind = "boolean" if field.is_boolean else field.kind
    sql, values = _comparison(parameter, f"v.{field.kind}_value", kind, lookup, value)
    return (f"{exists} AND {sql})", (*identity, *values)), lookup in _TEXT_LOOKUPS


def _comparison(
    parameter: str, column: str, kind: str, lookup: str, value: str
) -> tuple[str, tuple[Any, ...]]:
    if lookup in _COMPARISONS:
        return f"{column} {_COMPARISONS[lookup]} %s", (_typed(parameter, kind, value),)
    if lookup == "in":
        return f"{column} = ANY(%s)", ([_typed(parameter, kind, item) for item in value.split(",")],)
    if lookup == "range":
        ends = value.split(",")
        if len(ends) != 2:
            raise _refusal(parameter, "A range is two values with a comma between: 1,10.")
        return f"{column} BETWEEN %s AND %s", tuple(_typed(parameter, kind, end) for end in ends)
    if lookup == "isnull":
        return f"{column} IS {'' if _boolean(parameter, value) else 'NOT '}NULL", ()
    if kind != "text" or lookup == "contains":
        raise _refusal(parameter, f"{lookup!r} does not fit this field; it holds a {kind}.")
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if lookup == "startswith":
        return f"{column} LIKE %s", (f"{escaped}%",)
    return f"{column} ILIKE %s", (f"%{escaped}%",)


def _typed(parameter: str, kind: str, value: str) -> Any:
    if "\x00" in value:
        raise _refusal(parameter, "NUL characters cannot be looked for.")
    if kind == "float":
        try:
            return float(value)
        except ValueError:
            raise _refusal(parameter, f"{value!r} is no number.") from None
    if kind == "boolean":
        return float(_boolean(parameter, value))
    if kind == "datetime":
        return _moment(parameter, value)
    return value


def _moment(parameter: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        try:
            moment = datetime.combine(date.fromisoformat(value), datetime.min.time())
        except ValueError:
            raise _refusal(
                parameter, f"{value!r} is no date; write 2026-01-31 or 2026-01-31T12:00:00Z."
            ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _boolean(parameter: str, value: str) -> bool:
    if value not in {"true", "false"}:
        raise _refusal(parameter, f"Write true or false, not {value!r}.")
    return value == "true"


def _limit(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 4 or not 1 <= int(value) <= MAX_LIMIT:
        raise _refusal("limit", f"limit is a whole number from 1 to {MAX_LIMIT}, not {value!r}.")
    return int(value)


def _order(shape: CollectionShape, value: str) -> PageOrder:
    first, *others = [part for part in value.split(",") if part] or [""]
    if others and others not in (["id"], ["-id"]):
        raise _refusal("sort", "One field can be sorted by; ties are settled by the id.")
    name, descending = first.removeprefix("-"), first.startswith("-")
    if name in _COLUMNS:
        return PageOrder(name=name, descending=descending)
    field = shape.indexed.get(name)
    if field is None:
        raise _refusal("sort", _unknown_field(shape, name))
    if field.is_list:
        raise _refusal("sort", f"{name!r} holds several values, so records cannot be sorted by it.")
    return PageOrder(name=name, descending=descending, field=field)


def _fields(shape: CollectionShape, value: str) -> tuple[str, ...]:
    wanted = tuple(part for part in value.split(",") if part)
    known = {*_DOCUMENT_KEYS, *shape.fields}
    for name in wanted:
        if name not in known:
            raise _refusal("fields", _unknown("field", name, known))
    if not wanted:
        raise _refusal("fields", "Name at least one field: fields=title,slug.")
    return wanted


_DOCUMENT_KEYS = (
    "id",
    "collection",
    "slug",
    "locale",
    "title",
    "path",
    "version",
    "published_at",
    "created_at",
    "updated_at",
    "author",
)


def _decode_cursor(value: str, order: PageOrder) -> Cursor:
    try:
        key, direction, place, record_id = json.loads(
            base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        )
        identity = UUID(record_id)
        str(place).encode()  # half surrogate pairs
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise _refusal("cursor", "This cursor is damaged; begin again without one.") from None
    if key != order.key or direction not in ("next", "previous"):
        raise _refusal("cursor", "This cursor belongs to another sort order; begin again without one.")
    kind = order.field.kind if order.field else _COLUMNS[order.name]
    if place is not None or not order.may_be_null:
        if kind == "float" and not isinstance(place, int | float):
            raise _refusal("cursor", "This cursor is damaged; begin again without one.")
        place = _typed("cursor", kind, str(place))
    return Cursor(direction=direction, value=place, record_id=identity)


def _unknown_field(shape: CollectionShape, name: str) -> str:
    if name in shape.fields:
        return f'{name!r} can be filtered and sorted by once its schema says "x-index": true.'
    return _unknown("parameter or field", name, [*_RESERVED, *_COLUMNS, *shape.indexed])


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"There is no {what} {name!r}." + (
        f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(names)}."
    )


def _refusal(parameter: str, message: str) -> Malformed:
    return Malformed(
        message,
        code="bad_parameter",
        errors=[FieldError(pointer=f"/query/{parameter}", message=message, code="bad_parameter")],
    )
