"""The `x-` keywords of a collection's schema, read.

    x-index      filters and sorts may use the field
    x-unique     no two records of the collection (and locale) share the value
    x-relation   the value is the id of a record, or a list of ids, of the named collection
    x-search     full-text search reads the field
    x-localized  the value differs between locales
    x-widget     how forms edit it: markdown, textarea, ...

They count on the top-level properties; of a list's `items`, `x-relation` counts too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from uuid import UUID

type Schema = Mapping[str, Any]
type ValueKind = Literal["text", "float", "datetime"]

KEYWORDS = frozenset({"x-relation", "x-unique", "x-index", "x-search", "x-localized", "x-widget"})


def properties(schema: Schema) -> dict[str, Schema]:
    """Return the top-level properties that are described by an object."""
    found = schema.get("properties", {})
    return {name: value for name, value in found.items() if isinstance(value, Mapping)}


def fields_with(schema: Schema, keyword: str) -> list[str]:
    """Return the fields on which a boolean keyword is true, in the schema's order."""
    return [name for name, subschema in properties(schema).items() if subschema.get(keyword) is True]


def indexed_fields(schema: Schema) -> list[str]:
    """Return the fields that stand in the side table: filterable or unique."""
    return [
        name
        for name, subschema in properties(schema).items()
        if subschema.get("x-index") is True or subschema.get("x-unique") is True
    ]


def markdown_fields(schema: Schema) -> list[str]:
    """Return the fields that hold Markdown."""
    return [name for name, subschema in properties(schema).items() if subschema.get("x-widget") == "markdown"]


def relations(schema: Schema) -> dict[str, str]:
    """Return field -> name of the collection that it points at."""
    found: dict[str, str] = {}
    for name, subschema in properties(schema).items():
        items = subschema.get("items")
        target = subschema.get("x-relation") or (
            items.get("x-relation") if isinstance(items, Mapping) else None
        )
        if isinstance(target, str):
            found[name] = target
    return found


def relation_values(schema: Schema, data: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (JSON pointer within the data, target collection, value) of each relation that is set."""
    for name, target in relations(schema).items():
        value = data.get(name)
        if isinstance(value, str):
            yield f"/{name}", target, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, str):
                    yield f"/{name}/{index}", target, item


def value_kind(subschema: Schema) -> ValueKind:
    """Return which column of the side table holds a field's values."""
    items = subschema.get("items")
    if subschema.get("type") == "array" and isinstance(items, Mapping):
        return value_kind(items)
    if subschema.get("format") in {"date", "date-time"}:
        return "datetime"
    declared = subschema.get("type")
    types = {declared} if isinstance(declared, str) else set(declared or ())
    return (
        "float"
        if types and types <= {"integer", "number", "boolean", "null"} and types != {"null"}
        else "text"
    )


def as_uuid(value: str) -> UUID | None:
    """Return the id that a text spells, or None."""
    try:
        return UUID(value)
    except ValueError:
        return None
