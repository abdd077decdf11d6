"""Probes: `/livez` says that the process answers, `/readyz` that it can do its work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from core.api.views import bad_parameter
from core.logging import get_logger

logger = get_logger(__name__)

_SOCKET_SECONDS: Final = 1.0
_NO_STORE: Final = {"Cache-Control": "no-store"}

type Probe = Callable[[], str | None]
"""Returns what is wrong, or None; answers within seconds and raises nothing."""


def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process serves requests."""
    return HttpResponse("ok\n", content_type="text/plain", headers=_NO_STORE)


def readyz(request: HttpRequest, probes: Mapping[str, Probe]) -> JsonResponse:
    """Answer 200 where every part that the installation needs does its work, else 503; names the parts, nothing more.

    `?part=database&part=broker` asks for these parts only, as a load balancer does: a web process can serve pages
    while no worker runs.
    """
    wanted = request.GET.getlist("part") or list(probes)
    if unknown := [name for name in wanted if name not in probes]:
        raise bad_parameter("part", f"There is no part {unknown[0]!r}; there are: {', '.join(probes)}.")
    parts = {}
    for name in wanted:
        problem = probes[name]()
        if problem is not None:
            logger.warning("Not ready: %s: %s", name, problem)
        parts[name] = "ok" if problem is None else "down"
    ready = "down" not in parts.values()
    return JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503, headers=_NO_STORE)


def database_answers() -> str | None:
    """Return why PostgreSQL cannot be asked, or None."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return str(error)
    return None


def broker_answers() -> str | None:
    """Return why Redis cannot be asked, or None."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
        ) as client:
            client.ping()
    except redis.RedisError as error:
        return str(error)
    return None
