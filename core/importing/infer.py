"""A draft-07 schema from the front matter of many files, and values brought into its shape.

The schema says what the files show and no more: nothing is required, since what exists today promises nothing about
tomorrow, and unknown fields are refused, since they are usually misspelled. What decides:

* all booleans, whole numbers, numbers: that type; text mixed with numbers: text;
* all dates: `date`; moments, or both: `date-time`, brought to UTC;
* few distinct words that repeat: `enum` (a new one is added by importing with `--infer` again);
* web addresses: `uri`; a list, or a list here and single words there: an array;
* the body: a Markdown field that full-text search reads.

`title` and `slug` are columns of a record, `draft` and `published` say whether to publish; none of them is a field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from core.importing.front_matter import Json, moment_text

DRAFT_07: Final = "http://json-schema.org/draft-07/schema#"
NOT_FIELDS: Final = frozenset({"title", "slug", "draft", "published"})
BODY_NAMES: Final = ("body", "content", "text", "markdown")
INDEXED_NAMES: Final = frozenset(
    "author authors categories category date lang language locale section series tag tags topic topics type".split()
)
SEARCHED_NAMES: Final = frozenset("abstract description excerpt intro lead subtitle summary tagline".split())

MAX_ENUM_VALUES: Final = 20
MAX_ENUM_CHARACTERS: Final = 40
# A word stands for a fixed choice when it comes back: this many uses for each distinct value, on average.
MIN_USES_PER_ENUM_VALUE: Final = 4
LONG_TEXT_CHARACTERS: Final = 160

_DATE: Final = re.compile(r"^\d{4}-\d\d-\d\d$")
_URI: Final = re.compile(r"^https?://[^\s/?#<>\"{}|\\^`]+[^\s<>\"{}|\\^`]*$")
_OTHER_FORMATS: Final = (
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%d %b %Y",
)


def infer_schema(samples: Sequence[Mapping[str, Json]], *, title: str = "") -> dict[str, Any]:
    """Return the schema that fits all `samples` (fields of parsed files, without their bodies)."""
    columns: dict[str, list[Json]] = {}
    for sample in samples:
        for name, value in sample.items():
            if name not in NOT_FIELDS and value is not None:
                columns.setdefault(name, []).append(value)
    properties = {name: _property(name, values) for name, values in columns.items()}
    properties[body_name(columns)] = {
        "type": "string",
        "title": "Body",
        "x-widget": "markdown",
        "x-search": True,
    }
    schema: dict[str, Any] = {"$schema": DRAFT_07, "type": "object"}
    if title:
        schema["title"] = title
    return schema | {"properties": properties, "additionalProperties": False}


def merge_schemas(current: Mapping[str, Any], inferred: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` widened by what `inferred` adds: new fields, and new values of an `enum`.

    Everything that somebody may have decided by hand (types, titles, `required`, keywords) stays.
    """
    merged = deepcopy(dict(current))
    properties = merged.setdefault("properties", {})
    for name, found in inferred.get("properties", {}).items():
        known = properties.get(name)
        if known is None:
            if found.get("x-widget") != "markdown" or markdown_field(current) is None:
                properties[name] = deepcopy(found)
        elif "enum" in known:
            properties[name] = _widened_enum(known, found)
    return merged


def body_name(taken: Iterable[str]) -> str:
    """Return the name of the field for the text below the front matter."""
    used = set(taken)
    return next((name for name in BODY_NAMES if name not in used), "file_body")


def markdown_field(schema: Mapping[str, Any]) -> str | None:
    """Return the first Markdown field of a schema."""
    for name, subschema in schema.get("properties", {}).items():
        if isinstance(subschema, dict) and subschema.get("x-widget") == "markdown":
            return str(name)
    return None


def fit(values: Mapping[str, Json], schema: Mapping[str, Any]) -> dict[str, Json]:
    """Return `values` with each one in the spelling that its field wants, where that loses nothing.

    Dates are brought to ISO 8601, a single word to a list of one, a number to text; empty values are left out.
    What does not fit stays as it is, for validation to name it.
    """
    properties = schema.get("properties", {})
    return {
        name: _fit_value(value, properties.get(name, {}))
        for name, value in values.items()
        if name not in NOT_FIELDS and value is not None
    }


