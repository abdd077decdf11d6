"""What people and programs see of scheduled work, in the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery

from core.scope import require_tenant
from plugin_host.models.schedule import RunOutcome, RunStatus, ScheduledAttempt, ScheduledItem, ScheduledRun
from plugin_host.scheduling.kinds import DEFINITIONS
from plugin_host.scheduling.words import schedule_in_words
from plugin_host.state import PluginStatus, TenantPlugin, tenant_plugins
from tenants.models import Tenant

# `pending` and `running` are open; the others are outcomes.
RunState = Literal["pending", "running", "done", "done_with_errors", "skipped", "dead"]
ItemState = Literal[
    "scheduled", "running", "waiting", "switched_off", "not_enabled", "stopped", "retired", "never"
]
OPEN_STATES: Final = ("pending", "running")
MAX_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt at a run; `id` is the execution's."""

    id: UUID
    number: int
    outcome: str
    worker: str
    error: str
    data: Mapping[str, Any] | None
    log: list[dict[str, Any]]
    progress_done: int | None
    progress_total: int | None
    started_at: datetime
    finished_at: datetime | None

    @property
    def duration_ms(self) -> float | None:
        """How long it took; None while it runs."""
        if self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds() * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One time at which an item was due.

    Args:
        state: Whether it waits, runs, or how it ended.
        state_reason: Why it was skipped or has failed for good, as a code; empty otherwise.
        error: What the last failed attempt said; its first line says what, the others where.
        next_attempt_at: When a waiting one is due; None for all others.
        duration_ms: Of the last attempt.
        attempts: The first one first; lists may leave it empty.
    """

    id: UUID
    slot: datetime
    reason: str
    requested_by: str
    state: RunState
    state_reason: str
    error: str
    data: Mapping[str, Any] | None
    attempt: int
    failures: int
    crashes: int
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    duration_ms: float | None
    attempts: tuple[AttemptView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """A scheduled item as pages and programs show it.

    Args:
        schedule: Its schedule in words.
        time_zone: In which a cron expression is read.
        state: `stopped` where its plugin does not run, `never` where it cannot be planned.
        problem: Why it cannot be planned.
        open_run: The run that waits or runs.
        last_run: The last one that has ended and was not skipped.
    """

    item: ScheduledItem
    schedule: str
    time_zone: str
    state: ItemState
    next_run_at: datetime | None
    open_run: RunView | None
    last_run: RunView | None

    @property
    def definition(self) -> Mapping[str, Any]:
        """As the plugin gave it."""
        found: Mapping[str, Any] = self.item.definition
        return found

    @property
    def problem(self) -> str:
        """Why it cannot be planned."""
        return str(self.item.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    """What a plugin has scheduled.

    Args:
        problem: Why the items are not as the plugin would have them now.
        time_zone: The tenant's.
    """

    items: tuple[ItemView, ...]
    problem: str
    time_zone: str


def plugin_schedule(plugin_id: str, kind: str) -> ScheduleView:
    """Return the items of one kind that a plugin has for the tenant in scope, by name, without retired ones."""
    rows = list(
        ScheduledItem.objects.filter(plugin=plugin_id, kind=kind, retired_at=None).order_by("name", "item_id")
    )
    zone = tenant_time_zone()
    return ScheduleView(
        items=tuple(_item_views(rows, plugin_id, zone)), problem=schedule_problem(plugin_id), time_zone=zone
    )


def item_view(item: ScheduledItem) -> ItemView:
    """Return one item, retired or not."""
    (view,) = _item_views([item], item.plugin, tenant_time_zone())
    return view


def schedule_problem(plugin_id: str) -> str:
    """Return what is wrong with what a plugin says there is to schedule; empty where all is in order."""
    return schedule_problems().get(plugin_id, "")


def schedule_problems() -> dict[str, str]:
    """Return the same for all plugins for which something is wrong."""
    found = ScheduledItem.objects.filter(kind=DEFINITIONS).exclude(problem="")
    return dict(found.values_list("plugin", "problem"))


def tenant_time_zone() -> str:
    """Return the time zone of the tenant in scope."""
    return str(Tenant.objects.values_list("time_zone", flat=True).get())


def item_runs(
    item: ScheduledItem,
    *,
    states: Sequence[RunState] = (),
    before: UUID | None = None,
    limit: int = 20,
    with_attempts: bool = True,
) -> list[RunView]:
    """Return the runs of an item, newest first.

    Args:
        states: Only these; all where empty.
        before: Only those made before the one with that id: the last one of the page before.
        limit: At most 100.
    """
    found = ScheduledRun.objects.filter(item=item)
    if states:
        open_states = [state for state in states if state in OPEN_STATES]
        outcomes = [state for state in states if state not in OPEN_STATES]
        found = found.filter(status__in=open_states) | found.filter(outcome__in=outcomes)
    if before is not None:
        found = found.filter(id__lt=before)
    rows = list(found.order_by("-id")[: min(limit, MAX_PAGE)])
    attempts = _attempts_of(rows) if with_attempts else {}
    return [_run_view(row, attempts.get(row.pk, ())) for row in rows]


def run_view(run_id: UUID) -> RunView:
    """Return one run with its attempts, as it is now."""
    row: ScheduledRun = ScheduledRun.objects.get(pk=run_id)
    return _run_view(row, _attempts_of([row]).get(row.pk, ()))


def _item_views(rows: Sequence[ScheduledItem], plugin_id: str, zone: str) -> Iterable[ItemView]:
    entry = _plugin(plugin_id)
    open_runs, last_runs = _runs_of(rows)
    for row in rows:
        used_zone = row.time_zone or zone
        open_run = open_runs.get(row.pk)
        yield ItemView(
            item=row,
            schedule=schedule_in_words(
                cron_expression=row.cron_expression, interval_seconds=row.interval_seconds, zone=used_zone
            ),
            time_zone=used_zone,
            state=_state(row, entry, open_run),
            next_run_at=row.next_run_at if entry is not None and entry.is_on else None,
            open_run=open_run,
            last_run=last_runs.get(row.pk),
        )


def _runs_of(rows: Sequence[ScheduledItem]) -> tuple[dict[UUID, RunView], dict[UUID, RunView]]:
    """Return, by item, the run that is open and the last one that ended; two queries whatever their number."""
    keys = [row.pk for row in rows]
    opened = ScheduledRun.objects.filter(item__in=keys).exclude(status=RunStatus.ENDED).order_by("slot")
    ended = (
        ScheduledRun.objects.filter(item=OuterRef("pk"), status=RunStatus.ENDED)
        .exclude(outcome=RunOutcome.SKIPPED)
        .order_by("-slot")
    )
    last = ScheduledItem.objects.filter(pk__in=keys).annotate(last_run=Subquery(ended.values("pk")[:1]))
    found = ScheduledRun.objects.filter(pk__in=last.values("last_run"))
    return (
        {row.item_id: _run_view(row) for row in opened},
        {row.item_id: _run_view(row) for row in found},
    )


def _state(row: ScheduledItem, entry: TenantPlugin | None, open_run: RunView | None) -> ItemState:
    if row.retired_at is not None:
        return "retired"
    if open_run is not None and open_run.state == "running":
        return "running"
    if entry is None or entry.status is not PluginStatus.ENABLED:
        return "stopped"
    if open_run is not None:
        return "waiting"
    if row.is_switched_off:
        return "switched_off"
    if not row.is_enabled:
        return "not_enabled"
    return "scheduled" if row.next_run_at is not None else "never"


def _plugin(plugin_id: str) -> TenantPlugin | None:
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    return tenant_plugins(tenant_id).get(plugin_id)


def _attempts_of(rows: Sequence[ScheduledRun]) -> dict[UUID, tuple[AttemptView, ...]]:
    found: dict[UUID, tuple[AttemptView, ...]] = {}
    for row in ScheduledAttempt.objects.filter(run__in=[one.pk for one in rows]).order_by("number"):
        found[row.run_id] = (*found.get(row.run_id, ()), _attempt_view(row))
    return found


def _attempt_view(row: ScheduledAttempt) -> AttemptView:
    return AttemptView(
        id=row.pk,
        number=row.number,
        outcome=row.outcome,
        worker=row.worker,
        error=row.error,
        data=row.data,
        log=row.log,
        progress_done=row.progress_done,
        progress_total=row.progress_total,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _run_view(row: ScheduledRun, attempts: tuple[AttemptView, ...] = ()) -> RunView:
    return RunView(
        id=row.pk,
        slot=row.slot,
        reason=row.reason,
        requested_by=row.requested_by,
        state=row.outcome or row.status,  # type: ignore[arg-type]  # the choices of both are the states
        state_reason=row.outcome_reason,
        error=row.error,
        data=row.data,
        attempt=row.attempt,
        failures=row.failures,
        crashes=row.crashes,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at if row.status == RunStatus.PENDING else None,
        finished_at=row.finished_at,
        duration_ms=row.duration_ms,
        attempts=attempts,
    )


def in_zone(moment: datetime | None, zone: str) -> datetime | None:
    """Return a moment as the clocks of a time zone show it."""
    return None if moment is None else moment.astimezone(ZoneInfo(zone))
