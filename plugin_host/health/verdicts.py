"""Whether plugins are healthy, by their stored verdicts, from this process's memory.

A plugin is sick while a check of severity critical or warning is unhealthy. What is degraded still does its work, what
is of severity info is for people to know, and what has not run yet says nothing: none of these makes a plugin sick.
What a check found before it was switched off does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef

from core.scope import current_scope, require_tenant, tenant_scope
from core.stamps import StampedCache, announce_change
from plugin_host.hooks.health_monitor import HealthSeverity, HealthStatus
from plugin_host.models.health import HealthVerdict
from plugin_host.models.schedule import ScheduledItem

STAMP: Final = "health"
COUNTING_SEVERITIES: Final = (HealthSeverity.CRITICAL, HealthSeverity.WARNING)
WORST_FIRST: Final = (
    HealthStatus.UNHEALTHY,
    HealthStatus.DEGRADED,
    HealthStatus.UNKNOWN,
    HealthStatus.HEALTHY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginHealth:
    """All verdicts of a plugin, in two words.

    Args:
        worst: The worst status of its checks.
        is_sick: Whether a check that counts is unhealthy.
    """

    worst: HealthStatus
    is_sick: bool


def plugins_health(tenant_id: UUID) -> Mapping[str, PluginHealth]:
    """Return the health of each plugin that was checked, for a tenant.

    Must not be called on an event loop's thread: it may have to ask the database.
    """
    return _cache.get(str(tenant_id))


def announce_verdict_change() -> None:
    """Have every process read the verdicts of the tenant in scope again; inside the transaction that changes them."""
    announce_change(STAMP, str(require_tenant().tenant_id))


def _load(key: str) -> Mapping[str, PluginHealth]:
    tenant_id = UUID(key)
    scope = current_scope()
    if scope is not None and scope.tenant_id == tenant_id:
        return _read()
    with tenant_scope(tenant_id):
        return _read()


def _read() -> Mapping[str, PluginHealth]:
    found: dict[str, PluginHealth] = {}
    switched_off = ScheduledItem.objects.filter(
        plugin=OuterRef("plugin"),
        kind="check",
        item_id=OuterRef("check_id"),
        target=OuterRef("target"),
        is_switched_off=True,
    )
    counting = HealthVerdict.objects.filter(~Exists(switched_off))
    rows = counting.values_list("plugin", "status", "severity").distinct()
    for plugin, status, severity in rows:
        sick = status == HealthStatus.UNHEALTHY and severity in COUNTING_SEVERITIES
        before = found.get(plugin)
        statuses = {HealthStatus(status), *([before.worst] if before is not None else [])}
        found[plugin] = PluginHealth(
            worst=min(statuses, key=WORST_FIRST.index),
            is_sick=sick or (before is not None and before.is_sick),
        )
    return found


_cache: StampedCache[str, Mapping[str, PluginHealth]] = StampedCache(STAMP, _load, key_of=str)