def parse_moment(text: str) -> datetime | None:
    """Return the moment that a text names (ISO 8601, RFC 5322, `March 4, 2020` and the like), or None.

    Without a time zone it is UTC, without a time it is midnight.
    """
    text = text.strip()
    if not any(character.isdigit() for character in text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found_otherwise = _parse_other(text)
        if found_otherwise is None:
            return None
        found = found_otherwise
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _parse_other(text: str) -> datetime | None:
    for pattern in _OTHER_FORMATS:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007  (the caller gives it its zone)
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _property(name: str, values: Sequence[Json]) -> dict[str, Any]:
    subschema = _typed(name, values)
    subschema = {"title": name.replace("_", " ").capitalize()} | subschema
    if name in INDEXED_NAMES or "enum" in subschema or subschema.get("format") in {"date", "date-time"}:
        subschema["x-index"] = True
    if name in SEARCHED_NAMES and subschema["type"] == "string":
        subschema["x-search"] = True
    return subschema


def _typed(name: str, values: Sequence[Json]) -> dict[str, Any]:
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return {"type": "boolean"}
    if kinds == {int}:
        return {"type": "integer"}
    if kinds in ({int, float}, {float}):
        return {"type": "number"}
    if list in kinds and not kinds & {dict}:
        return _list(name, values)
    if kinds == {dict}:
        return {"type": "object"}
    if kinds & {dict, list}:
        return {"type": ["object", "array", "string", "number", "boolean"]}
    return _text([_as_text(value) for value in values])


def _list(name: str, values: Sequence[Json]) -> dict[str, Any]:
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    simple = [item for item in items if item is not None and not isinstance(item, dict | list)]
    if len(simple) < len(items):
        return {"type": "array"}
    return {"type": "array", "items": {"type": "string"} if not simple else _item(name, simple)}


def _item(name: str, items: Sequence[Json]) -> dict[str, Any]:
    found = _typed(name, items)
    # Lists of tags grow; a closed choice would refuse the next one.
    return {key: value for key, value in found.items() if key in {"type", "format"}}


def _text(texts: Sequence[str]) -> dict[str, Any]:
    if all(_DATE.match(text) and parse_moment(text) for text in texts):
        return {"type": "string", "format": "date"}
    if all(parse_moment(text) for text in texts):
        return {"type": "string", "format": "date-time"}
    if all(_URI.match(text) for text in texts):
        return {"type": "string", "format": "uri"}
    distinct = sorted(set(texts))
    repeats = len(texts) >= len(distinct) * MIN_USES_PER_ENUM_VALUE
    short = all(0 < len(text) <= MAX_ENUM_CHARACTERS for text in distinct)
    if repeats and short and len(distinct) <= MAX_ENUM_VALUES:
        return {"type": "string", "enum": distinct}
    if any(len(text) > LONG_TEXT_CHARACTERS or "\n" in text for text in texts):
        return {"type": "string", "x-widget": "textarea"}
    return {"type": "string"}


def _widened_enum(known: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    values = list(known["enum"])
    if "enum" in found:
        return dict(known) | {"enum": values + [value for value in found["enum"] if value not in values]}
    if found.get("type") != "string":
        return dict(known)
    # Too many distinct values now: no fixed choice any more.
    return {key: value for key, value in known.items() if key != "enum"}


def _fit_value(value: Json, subschema: Mapping[str, Any]) -> Json:
    wanted = subschema.get("type")
    if wanted == "array" and not isinstance(value, list):
        value = [value]
    if wanted == "array" and isinstance(value, list):
        items = subschema.get("items", {})
        return [
            _fit_value(item, items) if isinstance(items, dict) else item for item in value if item is not None
        ]
    if wanted == "string" and isinstance(value, bool | int | float):
        value = _as_text(value)
    if isinstance(value, str) and subschema.get("format") in {"date", "date-time"}:
        return _fit_moment(value, subschema["format"])
    return value


def _fit_moment(text: str, wanted: str) -> str:
    moment = parse_moment(text)
    if moment is None:
        return text
    if wanted == "date-time":
        return moment_text(moment)
    # Only a date loses nothing by becoming one.
    is_date = moment.time() == datetime.min.time()
    return date(moment.year, moment.month, moment.day).isoformat() if is_date else text


def _as_text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
