"""Turning items whose time has come into runs.

Works in the scope that it is called in: all tenants in platform scope, one in its own. Two that look at once do no
harm: a locked item is left to the other, and a slot has one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from core.ids import uuid7
from core.logging import get_logger
from plugin_host.models.schedule import RunReason
from plugin_host.scheduling.timing import NeverDue, Timing, interval_offset

logger = get_logger(__name__)

_BATCH: Final = 500
# By how much clocks of machines may differ before a plan is called one of the future.
_TOLERANCE_SECONDS: Final = 60.0
# From when on a slot counts as missed, for what does not catch up: a restart is shorter, a night off is longer.
_MISSED: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeDue:
    """What came due.

    Args:
        runs: Runs that wait for a worker now.
        skipped: Slots whose item was still busy with an earlier one.
    """

    runs: int = 0
    skipped: int = 0

    def __add__(self, other: MadeDue) -> MadeDue:
        return MadeDue(runs=self.runs + other.runs, skipped=self.skipped + other.skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _DueItem:
    id: UUID
    tenant_id: UUID
    plugin: str
    kind: str
    item_id: str
    target: str
    cron_expression: str
    interval_seconds: int | None
    time_zone: str
    slot: datetime
    is_busy: bool
    catch_up: str

    @property
    def timing(self) -> Timing:
        return timing_of(self, zone=self.time_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What becomes of one item: the slot that is due, if one is, and the next one or why there is none."""

    item: _DueItem
    slot: datetime | None
    reason: RunReason
    next_run_at: datetime | None
    problem: str = ""


def make_due(*, now: datetime | None = None) -> MadeDue:
    """Make runs of everything whose time has come, at most one for each item however long nobody looked.

    An item whose earlier run has not ended gets a run that is skipped, so that people see it.

    Args:
        now: The database's clock unless given.
    """
    made = MadeDue()
    with connection.cursor() as cursor:
        _plan_again(cursor, now)
        while True:
            with transaction.atomic():
                moment, items = _take(cursor, now)
                made += _advance(cursor, items, moment)
            if len(items) < _BATCH:
                return made


def timing_of(item: Any, *, zone: str) -> Timing:
    """Return when an item is due, given its row or something with the same attributes."""
    if item.interval_seconds is None:
        return Timing(cron_expression=item.cron_expression, time_zone=zone)
    offset = interval_offset(
        item.interval_seconds, item.tenant_id, item.plugin, item.kind, item.item_id, item.target
    )
    return Timing(interval_seconds=item.interval_seconds, offset_seconds=offset)


def _take(cursor: CursorWrapper, now: datetime | None) -> tuple[datetime, list[_DueItem]]:
    cursor.execute(TAKE_DUE, {"now": now, "limit": _BATCH})
    rows = cursor.fetchall()
    items = [_DueItem(**dict(zip(_COLUMNS, row[1:], strict=True))) for row in rows]
    return (rows[0][0] if rows else datetime.now(UTC)), items


def _advance(cursor: CursorWrapper, items: Sequence[_DueItem], now: datetime) -> MadeDue:
    if not items:
        return MadeDue()
    steps = [_step(item, now) for item in items]
    due = [step for step in steps if step.slot is not None]
    cursor.execute(
        _MAKE_RUNS,
        {
            "ids": [uuid7() for _ in due],
            "tenants": [step.item.tenant_id for step in due],
            "items": [step.item.id for step in due],
            "plugins": [step.item.plugin for step in due],
            "kinds": [step.item.kind for step in due],
            "slots": [step.slot for step in due],
            "reasons": [step.reason.value for step in due],
            "busy": [step.item.is_busy for step in due],
        },
    )
    made: list[bool] = [row[0] for row in cursor.fetchall()]
    _plan(cursor, steps, now)
    return MadeDue(runs=made.count(True), skipped=made.count(False))


def _step(item: _DueItem, now: datetime) -> _Step:
    try:
        timing = item.timing
        following = timing.next_slot(item.slot)
        step = _Step(item=item, slot=item.slot, reason=RunReason.SCHEDULE, next_run_at=following)
        if item.catch_up == "all":
            return step if following > now else replace(step, reason=RunReason.CATCH_UP)
        if following <= now:
            latest = timing.latest_slot(since=item.slot, until=now)
            step = replace(step, slot=latest, reason=RunReason.CATCH_UP, next_run_at=timing.next_slot(now))
        if item.catch_up == "none" and step.slot is not None and now - step.slot > _MISSED:
            return replace(step, slot=None)
        return step
    except NeverDue as error:
        logger.warning("%s of plugin %s is not scheduled any more: %s", item.item_id, item.plugin, error)
        return _Step(
            item=item, slot=item.slot, reason=RunReason.SCHEDULE, next_run_at=None, problem=str(error)
        )


