"""Finds a worker that lives but takes nothing from its queue; after faults of the broker that happens.

The worker notes when it last took something (`cms_project.worker_progress`). It is stuck when messages wait and
that was too long ago.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import redis

from cms_project.worker_progress import PROGRESS_KEY, queue_key

LOOK_SECONDS: Final = 10.0
# Longer than any hook may run, since a worker with full hands takes nothing either.
PATIENCE_SECONDS: Final = 90.0

# Seconds since the worker started -> why it counts as stuck, or None.
Canary = Callable[[float], str | None]


def queue_canary(environment: Mapping[str, str]) -> Canary:
    """The check for the broker that these variables name."""
    client = redis.Redis.from_url(environment["REDIS_URL"], socket_timeout=2, socket_connect_timeout=2)
    prefix = environment.get("DATABASE_ROLE_PREFIX") or "tenantry"

    def check(uptime_seconds: float) -> str | None:
        if uptime_seconds < PATIENCE_SECONDS:
            return None
        try:
            waiting = client.llen(queue_key(prefix))
            noted = client.get(PROGRESS_KEY.format(prefix=prefix))
        except redis.RedisError:
            # Without the broker nobody can make progress; it is not the worker's fault.
            return None
        idle = time.time() - float(noted) if noted else uptime_seconds
        if not waiting or idle < PATIENCE_SECONDS:
            return None
        return f"{waiting} messages wait and it took none for {idle:.0f} s"

    return check
