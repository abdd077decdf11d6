"""Errors as answers: RFC 9457 documents below /api, pages elsewhere. Nothing else in the project makes either.

A problem document has `type`, `title`, `status`, `detail`, `code`, `errors` (a list of `pointer`, `message`, `code`)
and `correlation_id`. What is not an error on purpose becomes a bare 500: no traceback, no name of anything inside.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import (
    NON_FIELD_ERRORS,
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
    ValidationError,
)
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import Resolver404
from rest_framework import exceptions as drf

from core.errors import FieldError, TenantryError, TooManyRequests, Unavailable
from core.scope import current_scope

PROBLEM_TYPE: Final = "application/problem+json"
_logger = logging.getLogger("tenantry.web")

_TITLES: Final = {
    400: "Malformed request",
    401: "Authentication needed",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    412: "Changed by somebody else",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    428: "If-Match header needed",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Unavailable",
}
_UNEXPECTED: Final = "Something went wrong on our side. Give the correlation id to your operator."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One error, ready to be answered."""

    status: int
    code: str
    detail: str
    title: str = ""
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Answer what a view of the API raised; None lets an unexpected error reach Django's own handling."""
    problem = problem_of(error)
    if problem is None:
        return None
    request: HttpRequest = context["request"]
    return problem_response(problem, request)