def _plan(cursor: CursorWrapper, steps: Sequence[_Step], now: datetime) -> None:
    cursor.execute(
        "UPDATE plugin_host_scheduleditem i SET next_run_at = given.next_run_at, planned_at = %(now)s, "
        "planned_zone = given.zone, problem = given.problem "
        "FROM unnest(%(items)s::uuid[], %(nexts)s::timestamptz[], %(zones)s::text[], %(problems)s::text[]) "
        "AS given(id, next_run_at, zone, problem) WHERE i.id = given.id",
        {
            "now": now,
            "items": [step.item.id for step in steps],
            "nexts": [step.next_run_at for step in steps],
            "zones": [step.item.time_zone for step in steps],
            "problems": [step.problem for step in steps],
        },
    )


def _plan_again(cursor: CursorWrapper, now: datetime | None) -> None:
    """Reckon anew what was reckoned while the clock was ahead: it would be due too late, or never."""
    with transaction.atomic():
        cursor.execute(_TAKE_FROM_THE_FUTURE, {"now": now, "tolerance": _TOLERANCE_SECONDS, "limit": _BATCH})
        rows = cursor.fetchall()
        if not rows:
            return
        moment: datetime = rows[0][0]
        items = [_DueItem(**dict(zip(_COLUMNS, row[1:], strict=True))) for row in rows]
        # A slot that was made due meanwhile keeps its run, and gets no second one.
        _plan(cursor, [_step(replace(item, slot=moment), moment) for item in items], moment)
        logger.warning("The clock went back: %d schedules were reckoned anew.", len(items))


_COLUMNS = (
    "id",
    "tenant_id",
    "plugin",
    "kind",
    "item_id",
    "target",
    "cron_expression",
    "interval_seconds",
    "time_zone",
    "slot",
    "is_busy",
    "catch_up",
)

_ITEM_COLUMNS = """
    coalesce(%(now)s::timestamptz, now()), i.id, i.tenant_id, i.plugin, i.kind, i.item_id, i.target, i.cron_expression,
    i.interval_seconds, coalesce(nullif(i.time_zone, ''), t.time_zone), i.next_run_at,
    EXISTS (SELECT FROM plugin_host_scheduledrun r WHERE r.item_id = i.id AND r.status <> 'ended'),
    coalesce(i.definition ->> 'catch_up', 'once')
"""

TAKE_DUE = f"""
SELECT {_ITEM_COLUMNS}
FROM plugin_host_scheduleditem i
JOIN tenants_tenant t ON t.id = i.tenant_id AND t.status = 'active'
JOIN plugin_settings s ON s.tenant_id = i.tenant_id AND s.plugin_id = i.plugin
    AND (s.state = 'enabled' OR s.state = 'paused' AND s.paused_until <= coalesce(%(now)s::timestamptz, now()))
WHERE i.next_run_at <= coalesce(%(now)s::timestamptz, now())
  -- Where each slot has its run, the next one waits for the end of the one before.
  AND NOT (i.definition ->> 'catch_up' = 'all' AND EXISTS (
      SELECT FROM plugin_host_scheduledrun r WHERE r.item_id = i.id AND r.status <> 'ended'
  ))
ORDER BY i.next_run_at
LIMIT %(limit)s
FOR UPDATE OF i SKIP LOCKED
"""

_TAKE_FROM_THE_FUTURE = f"""
SELECT {_ITEM_COLUMNS}
FROM plugin_host_scheduleditem i
JOIN tenants_tenant t ON t.id = i.tenant_id
WHERE i.next_run_at IS NOT NULL AND i.planned_at > coalesce(%(now)s::timestamptz, now())
      + make_interval(secs => %(tolerance)s)
ORDER BY i.planned_at DESC
LIMIT %(limit)s
FOR UPDATE OF i SKIP LOCKED
"""

# A slot that has a run already is left alone; true stands for a run that waits, false for one that was skipped.
_MAKE_RUNS = """
INSERT INTO plugin_host_scheduledrun
    (id, tenant_id, item_id, plugin, kind, slot, reason, requested_by, status, outcome, outcome_reason, error,
     attempt, failures, crashes, created_at, finished_at)
SELECT g.id, g.tenant_id, g.item_id, g.plugin, g.kind, g.slot, g.reason, '',
       CASE WHEN g.busy THEN 'ended' ELSE 'pending' END, CASE WHEN g.busy THEN 'skipped' ELSE '' END,
       CASE WHEN g.busy THEN 'overlap' ELSE '' END, '', 0, 0, 0, now(), CASE WHEN g.busy THEN now() END
FROM unnest(
    %(ids)s::uuid[], %(tenants)s::uuid[], %(items)s::uuid[], %(plugins)s::text[], %(kinds)s::text[],
    %(slots)s::timestamptz[], %(reasons)s::text[], %(busy)s::bool[]
) AS g(id, tenant_id, item_id, plugin, kind, slot, reason, busy)
ON CONFLICT (tenant_id, item_id, slot) DO NOTHING
RETURNING status = 'pending'
"""
