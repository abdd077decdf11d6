"""Who may call a plugin's routes and pages: permission classes for DRF, and the same names as view decorators.

    class TaskViewSet(ViewSet):
        permission_classes = [require_auth]

    @require_admin
    def report(request): ...

Routes ask for a sign-in or an API key anyway; `allow_anonymous` opens one to everybody, as DRF's `AllowAny` does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, Final, cast, overload

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import BasePermission, OperandHolder
from rest_framework.request import Request
from rest_framework.views import APIView

from core.actors import authorize
from core.api.access import authenticated_actor
from core.errors import Unauthenticated
from core.scope import current_actor

__all__ = ["allow_anonymous", "require_admin", "require_admin_ui", "require_auth"]

OPEN_MARK: Final = "_tenantry_allow_anonymous"


class _Requirement(BasePermission):
    """What a caller must be; subclasses say it in `refuse`."""

    # A request without credentials is 401 by itself: DRF asks this before it asks for permissions.
    demands_sign_in: ClassVar[bool] = True

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        self.refuse()
        return True

    @classmethod
    def refuse(cls) -> None:
        """Raise where the caller in scope may not go on."""

    @classmethod
    def admit(cls, request: HttpRequest) -> HttpResponseBase | None:
        """Let the caller of a plain view in; return an answer, or raise, where it may not go on."""
        if current_actor().kind == "anonymous":
            authenticated_actor(request)
        cls.refuse()
        return None

    @classmethod
    def decorate[V: Callable[..., Any]](cls, view: V) -> V:
        """Return the view behind this requirement."""
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refusal = await sync_to_async(cls.admit)(request)
                return refusal if refusal is not None else await view(request, *args, **kwargs)

            markcoroutinefunction(guarded_async)
            return cast("V", guarded_async)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = cls.admit(request)
            return refusal if refusal is not None else view(request, *args, **kwargs)

        return cast("V", guarded)


class _SignedIn(_Requirement):
    """Signed in, or with an API key: anybody who may use plugins."""

    @classmethod
    def refuse(cls) -> None:
        authorize(current_actor(), "plugin.use")


class _Admin(_Requirement):
    """An administrator of the tenant, or a key that may what one may."""

    @classmethod
    def refuse(cls) -> None:
        authorize(current_actor(), "plugin.manage")


class _AdminPage(_Requirement):
    """A person who is signed in to the tenant's admin."""

    @classmethod
    def refuse(cls) -> None:
        actor = current_actor()
        if actor.kind != "user":
            raise Unauthenticated("This page is for people: sign in to the admin.")
        authorize(actor, "plugin.use")

    @classmethod
    def admit(cls, request: HttpRequest) -> HttpResponseBase | None:
        if current_actor().kind == "anonymous":
            return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        cls.refuse()
        return None


class Guard(OperandHolder):
    """A permission class of DRF and a view decorator in one.

    DRF makes a permission by calling it without arguments; as a decorator it is called with the view.
    """

    def __init__(self, requirement: type[_Requirement]) -> None:
        self._requirement = requirement
        self.__doc__ = requirement.__doc__

    @overload
    def __call__(self) -> BasePermission: ...

    @overload
    def __call__[V: Callable[..., Any]](self, view: V, /) -> V: ...

    def __call__(self, *views: Any) -> Any:
        return self._requirement.decorate(*views) if views else self._requirement()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self._requirement.__doc__}>"


require_auth: Final = Guard(_SignedIn)
"""Signed in, or with an API key: anybody who may use plugins."""

require_admin: Final = Guard(_Admin)
"""An administrator of the tenant, or a key that may what one may."""

require_admin_ui: Final = Guard(_AdminPage)
"""A person who is signed in to the tenant's admin, for pages; others are sent to the sign-in page."""


def allow_anonymous[V: Callable[..., Any]](view: V) -> V:
    """Open a route to callers without credentials; on a view function or on a DRF view's class."""
    setattr(view, OPEN_MARK, True)
    return view
