"""The `x-` keywords of a plugin's `CONFIG_SCHEMA`: what JSON Schema cannot say.

x-unique-by      on a list of objects: no two of them have the same value in this field
x-names-secret   on a text: it is the name of a secret that must be set; where it is empty, the keyword's own value is
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from core.errors import FieldError
from core.json_schema import Schema, described_parts, pointer_to, subschemas

UNIQUE_BY: Final = "x-unique-by"
NAMES_SECRET: Final = "x-names-secret"
SECRET_NOT_SET: Final = "secret_not_set"


def keyword_errors(schema: Schema) -> list[FieldError]:
    """Return keywords of a sound schema that are not written as they must be."""
    return [
        FieldError(
            pointer=pointer_to((*path, keyword)),
            message=f"{keyword} takes {takes}, not {part[keyword]!r}.",
            code="keyword",
        )
        for path, part in subschemas(schema)
        for keyword, takes in (
            (UNIQUE_BY, "the name of a field"),
            (NAMES_SECRET, "the name of a secret, or ''"),
        )
        if keyword in part and not isinstance(part[keyword], str)
    ]


def repeated_values(schema: Schema, config: Mapping[str, Any]) -> list[FieldError]:
    """Return entries of lists whose value of the `x-unique-by` field an earlier entry has."""
    return [
        error
        for path, part, value in described_parts(schema, config)
        if isinstance(field := part.get(UNIQUE_BY), str) and isinstance(value, list)
        for error in _repeated(path, field, value)
    ]


def named_secrets(schema: Schema | None, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (JSON pointer, name) of each secret that a configuration names; its defaults are filled in."""
    for path, part, value in described_parts(schema or {}, config):
        common = part.get(NAMES_SECRET)
        if isinstance(common, str) and isinstance(value, str) and (name := value or common):
            yield pointer_to(path), name


def unset_secrets(
    schema: Schema | None, config: Mapping[str, Any], secrets: Mapping[str, str]
) -> list[FieldError]:
    """Return where a configuration with its defaults names secrets that are not set."""
    return [
        FieldError(
            pointer=pointer,
            message=f"The secret {name!r} that this needs is not set: set it first, or name another one here.",
            code=SECRET_NOT_SET,
        )
        for pointer, name in named_secrets(schema, config)
        if name not in secrets
    ]


def _repeated(path: tuple[str | int, ...], field: str, entries: list[Any]) -> Iterator[FieldError]:
    seen: list[Any] = []
    for place, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or field not in entry:
            continue
        if entry[field] in seen:
            yield FieldError(
                pointer=pointer_to((*path, place, field)),
                message=f"{entry[field]!r} stands here twice: give each its own.",
                code="repeated",
            )
        seen.append(entry[field])
