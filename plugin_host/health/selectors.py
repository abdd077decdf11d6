"""What people and programs see of health, for the tenant in scope."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from plugin_host.deliveries.partitions import first_key_of
from plugin_host.dispatch.binding import Readiness, readiness
from plugin_host.health.definitions import CHECK, EXECUTE_HOOK, has_checks
from plugin_host.health.execution import why_not
from plugin_host.health.verdicts import WORST_FIRST
from plugin_host.hooks.health_monitor import HealthSeverity, HealthStatus
from plugin_host.models.health import HealthResult, HealthVerdict
from plugin_host.models.schedule import RunStatus, ScheduledItem, ScheduledRun
from plugin_host.registry import loaded_plugins
from plugin_host.scheduling.kinds import DEFINITIONS
from plugin_host.selectors.plugins import plugin_named, plugins_in_scope

MAX_PAGE: Final = 200
MAX_SERIES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """How one check fares at one target.

    Args:
        verdict: None where it has not run yet.
        next_run_at: When it runs by itself; None where it does not.
        is_waiting: Whether a worker is to run it now, or runs it.
        is_switched_off: Whether a person keeps it from running by itself; then it does not count.
    """

    check_id: str
    target: str
    name: str
    description: str
    severity: HealthSeverity
    verdict: HealthVerdict | None = None
    next_run_at: datetime | None = None
    is_waiting: bool = False
    is_switched_off: bool = False

    @property
    def status(self) -> HealthStatus:
        """The status that holds."""
        return HealthStatus(self.verdict.status) if self.verdict is not None else HealthStatus.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOverview:
    """How a plugin fares for the tenant in scope.

    Args:
        why_not: Why none of its checks runs; empty where they do.
        problem: What is wrong with its list of checks, so that the known ones stay.
        checks: One per check and target, the worst first.
    """

    plugin_id: str
    has_checks: bool
    why_not: str
    problem: str
    checks: tuple[CheckState, ...]

    @property
    def worst(self) -> HealthStatus:
        """The worst status of all checks that are not switched off; unknown where none has run."""
        found = [one.status for one in self.checks if one.verdict is not None and not one.is_switched_off]
        return min(found, key=WORST_FIRST.index, default=HealthStatus.UNKNOWN)


def health_overview(plugin_id: str) -> HealthOverview:
    """Return how a plugin fares.

    Raises:
        NotFound: There is no such plugin.
    """
    entry = plugin_named(plugin_id)
    plugin = loaded_plugins().plugins.get(plugin_id)
    ready = readiness(entry, EXECUTE_HOOK)
    items = list(
        ScheduledItem.objects.filter(plugin=plugin_id, kind__in=(CHECK, DEFINITIONS), retired_at=None)
    )
    open_runs = ScheduledRun.objects.filter(plugin=plugin_id, kind=CHECK).exclude(status=RunStatus.ENDED)
    waiting = set(open_runs.values_list("item_id", flat=True))
    verdicts = {(row.check_id, row.target): row for row in HealthVerdict.objects.filter(plugin=plugin_id)}
    known = has_checks(plugin) if plugin is not None else False
    return HealthOverview(
        plugin_id=plugin_id,
        has_checks=known,
        why_not="" if ready is Readiness.READY else why_not(plugin_id, ready),
        problem=next((item.problem for item in items if item.kind == DEFINITIONS), ""),
        checks=tuple(
            sorted(_states([one for one in items if one.kind == CHECK], verdicts, waiting), key=_worst_first)
        ),
    )


def _states(
    items: Sequence[ScheduledItem], verdicts: dict[tuple[str, str], HealthVerdict], waiting: Collection[UUID]
) -> Iterator[CheckState]:
    for item in items:
        yield _state(
            (item.item_id, item.target),
            item.definition,
            verdicts.pop((item.item_id, item.target), None),
            next_run_at=item.next_run_at,
            is_waiting=item.pk in waiting,
            is_switched_off=item.is_switched_off,
        )
    # Run by a command, and never by the clock.
    for key, verdict in verdicts.items():
        yield _state(key, verdict.definition, verdict)


def _state(
    key: tuple[str, str], definition: Mapping[str, Any], verdict: HealthVerdict | None, **planned: Any
) -> CheckState:
    return CheckState(
        check_id=key[0],
        target=key[1],
        name=definition.get("name", key[0]),
        description=definition.get("description", ""),
        severity=HealthSeverity(definition.get("severity", HealthSeverity.WARNING)),
        verdict=verdict,
        **planned,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """One result, as charts need it.

    Args:
        ms: The response time that the check reports, or else how long it ran.
    """

    at: datetime
    status: HealthStatus
    ms: float | None


def health_series(plugin_id: str, *, check: str, target: str, since: datetime) -> list[SeriesPoint]:
    """Return the results of one check at one target from a moment on, the oldest first; at most 10,000."""
    # The key begins with the time of its making, so what is older is not even looked at.
    rows = HealthResult.objects.filter(
        plugin=plugin_id, check_id=check, target=target, id__gte=first_key_of(since), checked_at__gte=since
    )
    found = rows.order_by("-id").values_list(
        "checked_at", "status", "response_time_ms", "duration_ms", "trouble"
    )
    return [
        SeriesPoint(
            at=at, status=HealthStatus(status), ms=response if response is not None or trouble else took
        )
        for at, status, response, took, trouble in reversed(found[:MAX_SERIES])
    ]


def last_statuses(plugin_id: str, *, count: int) -> dict[tuple[str, str], list[str]]:
    """Return the last statuses of each check and target of a plugin, the oldest first."""
    found: dict[tuple[str, str], list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LAST_STATUSES, {"plugin": plugin_id, "count": count})
        for check_id, target, status in cursor.fetchall():
            found.setdefault((check_id, target), []).append(status)
    return found


_LAST_STATUSES: Final = """
SELECT v.check_id, v.target, r.status FROM plugin_host_healthverdict v
CROSS JOIN LATERAL (
    SELECT r.id, r.status FROM plugin_host_healthresult r
    WHERE r.tenant_id = v.tenant_id AND r.plugin = v.plugin AND r.check_id = v.check_id AND r.target = v.target
    ORDER BY r.id DESC LIMIT %(count)s
) r
WHERE v.plugin = %(plugin)s
ORDER BY v.check_id, v.target, r.id
"""


def _worst_first(state: CheckState) -> tuple[Any, ...]:
    return (
        state.is_switched_off,
        state.verdict is None,
        WORST_FIRST.index(state.status),
        state.check_id,
        state.target,
    )
