"""What jsonschema found, in sentences for people, with pointers to where the fault is mended."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError

from core.errors import FieldError
from core.json_patterns import undeclared

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMATS = {
    "uri": "a web address such as https://example.com/path",
    "uri-reference": "a web address or a path",
    "email": "an e-mail address",
    "idn-email": "an e-mail address",
    "date": "a date such as 2026-01-31",
    "date-time": "a date and time with zone such as 2026-01-31T12:00:00Z",
    "time": "a time with zone such as 12:00:00Z",
    "hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "uuid": "a UUID",
    "regex": "a regular expression",
    "json-pointer": "a JSON pointer",
    "color": "a colour such as #ff8800",
}


def field_errors(found: Iterable[ValidationError], *, limit: int) -> list[FieldError]:
    """Return one entry per fault, ordered by where it is, each once.

    Args:
        limit: How many entries at most.
    """
    entries: dict[tuple[str, str, str], FieldError] = {}
    for error in found:
        for entry in _entries(error):
            entries.setdefault((entry.pointer, entry.code, entry.message), entry)
            if len(entries) >= limit:
                return _ordered(entries.values())
    return _ordered(entries.values())


def _ordered(entries: Iterable[FieldError]) -> list[FieldError]:
    return sorted(entries, key=lambda entry: (entry.pointer.count("/"), entry.pointer))


def _entries(error: ValidationError) -> Iterator[FieldError]:
    expected: Any = error.validator_value
    value: Any = error.instance
    if error.validator in ("anyOf", "oneOf") and error.context:
        yield from _best_branch(error)
    elif error.validator == "required":
        for name in expected:
            if name not in value:
                yield _entry(error, "This field is required.", "required", name)
    elif error.validator == "additionalProperties" and expected is False:
        yield from _unknown(error)
    elif error.validator == "dependencies":
        yield from _dependencies(error)
    elif error.validator == "pattern" and (described := _description(error)):
        # What a person can follow, where the schema has it; nobody should have to read a regular expression.
        yield _entry(error, f"This does not have the form that is asked for: {described}", "pattern")
    else:
        say = _SENTENCES.get(str(error.validator))
        message = say(expected, value) if say is not None else f"{error.message}."
        yield _entry(error, message, str(error.validator or "not_allowed"))


def _description(error: ValidationError) -> str:
    schema: Any = error.schema
    return str(schema.get("description", "")) if isinstance(schema, Mapping) else ""


def _entry(error: ValidationError, message: str, code: str, *below: str) -> FieldError:
    path = [*error.absolute_path, *below]
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    return FieldError(pointer=pointer, message=message, code=code)


def _unknown(error: ValidationError) -> Iterator[FieldError]:
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    known = list(schema.get("properties", {}))
    value: Any = error.instance
    for name in undeclared(schema, value):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        if near:
            hint = f"Did you mean {near[0]!r}?"
        elif known:
            hint = f"Known fields: {', '.join(known)}."
        else:
            hint = "No fields are known here."
        yield _entry(error, f"Unknown field {name!r}. {hint}", "unknown", name)


def _dependencies(error: ValidationError) -> Iterator[FieldError]:
    expected: Any = error.validator_value
    value: Any = error.instance
    for name, needed in expected.items():
        if name in value and isinstance(needed, list):
            for other in needed:
                if other not in value:
                    yield _entry(error, f"This field is required where {name!r} is given.", "required", other)


def _best_branch(error: ValidationError) -> Iterator[FieldError]:
    """Report the alternative that the value comes nearest to, or that none fits."""
    branches: dict[object, list[ValidationError]] = {}
    for child in error.context or ():
        branches.setdefault(child.relative_schema_path[0], []).append(child)
    # An alternative of another type was never meant; one whose faults lie deeper was meant more.
    meant = [
        branch
        for branch in branches.values()
        if not any(
            not child.relative_path and child.validator in ("type", "const", "enum") for child in branch
        )
    ]
    if meant:
        best = min(
            meant, key=lambda branch: (len(branch), -max(len(child.relative_path) for child in branch))
        )
        for child in best:
            yield from _entries(child)
        return
    expected = [_branch_name(branch) for branch in branches.values()]
    text = _either(dict.fromkeys(name for name in expected if name))
    yield _entry(
        error, f"Expected {text}." if text else "This fits none of the allowed forms.", str(error.validator)
    )


def _branch_name(branch: Sequence[ValidationError]) -> str:
    for child in branch:
        expected: Any = child.validator_value
        if not child.relative_path:
            if child.validator == "type":
                return _type_names(expected)
            if child.validator == "const":
                return _shown(expected)
            if child.validator == "enum":
                return _either(_shown(value) for value in expected)
    return ""


def _either(names: Iterable[str]) -> str:
    *others, last = [*names] or [""]
    return f"{', '.join(others)} or {last}" if others else last


def _type_names(types: str | Sequence[str]) -> str:
    listed = [types] if isinstance(types, str) else list(types)
    return _either(_TYPES.get(name, name) for name in listed)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    for types, name in ((str, "a text"), (int | float, "a number"), (dict, "an object"), (list, "a list")):
        if isinstance(value, types):
            return name
    return "null"


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _format_sentence(expected: Any, value: Any) -> str:
    return f"This must be {_FORMATS.get(expected, f'of the format {expected!r}')}."


_SENTENCES: dict[str, Callable[[Any, Any], str]] = {
    "type": lambda expected, value: f"This must be {_type_names(expected)}, not {_kind(value)}.",
    "enum": lambda expected, value: f"Choose one of: {', '.join(_shown(value) for value in expected)}.",
    "const": lambda expected, value: f"This must be {_shown(expected)}.",
    "minimum": lambda expected, value: f"This must be {_shown(expected)} or more.",
    "maximum": lambda expected, value: f"This must be {_shown(expected)} or less.",
    "exclusiveMinimum": lambda expected, value: f"This must be more than {_shown(expected)}.",
    "exclusiveMaximum": lambda expected, value: f"This must be less than {_shown(expected)}.",
    "multipleOf": lambda expected, value: f"This must be a multiple of {_shown(expected)}.",
    "minLength": lambda expected, value: (
        "This may not be empty."
        if expected == 1
        else f"This needs at least {_plural(expected, 'character', 'characters')}, not {len(value)}."
    ),
    "maxLength": lambda expected, value: (
        f"This may have at most {_plural(expected, 'character', 'characters')}, not {len(value)}."
    ),
    "pattern": lambda expected, value: f"This must match the pattern {expected}",
    "format": _format_sentence,
    "minItems": lambda expected, value: f"This needs at least {_plural(expected, 'entry', 'entries')}.",
    "maxItems": lambda expected, value: f"This may have at most {_plural(expected, 'entry', 'entries')}.",
    "uniqueItems": lambda expected, value: "The entries must all differ.",
    "additionalItems": lambda expected, value: "There are too many entries.",
    "minProperties": lambda expected, value: f"This needs at least {_plural(expected, 'field', 'fields')}.",
    "maxProperties": lambda expected, value: f"This may have at most {_plural(expected, 'field', 'fields')}.",
    "contains": lambda expected, value: "No entry is of the kind that must be there.",
    "not": lambda expected, value: "This value is not allowed.",
    "oneOf": lambda expected, value: "This fits more than one of the allowed forms; it must fit exactly one.",
    "None": lambda expected, value: "Nothing is allowed here.",
}
