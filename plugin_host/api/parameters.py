"""Query parameters that several lists have."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from core.api.views import bad_parameter
from core.schema_keywords import as_uuid


def page_size(text: str, *, most: int) -> int:
    """Return `limit`.

    Raises:
        Malformed: It is no whole number from 1 to `most`.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= most):
        raise bad_parameter("limit", f"limit is a whole number from 1 to {most}, not {text!r}.")
    return int(text)


def page_start(text: str | None) -> UUID | None:
    """Return `cursor`, the id of the last row of the page before.

    Raises:
        Malformed: It is none of ours.
    """
    if text is None:
        return None
    found = as_uuid(text)
    if found is None:
        raise bad_parameter("cursor", "The cursor is not one of ours; begin at the first page.")
    return found


def earliest(name: str, text: str | None) -> datetime | None:
    """Return a moment from which on something is wanted.

    Raises:
        Malformed: It is no moment.
    """
    if text is None:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        found = datetime.fromisoformat(text.replace(" ", "+"))
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_parameter(
            name, f"{text!r} is no moment; write 2026-01-31 or 2026-01-31T12:00:00Z."
        ) from None
