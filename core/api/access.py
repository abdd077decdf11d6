"""Who is calling, for views that do without DRF."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.settings import api_settings

from core.actors import Actor
from core.errors import Unauthenticated
from core.scope import current_actor


def authenticated_actor(request: HttpRequest) -> Actor:
    """Return the caller's actor, asking the same authentication classes as the rest of the API.

    Raises:
        Unauthenticated: There are no credentials, or bad ones.
    """
    classes: list[type[BaseAuthentication]] = api_settings.DEFAULT_AUTHENTICATION_CLASSES  # type: ignore[assignment]  # loaded by then
    authenticators = [one() for one in classes]
    Request(request, authenticators=[*authenticators]).user  # noqa: B018  # asking sets the actor
    actor = current_actor()
    if actor.kind == "anonymous":
        raise Unauthenticated("Send an API key or an access token: Authorization: Bearer …")
    return actor
