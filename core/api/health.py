"""Probes: `/livez` says that the process answers, `/readyz` that it can do its work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

_SOCKET_SECONDS: Final = 1.0
_NO_STORE: Final = {"Cache-Control": "no-store"}

type Probe = Callable[[], str | None]


def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process serves requests."""
    return HttpResponse("ok\n", content_type="text/plain", headers=_NO_STORE)


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 where every part that the process needs does its work, else 503; names the parts, nothing more."""
    parts = {name: probe() is None for name, probe in _probes()}
    return JsonResponse(
        {
            "ready": all(parts.values()),
            "parts": {name: "ok" if fine else "down" for name, fine in parts.items()},
        },
        status=200 if all(parts.values()) else 503,
        headers=_NO_STORE,
    )


_more: dict[str, Probe] = {}


def add_probe(name: str, probe: Probe) -> None:
    """Let readiness depend on another part.

    Args:
        probe: Returns what is wrong, or None; must answer within a second and raise nothing.
    """
    _more[name] = probe


def _probes() -> Iterable[tuple[str, Probe]]:
    yield "database", _database
    yield "broker", _broker
    yield from _more.items()


def _database() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return str(error)
    return None


def _broker() -> str | None:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
        ) as client:
            client.ping()
    except redis.RedisError as error:
        return str(error)
    return None
