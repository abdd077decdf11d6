"""When two JSON values are the same; in Python `True == 1`, in JSON they differ."""

from __future__ import annotations

from typing import Any


def same_json(one: Any, other: Any) -> bool:
    """Say whether two JSON values are the same; 1 and 1.0 are, 1 and true are not."""
    # Values that Python calls different differ; only those it calls equal have to be looked into.
    return bool(one == other) and _same_kinds(one, other)


def _same_kinds(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict):
        return all(_same_kinds(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return all(map(_same_kinds, one, other))
    return True
