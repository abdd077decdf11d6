"""Whether what a plugin returned can be kept as JSON, and where not."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from core.errors import FieldError
from core.json_schema import pointer_to

MAX_JSON_BYTES: Final = 10 * 1024 * 1024
MAX_DEPTH: Final = 100
# Python reads no longer ones back from text.
_MAX_DIGITS: Final = 4_000

type Path = tuple[str | int, ...]


def json_fault(value: Any, *, at: str = "", max_bytes: int = MAX_JSON_BYTES) -> FieldError | None:
    """Return the first reason why a value is no JSON that can be kept, or None.

    Args:
        at: Pointer to the value itself.
        max_bytes: How long it may be as text.
    """
    for path, fault in _faults(value, ()):
        return FieldError(pointer=f"{at}{pointer_to(path)}", message=fault, code="json")
    size = len(json.dumps(value, ensure_ascii=True))
    if size > max_bytes:
        message = f"It has {size:,} bytes as JSON; {max_bytes:,} are the most."
        return FieldError(pointer=at, message=message, code="too_large")
    return None


def _faults(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        yield from ((path, fault) for fault in _text_faults(value))
    elif isinstance(value, int):
        if value.bit_length() > _MAX_DIGITS * 3:
            yield path, "This number is too large."
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield path, f"JSON knows no {value}."
    elif isinstance(value, dict | list) and len(path) >= MAX_DEPTH:
        yield path, f"It is nested more than {MAX_DEPTH} deep."
    elif isinstance(value, dict):
        yield from _object_faults(value, path)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _faults(item, (*path, place))
    else:
        hint = ": write a list" if isinstance(value, tuple | set | frozenset) else ""
        yield path, f"A {type(value).__name__} is no JSON value{hint}."


def _object_faults(value: dict[Any, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for name, item in value.items():
        if not isinstance(name, str):
            yield path, f"The key {name!r:.80} is no text."
            continue
        yield from ((path, f"The key {name!r:.80}: {fault}") for fault in _text_faults(name))
        yield from _faults(item, (*path, name))


def _text_faults(text: str) -> Iterator[str]:
    if "\0" in text:
        yield "The character NUL cannot be stored; remove it."
    try:
        text.encode()
    except UnicodeEncodeError:
        yield "Half of a surrogate pair cannot be stored; remove it."
