"""Who is calling, for views that do without DRF."""

from __future__ import annotations

from django.http import HttpRequest, QueryDict
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.settings import api_settings

from core.actors import Actor
from core.errors import Unauthenticated
from core.scope import current_actor


class Caller(Request):
    """Asks the authentication classes without a view, so without its parsers."""

    @property
    def POST(self) -> QueryDict:  # type: ignore[override]  # noqa: N802 - DRF's name
        # The CSRF check of sessions looks for the token here; Django reads forms, and leaves other bodies alone.
        return self._request.POST


def caller_of(request: HttpRequest) -> Caller:
    """Ask the same authentication classes as the rest of the API; nobody at all is no error.

    Raises:
        AuthenticationFailed, PermissionDenied: There are bad credentials, or a session without its CSRF token.
    """
    classes: list[type[BaseAuthentication]] = api_settings.DEFAULT_AUTHENTICATION_CLASSES  # type: ignore[assignment]  # loaded by then
    caller = Caller(request, authenticators=[one() for one in classes])
    caller.user  # noqa: B018  # asking sets the actor
    return caller


def authenticated_actor(request: HttpRequest) -> Actor:
    """Return the caller's actor.

    Raises:
        Unauthenticated: There are no credentials.
        AuthenticationFailed, PermissionDenied: There are bad ones, or a session without its CSRF token.
    """
    caller_of(request)
    actor = current_actor()
    if actor.kind == "anonymous":
        raise Unauthenticated("Send an API key or an access token: Authorization: Bearer …")
    return actor