def answer_exception(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Answer what any other view raised, as a document or a page; None leaves it to Django's handlers.

    Call it while the exception is being handled.
    """
    if is_api(request):
        if (problem := problem_of(error)) is not None:
            return problem_response(problem, request)
        # Django's own handling would answer with a page, and with a traceback where DEBUG is on.
        got_request_exception.send(sender=None, request=request)
        _logger.error("unexpected error at %s %s", request.method, request.path, exc_info=error)
        return server_error(request)
    if isinstance(error, TenantryError | drf.APIException) and (problem := problem_of(error)) is not None:
        return problem_page(problem, request)
    return None


def error_response(problem: Problem, request: HttpRequest) -> HttpResponse:
    """Return the problem as a document below /api and as a page elsewhere."""
    return problem_response(problem, request) if is_api(request) else problem_page(problem, request)


def problem_response(problem: Problem, request: HttpRequest) -> HttpResponse:
    """Return the problem as an RFC 9457 document."""
    document = {
        "type": f"urn:tenantry:problem:{problem.code}",
        "title": problem.title or _TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "errors": [
            {"pointer": error.pointer, "message": error.message, "code": error.code}
            for error in problem.errors
        ],
        "correlation_id": _correlation_id(request),
    }
    return HttpResponse(
        json.dumps(document, ensure_ascii=False),
        status=problem.status,
        content_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def problem_page(problem: Problem, request: HttpRequest) -> HttpResponse:
    """Return the problem as a page for people."""
    page = render_to_string(
        "errors/error.html",
        {
            "title": problem.title or _TITLES.get(problem.status, "Error"),
            "problem": problem,
            "correlation_id": _correlation_id(request),
        },
    )
    return HttpResponse(page, status=problem.status, headers={"Cache-Control": "no-store", **problem.headers})


def problem_of(error: Exception) -> Problem | None:
    """Return what an exception means to the caller, or None where it is a fault of ours."""
    if isinstance(error, TenantryError):
        return _own_problem(error)
    if isinstance(error, drf.APIException):
        return _framework_problem(error)
    if isinstance(error, Http404):
        return Problem(status=404, code="not_found", detail=_missing(error))
    if isinstance(error, PermissionDenied):
        return Problem(status=403, code="forbidden", detail=str(error) or "This is not allowed.")
    if isinstance(error, RequestDataTooBig):
        return Problem(status=413, code="too_large", detail=_TOO_LARGE.format(_limit_in_words()))
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent):
        return Problem(status=400, code="malformed", detail="The request has too many fields or files.")
    if isinstance(error, BadRequest | SuspiciousOperation):
        return Problem(status=400, code="malformed", detail="The request cannot be understood.")
    if isinstance(error, ValidationError):
        return Problem(
            status=422, code="invalid", detail="The input is not valid.", errors=(*_django_errors(error),)
        )
    return None


def is_api(request: HttpRequest) -> bool:
    """Say whether the caller is a program: everything below /api."""
    return request.path.startswith("/api/") or request.path == "/api"


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler400`."""
    problem = problem_of(exception) if exception is not None else None
    return error_response(
        problem or Problem(status=400, code="malformed", detail="The request cannot be understood."), request
    )


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler403`."""
    detail = str(exception) if exception is not None else ""
    return error_response(
        Problem(status=403, code="forbidden", detail=detail or "This is not allowed."), request
    )


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's `handler404`."""
    detail = f"There is nothing at {request.path}."
    if exception is not None and not isinstance(exception, Resolver404) and is_api(request):
        detail = _missing(exception)
    return error_response(Problem(status=404, code="not_found", detail=detail), request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`."""
    return error_response(Problem(status=500, code="error", detail=_UNEXPECTED), request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`."""
    detail = f"The form's check failed, so nothing was changed: {reason} Load the page again and repeat."
    return error_response(Problem(status=403, code="csrf_failed", detail=detail), request)


def _own_problem(error: TenantryError) -> Problem:
    if error.status == 500:
        _logger.error("%s: %s", type(error).__name__, error, exc_info=error)
        return Problem(status=500, code="error", detail=_UNEXPECTED)
    headers = {}
    if isinstance(error, TooManyRequests | Unavailable) and error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Problem(
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.message,
        errors=error.errors,
        headers=headers,
    )


def _framework_problem(error: drf.APIException) -> Problem:
    if isinstance(error, drf.ValidationError):
        return Problem(
            status=422,
            code="invalid",
            detail="The input is not valid.",
            errors=(*_framework_errors(error.detail, ""),),
        )
    headers = {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    if error.status_code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    is_anonymous = isinstance(error, drf.NotAuthenticated)
    return Problem(
        status=error.status_code,
        code=_CODES.get(code, code),
        detail=_SIGN_IN if is_anonymous else str(error.detail),
        headers=headers,
    )


_SIGN_IN: Final = "Sign in, or send an API key or an access token: Authorization: Bearer …"
# What the framework calls differently.
_CODES: Final = {
    "not_authenticated": "unauthenticated",
    "authentication_failed": "unauthenticated",
    "permission_denied": "forbidden",
    "parse_error": "malformed",
    "throttled": "too_many_requests",
}


def _framework_errors(detail: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(detail, Mapping):
        for name, below in detail.items():
            step = "" if name == "non_field_errors" else f"/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from _framework_errors(below, pointer + step)
    elif isinstance(detail, list):
        for number, below in enumerate(detail):
            is_nested = isinstance(below, Mapping | list)
            if not is_nested or below:
                yield from _framework_errors(below, f"{pointer}/{number}" if is_nested else pointer)
    else:
        yield FieldError(pointer=pointer, message=str(detail), code=getattr(detail, "code", "invalid"))


def _django_errors(error: ValidationError) -> Iterator[FieldError]:
    if not hasattr(error, "error_dict"):
        for message in error.messages:
            yield FieldError(pointer="", message=message, code="invalid")
        return
    for name, below in error.error_dict.items():
        pointer = "" if name == NON_FIELD_ERRORS else f"/{name}"
        for single in below:
            for message in single.messages:
                yield FieldError(pointer=pointer, message=message, code=single.code or "invalid")


_TOO_LARGE: Final = "The request's body is too large; at most {} are accepted."


def _limit_in_words() -> str:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return f"{limit // (1024 * 1024)} MiB" if limit else "a few MiB"


def _missing(error: Exception) -> str:
    text = str(error.args[0]) if error.args and isinstance(error.args[0], str) else ""
    return text or "There is nothing at this address."


def _correlation_id(request: HttpRequest) -> str:
    if (scope := current_scope()) is not None:
        return str(scope.correlation_id)
    return str(getattr(request, "correlation_id", ""))
