"""What readiness means: every promise that the installation makes is being kept at this moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

import redis
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from cms_project.worker_progress import PROGRESS_KEY
from core.api.health import Probe, broker_answers, database_answers
from plugin_host.deliveries.selectors import late_deliveries
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.loading.app_config import PluginAppConfig

# The sweep finds late work every other second, and a lease runs out after half a minute.
LATE_SECONDS: Final = 60.0
# The clock sends a sweep every other second, and a worker notes what it takes every five seconds.
SILENT_SECONDS: Final = 30.0
_SOCKET_SECONDS: Final = 1.0


def migrations_are_applied() -> str | None:
    """Return the host's migrations that the database lacks; a plugin that lacks some is that plugin's trouble."""
    wanted = _host_migrations()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            missing = wanted - set(cursor.fetchall())
    except DatabaseError as error:
        return str(error)
    if not missing:
        return None
    return f"not applied: {', '.join(sorted(f'{app}.{name}' for app, name in missing))}"


def deliveries_are_made() -> str | None:
    """Return how many deliveries nobody has seen to for too long, or None."""
    try:
        late = late_deliveries(seconds=LATE_SECONDS)
    except DatabaseError as error:
        return str(error)
    return f"{late} deliveries are late by more than {LATE_SECONDS:g} seconds" if late else None


def worker_takes_messages() -> str | None:
    """Return for how long no worker has taken what the clock sends, or None: one of the two stands still then."""
    key = PROGRESS_KEY.format(prefix=settings.DATABASE_ROLE_PREFIX)
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
        ) as client:
            noted = client.get(key)
    except redis.RedisError as error:
        return str(error)
    if noted is None:
        return "no worker has taken a message in the last hour"
    silent = time.time() - float(noted)
    return f"no worker has taken a message for {silent:.0f} seconds" if silent > SILENT_SECONDS else None


def hooks_can_run() -> str | None:
    """Return how much of this process is held by hooks that do not end, or None; nothing but a restart frees it."""
    if not hook_runner.is_worn_out:
        return None
    return f"{hook_runner.stats.stuck} hooks of this process do not end: restart it"


@cache
def _host_migrations() -> frozenset[tuple[str, str]]:
    plugins = {config.label for config in apps.get_app_configs() if isinstance(config, PluginAppConfig)}
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return frozenset((label, name) for label, name in disk if label not in plugins)


PROBES: Final[Mapping[str, Probe]] = MappingProxyType(
    {
        "database": database_answers,
        "broker": broker_answers,
        "migrations": migrations_are_applied,
        "worker": worker_takes_messages,
        "deliveries": deliveries_are_made,
        "hooks": hooks_can_run,
    }
)
