"""Query parameters that several lists have."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from core.api.views import bad_parameter
from core.errors import Malformed
from core.schema_keywords import as_uuid
from core.scope import current_actor, current_scope


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


def asks_for_platform() -> bool:
    """Say whether a request is about the platform instead of a tenant.

    Raises:
        Malformed: It names no tenant, and who asks is no operator.
    """
    scope = current_scope()
    if scope is not None and scope.tenant_id is not None:
        return False
    if current_actor().platform_admin:
        return True
    raise Malformed(
        "Name the tenant: send X-Tenant: its-slug, or a key of that tenant.", code="tenant_needed"
    )
