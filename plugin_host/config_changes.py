"""What differs between two configurations, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.json_equality import same_json
from core.json_schema import pointer_to


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """One key that differs.

    Args:
        pointer: JSON pointer (RFC 6901) to it.
        before: None where it was added.
        after: None where it was removed.
    """

    pointer: str
    kind: ChangeKind
    before: Any = None
    after: Any = None


def config_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ConfigChange, ...]:
    """Return every key in which two configurations differ, by pointer; lists differ as wholes."""
    return tuple(_changes(before, after, ()))


def _changes(
    before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[ConfigChange]:
    for key in sorted({*before, *after}):
        place = (*path, key)
        pointer = pointer_to(place)
        if key not in before:
            yield ConfigChange(pointer=pointer, kind=ChangeKind.ADDED, after=after[key])
        elif key not in after:
            yield ConfigChange(pointer=pointer, kind=ChangeKind.REMOVED, before=before[key])
        elif isinstance(before[key], Mapping) and isinstance(after[key], Mapping):
            yield from _changes(before[key], after[key], place)
        elif not same_json(before[key], after[key]):
            yield ConfigChange(pointer=pointer, kind=ChangeKind.CHANGED, before=before[key], after=after[key])
