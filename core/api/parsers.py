"""Reading JSON bodies: strictly, up to a limit, saying where a fault is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser

from core.errors import FieldError, Malformed

# Deeper than any content; far below what the interpreter's stack can take.
MAX_DEPTH: Final = 100
_ESCAPE: Final = "\\u"


class StrictJSONParser(BaseParser):
    """JSON as RFC 7493 (I-JSON) has it, at most `MAX_DEPTH` deep.

    UTF-8, no NaN, no name twice in an object, no half surrogate pairs; and no NUL, which PostgreSQL cannot store.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise RequestDataTooBig
        return read_json(raw)


class MergePatchParser(StrictJSONParser):
    """The same under the name that RFC 7396 gives to a patch."""

    media_type = "application/merge-patch+json"


def read_json(raw: bytes) -> Any:
    """Return the value that a JSON text says.

    Raises:
        Malformed: with line and column where they are known.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        message = f"The body is not UTF-8: byte {error.start + 1} cannot be read."
        raise Malformed(message, code="malformed_encoding") from error
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"The body is not JSON: {error.msg} at {where}.", where) from error
    except RecursionError as error:
        raise _malformed(f"The body is nested more than {MAX_DEPTH} levels deep.") from error
    except ValueError as error:
        # The interpreter refuses to read numbers of thousands of digits.
        raise _malformed("The body has a number with too many digits.") from error
    if _is_deeper(value, MAX_DEPTH):
        raise _malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if _ESCAPE in text and (fault := _character_fault(value)):
        raise _malformed(fault)
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _malformed(f"The name {twice!r} stands twice in the same object.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is no JSON; write a number or null.")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _malformed(f"The number {text[:40]} is too large.")
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            part
            for outer in layer
            if isinstance(outer, dict | list)
            for part in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return False
    return True


def _character_fault(value: Any) -> str | None:
    """Return what is wrong with a character that only an escape can have brought in, or None."""
    if isinstance(value, str):
        if "\0" in value:
            return "The body has the character NUL (\\u0000), which cannot be kept: remove it."
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "The body has half of a surrogate pair, which is no character: remove it."
        return None
    if isinstance(value, dict):
        parts = [*value, *value.values()]
    elif isinstance(value, list):
        parts = value
    else:
        return None
    return next((fault for part in parts if (fault := _character_fault(part))), None)


def _malformed(message: str, where: str = "") -> Malformed:
    errors = [FieldError(pointer="", message=f"At {where}.", code="position")] if where else []
    return Malformed(message, code="malformed_json", errors=errors)
