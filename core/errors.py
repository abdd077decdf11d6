"""Every error that Tenantry raises on purpose, as one tree.

    TenantryError
    ├── Malformed             400  the input cannot be read at all
    ├── Unauthenticated       401  no or bad credentials
    ├── Forbidden             403  known caller, rule says no
    ├── NotFound              404  not there, or not this tenant's
    ├── Conflict              409  the state, or a gate, forbids it
    ├── Stale                 412  somebody else changed it first
    ├── Invalid               422  readable, but not acceptable
    ├── PreconditionRequired  428  an If-Match header is needed
    ├── TooManyRequests       429  slow down
    ├── Unavailable           503  try again later
    └── NoScope               500  tenant data touched without a tenant: a bug, never a user's fault

`core.api.problems` turns them into RFC 9457 documents; commands print `message` and the pointers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One fault in the input.

    Args:
        pointer: JSON pointer (RFC 6901) to the faulty value; "" is the whole document.
        message: What is wrong and what to do.
        code: Stable machine name, such as `required` or `type`.
    """

    pointer: str
    message: str
    code: str = "invalid"


class TenantryError(Exception):
    """Root of all errors with a meaning for the caller.

    Args:
        message: One sentence for a person: what is wrong and what to do.
        code: Stable machine name; the class's own when not given.
        errors: Faults of single fields.
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.errors = tuple(errors)


class Malformed(TenantryError):
    status = 400
    default_code = "malformed"
    title = "Malformed request"


class Unauthenticated(TenantryError):
    status = 401
    default_code = "unauthenticated"
    title = "Authentication needed"


class Forbidden(TenantryError):
    status = 403
    default_code = "forbidden"
    title = "Forbidden"


class NotFound(TenantryError):
    status = 404
    default_code = "not_found"
    title = "Not found"


class Conflict(TenantryError):
    status = 409
    default_code = "conflict"
    title = "Conflict"


class Stale(TenantryError):
    status = 412
    default_code = "stale"
    title = "Changed by somebody else"


class Invalid(TenantryError):
    status = 422
    default_code = "invalid"
    title = "Invalid input"


class PreconditionRequired(TenantryError):
    status = 428
    default_code = "precondition_required"
    title = "If-Match header needed"


class TooManyRequests(TenantryError):
    """Raised when a limit is reached.

    Args:
        retry_after_seconds: Whole seconds until the next try can succeed.
    """

    status = 429
    default_code = "too_many_requests"
    title = "Too many requests"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(TenantryError):
    """Raised where something that is there cannot be had at the moment.

    Args:
        retry_after_seconds: Whole seconds until the next try may succeed; None where nobody knows.
    """

    status = 503
    default_code = "unavailable"
    title = "Unavailable"
    retryable = True

    def __init__(
        self, message: str, *, code: str | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class NoScope(TenantryError):
    """Tenant-owned data was touched outside `core.scope.tenant_scope` and `platform_scope`."""

    default_code = "no_scope"
    title = "No tenant in scope"
