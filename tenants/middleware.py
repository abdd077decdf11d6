"""The first and the last word on every request: for which tenant it is, and who asks.

`TenantMiddleware` is the outermost. Its scope holds for the whole request, streaming bodies included, and is gone
afterwards, so that a thread that serves the next request starts with nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone

from core.actors import ANONYMOUS
from core.api.problems import Problem, answer_exception, error_response, is_api, problem_response
from core.ids import uuid7
from core.scope import Scope, current_scope, enter_scope, use_scope
from core.security_headers import PERMISSIONS, policy_for
from tenants.authentication import person_actor, platform_scope_of
from tenants.models import User
from tenants.selectors.hosts import bare_host, is_platform_host, tenant_at

CORRELATION_HEADER: Final = "X-Correlation-ID"
# Probes come by address, not by name.
PROBES: Final = frozenset({"/livez", "/readyz"})

type _Respond = Callable[[HttpRequest], HttpResponseBase]


class TenantMiddleware:
    """Puts the tenant of the request's host into scope; an unknown host is 404, a suspended tenant 503."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answer_async(request)
        scope, refuse = _enter_host(request)
        with use_scope(scope), _clock_of(request):
            response: HttpResponseBase = (refuse or self.get_response)(request)
            return _finished(request, response)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        # The host may have to be looked up in the database.
        scope, refuse = await sync_to_async(_enter_host)(request)
        with use_scope(scope), _clock_of(request):
            response: HttpResponseBase = refuse(request) if refuse else await self.get_response(request)
            return _finished(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn what a view raised into a problem document or a page."""
        return answer_exception(request, exception)


class ActorMiddleware:
    """Says who is signed in at this host: a member with the membership's role, or an operator of the platform.

    Below /api the authentication classes say it instead, because a session alone is not enough there.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answer_async(request)
        if _has_session(request):
            _enter_actor(request)
        response: HttpResponseBase = self.get_response(request)
        return response

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        if _has_session(request):
            await sync_to_async(_enter_actor)(request)
        response: HttpResponseBase = await self.get_response(request)
        return response


def _enter_host(request: HttpRequest) -> tuple[Scope | None, _Respond | None]:
    """Find the tenant, note what the rest of the request needs of it, and say who answers instead of the views."""
    given = request.META.get("HTTP_X_CORRELATION_ID")
    correlation_id = (_as_uuid(given) if given else None) or uuid7()
    request.correlation_id = correlation_id  # type: ignore[attr-defined]  # for hosts without a scope
    host = bare_host(request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", ""))
    if is_platform_host(host):
        request.tenant = None  # type: ignore[attr-defined]  # see the other branch
        return None, _refuse_nul if _has_nul(request) else None
    tenant = tenant_at(host)
    request.tenant = tenant  # type: ignore[attr-defined]  # the documented attribute of each request
    if tenant is None:
        return None, None if request.path in PROBES else _refuse_unknown_host
    request.urlconf = settings.TENANT_URLCONF
    scope = Scope(
        kind="tenant",
        tenant_id=tenant.id,
        tenant_slug=tenant.slug,
        actor=ANONYMOUS,
        correlation_id=correlation_id,
        causation_id=None,
        depth=0,
        work=None,
    )
    if tenant.is_suspended and not _is_open_while_suspended(request.path):
        return scope, _refuse_suspended
    return scope, _refuse_nul if _has_nul(request) else None


def _clock_of(request: HttpRequest) -> AbstractContextManager[None]:
    """In a tenant's admin, times are shown and read as the tenant's clocks have them; everywhere else they are UTC."""
    tenant = request.tenant  # type: ignore[attr-defined]  # set on entry
    if tenant is None or not request.path.startswith("/admin/"):
        return nullcontext()
    return timezone.override(tenant.time_zone)


def _is_open_while_suspended(path: str) -> bool:
    """Probes, and the style sheet of the page that says so."""
    return path in PROBES or path.startswith(settings.STATIC_URL)


def _has_nul(request: HttpRequest) -> bool:
    """Say whether the address has the character NUL, which no name has and PostgreSQL refuses in every text."""
    query = request.META.get("QUERY_STRING", "")
    return "\0" in request.path or "%00" in query or "\0" in query


def _refuse_nul(request: HttpRequest) -> HttpResponse:
    problem = Problem(status=400, code="malformed", detail="An address has no NUL characters (%00).")
    return _guarded(request, error_response(problem, request))


def _refuse_unknown_host(request: HttpRequest) -> HttpResponse:
    problem = Problem(status=404, code="unknown_host", detail="No site answers at this host.")
    if is_api(request):
        return _guarded(request, problem_response(problem, request))
    # Nothing else answers here, so the page has no style sheet either.
    return _guarded(request, HttpResponse(render_to_string("errors/unknown_host.html"), status=404))


def _refuse_suspended(request: HttpRequest) -> HttpResponse:
    problem = Problem(
        status=503,
        code="tenant_suspended",
        detail="This site is suspended.",
        headers={"Retry-After": "3600"},
    )
    if is_api(request):
        return _guarded(request, problem_response(problem, request))
    page = render_to_string("site/suspended.html")
    headers = {"Cache-Control": "no-store", **problem.headers}
    return _guarded(request, HttpResponse(page, status=503, headers=headers))


def _guarded(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Add the headers that the rest of the chain would have added."""
    response.headers["Content-Security-Policy"] = policy_for(request.path)
    response.headers["Permissions-Policy"] = PERMISSIONS
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = settings.SECURE_REFERRER_POLICY
    return response


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers[CORRELATION_HEADER] = str(request.correlation_id)  # type: ignore[attr-defined]  # set on entry
    if (limits := getattr(request, "rate_limits", None)) is not None:
        for name, value in limits.items():
            response.headers[name] = value
    if isinstance(response, StreamingHttpResponse):
        _keep_scope(response)
    return response


def _keep_scope(response: StreamingHttpResponse) -> None:
    """Produce and close the body in the scope of the request, which for the server is over by then."""
    scope = current_scope()
    if not (isinstance(response, FileResponse) and response.file_to_stream is not None):
        body: Any = response.streaming_content
        response.streaming_content = (
            _async_parts_in(scope, body) if response.is_async else _parts_in(scope, body)
        )
    response.close = partial(_call_in, scope, response.close)  # type: ignore[method-assign]  # closers may read too


def _parts_in(scope: Scope | None, parts: Iterator[bytes]) -> Iterator[bytes]:
    # The scope may not be held across a yield: the server's thread would keep it.
    while True:
        with use_scope(scope):
            part = next(parts, None)
        if part is None:
            return
        yield part


async def _async_parts_in(scope: Scope | None, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        with use_scope(scope):
            part = await anext(parts, None)
        if part is None:
            return
        yield part


def _call_in(scope: Scope | None, function: Callable[[], object]) -> None:
    with use_scope(scope):
        function()


def _has_session(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES and not is_api(request)


def _enter_actor(request: HttpRequest) -> None:
    user = request.user
    if not isinstance(user, User):
        return
    scope = current_scope()
    if scope is not None:
        enter_scope(replace(scope, actor=person_actor(user)))
    elif request.path.startswith("/admin/"):
        enter_scope(platform_scope_of(request, user))


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
