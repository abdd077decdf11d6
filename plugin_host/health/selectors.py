"""What people and programs see of health, for the tenant in scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from plugin_host.dispatch.binding import Readiness, readiness
from plugin_host.health.definitions import EXECUTE_HOOK, has_checks
from plugin_host.health.execution import why_not
from plugin_host.health.verdicts import WORST_FIRST
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.models.health import HealthResult, HealthVerdict
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.plugins import plugin_named, plugins_in_scope

MAX_PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOverview:
    """How a plugin fares for the tenant in scope.

    Args:
        why_not: Why none of its checks runs; empty where they do.
        verdicts: One per check and target, the worst first.
    """

    plugin_id: str
    has_checks: bool
    why_not: str
    verdicts: tuple[HealthVerdict, ...]

    @property
    def worst(self) -> HealthStatus:
        """The worst status of all checks; unknown where none has run."""
        return HealthStatus(self.verdicts[0].status) if self.verdicts else HealthStatus.UNKNOWN


def health_overview(plugin_id: str) -> HealthOverview:
    """Return how a plugin fares.

    Raises:
        NotFound: There is no such plugin.
    """
    entry = plugin_named(plugin_id)
    plugin = loaded_plugins().plugins.get(plugin_id)
    ready = readiness(entry, EXECUTE_HOOK)
    rows = HealthVerdict.objects.filter(plugin=plugin_id)
    return HealthOverview(
        plugin_id=plugin_id,
        has_checks=plugin is not None and has_checks(plugin),
        why_not="" if ready is Readiness.READY else why_not(plugin_id, ready),
        verdicts=tuple(sorted(rows, key=_worst_first)),
    )


def plugins_with_checks() -> list[str]:
    """Return the ids of the plugins that are on for the tenant in scope and have checks, in load order."""
    plugins = plugins_in_scope()
    return [
        entry.plugin_id
        for entry in plugins.values()
        if entry.is_on
        and (plugin := plugins.loaded.plugins.get(entry.plugin_id)) is not None
        and has_checks(plugin)
    ]


def health_results(
    plugin_id: str,
    *,
    check: str | None = None,
    target: str | None = None,
    since: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[HealthResult]:
    """Return results of a plugin's checks, newest first.

    Args:
        check: The check's id, with or without the plugin's.
        before: Only those older than the one with that id: the last one of the page before.
        limit: At most 200.
    """
    rows = HealthResult.objects.filter(plugin=plugin_id)
    if check is not None:
        rows = rows.filter(check_id__in=(check, f"{plugin_id}.{check}"))
    if target is not None:
        rows = rows.filter(target=target)
    if since is not None:
        rows = rows.filter(checked_at__gte=since)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-id")[: min(limit, MAX_PAGE)])


def _worst_first(verdict: HealthVerdict) -> tuple[Any, ...]:
    return (WORST_FIRST.index(HealthStatus(verdict.status)), verdict.check_id, verdict.target)
