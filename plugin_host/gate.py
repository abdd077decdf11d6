"""What stands in front of every route of a plugin: is it on here, who asks, how often, and from where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from core.actors import authorize
from core.api.access import authenticated_actor, caller_of
from core.api.problems import answer_exception, page_not_found
from core.errors import NotFound, Unauthenticated
from core.scope import current_actor, current_scope
from plugin_host.auth import OPEN_MARK
from plugin_host.routes import plugin_of_namespaces
from plugin_host.selectors.pauses import paused_error
from plugin_host.state import tenant_plugins

View = Callable[..., Any]


class PluginGateMiddleware:
    """Answers 404 where a plugin is off for the tenant, and 401 to callers without credentials.

    It looks at the address that was resolved, so it holds whatever kind of view stands behind it.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        # A coroutine under ASGI, which Django awaits.
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        plugin_id = plugin_of_namespaces(match.namespaces) if match is not None else None
        if plugin_id is None:
            return None
        try:
            self._admit(request, view, plugin_id)
        except Http404 as error:
            return page_not_found(request, error)
        except Exception as error:
            # Raised by a middleware it would reach neither DRF's handler nor `process_exception`.
            answer = answer_exception(request, error)
            if answer is None:
                raise
            return answer
        return None

    def _admit(self, request: HttpRequest, view: View, plugin_id: str) -> None:
        own_view = getattr(view, "plugin_view", view)
        scope = current_scope()
        if scope is None or scope.tenant_id is None:
            # On a platform host the caller's credentials say which tenant it is.
            authenticated_actor(request)
        require_running(plugin_id, request)
        is_framework_view = getattr(view, "cls", None) is not None
        if is_framework_view and (
            _is_open_framework_view(request, own_view) or _has_own_sign_in(request, own_view)
        ):
            return  # DRF does the rest
        if not is_framework_view and _is_open(own_view):
            if not getattr(own_view, "csrf_exempt", False):
                _authenticate(request)
            _count(request)
            return
        caller = _authenticate(request)
        _require_use()
        if is_framework_view:
            _hand_over(request, caller, own_view)
        else:
            _count(request)


def require_running(plugin_id: str, request: HttpRequest) -> None:
    """Refuse an address of a plugin that does not run for the tenant in scope.

    Raises:
        Unavailable: It is paused, so it will be back; why is no business of callers.
        NotFound: It is off, in the same words as for an address that nobody serves.
    """
    scope = current_scope()
    tenant_id = scope.tenant_id if scope is not None else None
    entry = tenant_plugins(tenant_id).get(plugin_id) if tenant_id is not None else None
    if entry is not None and entry.is_paused:
        raise paused_error(entry)
    if entry is None or not entry.runs:
        raise NotFound(f"There is nothing at {request.path}.")


def _is_open(view: Any) -> bool:
    return bool(getattr(view, OPEN_MARK, False))


def _is_open_framework_view(request: HttpRequest, view: Any) -> bool:
    if _is_open(view) or _is_open(view.cls):
        return True
    return any(isinstance(one, AllowAny) for one in _permissions_of(request, view))


def _has_own_sign_in(request: HttpRequest, view: Any) -> bool:
    """Say whether a DRF view brings authentication classes of its own and asks for a sign-in by them."""
    classes = list(
        getattr(view, "initkwargs", {}).get("authentication_classes", view.cls.authentication_classes)
    )
    if not classes or classes == _default_authentication():
        return False
    return any(
        isinstance(one, IsAuthenticated) or getattr(one, "demands_sign_in", False)
        for one in _permissions_of(request, view)
    )


def _permissions_of(request: HttpRequest, view: Any) -> list[Any]:
    """Return the permissions that a DRF view will ask, as it makes them; none where that cannot be known."""
    one: Any = view.cls(**getattr(view, "initkwargs", {}))
    one.request = Request(request)
    one.args, one.kwargs = (), {}
    if actions := getattr(view, "actions", None):
        # As ViewSetMixin does it, which decides by the action.
        method = (request.method or "").lower()
        one.action_map = actions
        one.action = "metadata" if method == "options" else actions.get(method)
    try:
        return list(one.get_permissions())
    except Exception:  # noqa: BLE001 - a plugin's code that fails here must not open its route: it stays closed
        return []


def _authenticate(request: HttpRequest) -> Request:
    """Ask the API's authentication classes, which check CSRF for sessions; nobody at all is no error here."""
    caller = caller_of(request)
    request.user = caller.user
    return caller


def _default_authentication() -> list[Any]:
    return list(api_settings.DEFAULT_AUTHENTICATION_CLASSES)


def _require_use() -> None:
    if current_actor().kind == "anonymous":
        raise Unauthenticated("Sign in, or send an API key or an access token: Authorization: Bearer …")
    authorize(current_actor(), "plugin.use")


def _hand_over(request: HttpRequest, caller: Request, view: Any) -> None:
    """Spare a DRF view that authenticates as the API does to do it once more."""
    classes = getattr(view, "initkwargs", {}).get("authentication_classes", view.cls.authentication_classes)
    if list(classes) == _default_authentication():
        # How DRF itself is told about a caller that is known already.
        request._force_auth_user = caller.user  # type: ignore[attr-defined]  # DRF looks for it
        request._force_auth_token = caller.auth  # type: ignore[attr-defined]  # the same


def _count(request: HttpRequest) -> None:
    """Hold a plain view to the limits that DRF holds its own views to."""
    for throttle_class in api_settings.DEFAULT_THROTTLE_CLASSES:
        throttle = throttle_class()  # type: ignore[operator]  # loaded by then
        if not throttle.allow_request(Request(request), APIView()):
            raise Throttled(throttle.wait())
