"""Regular expressions of schemas, matched in bounded time.

Schemas come from people of one tenant and run in processes that all tenants share. Python's `re` can take for ever on
some expressions; the engine of jsonschema-rs is linear, or gives up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend


@lru_cache(maxsize=2048)
def _matcher(pattern: str) -> Callable[[str], bool]:
    is_valid: Callable[[str], bool] = jsonschema_rs.Draft7Validator(
        {"pattern": pattern}, offline=True
    ).is_valid
    return is_valid


def matches(pattern: str, text: str) -> bool:
    """Say whether `pattern` is found in `text`; an expression that takes too long is not."""
    return _matcher(pattern)(text)


def undeclared(schema: Mapping[str, Any], names: Mapping[str, Any]) -> list[str]:
    """Return the names that neither `properties` nor `patternProperties` of an object's schema declare."""
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    return [
        name
        for name in names
        if name not in known and not any(matches(pattern, name) for pattern in patterns)
    ]


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, parts: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, part in parts.items():
        for name, value in instance.items():
            if matches(pattern, name):
                yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, part: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    extra = undeclared(schema, instance)
    if validator.is_type(part, "object"):
        for name in extra:
            yield from validator.descend(instance[name], part, path=name)
    elif part is False and extra:
        yield ValidationError(f"Additional properties are not allowed ({', '.join(map(repr, extra))})")


BoundedValidator: type[Draft7Validator] = extend(  # type: ignore[no-untyped-call]  # no types for it
    Draft7Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
"""Draft-07 as jsonschema knows it, with these expressions."""
