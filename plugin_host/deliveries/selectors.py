"""What people and programs see of deliveries, in the tenant's scope."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

from django.db import connection
from django.db.models import Q

from core.errors import NotFound
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.models.delivery import Delivery, DeliveryAttempt, DeliveryHistory

# `pending` and `running` are open; the others are outcomes.
DeliveryState = Literal["pending", "running", "done", "done_with_errors", "skipped", "dead"]
OPEN_STATES: Final = ("pending", "running")
MAX_PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A delivery, open or ended, as pages and programs show it.

    Args:
        state: Whether it waits, runs, or how it ended.
        state_reason: Why it was skipped or is dead, as a code; empty otherwise.
        failures: How many attempts failed by themselves.
        error: What the last failed attempt said; its first line says what, the others where.
        next_attempt_at: When a waiting one is due; None for all others.
        lease_until: Until when the process that runs it has it; None for all others.
        attempts: Filled in for a single delivery; lists leave it empty.
    """

    id: UUID
    plugin: str
    hook: str
    state: DeliveryState
    state_reason: str
    event_id: UUID
    event_type: str
    collection_name: str
    record_id: UUID | None
    record_version: int | None
    reason: str
    replay_of: UUID | None
    attempt: int
    failures: int
    crashes: int
    error: str
    created_at: datetime
    next_attempt_at: datetime | None
    lease_until: datetime | None = None
    finished_at: datetime | None
    attempts: tuple[AttemptView, ...] = ()

    @property
    def can_replay(self) -> bool:
        """Whether it has ended, so that it can be made again."""
        return self.state not in OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One run of a delivery's hook."""

    id: UUID
    number: int
    outcome: str
    worker: str
    error: str
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


def deliveries(
    *,
    plugin: str | None = None,
    states: Sequence[DeliveryState] = (),
    event_id: UUID | None = None,
    record_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[DeliveryView]:
    """Return deliveries of the tenant in scope, newest first.

    Args:
        states: Only these; all where empty.
        before: Only those made before the one with that id: the last one of the page before.
        limit: At most 200.
    """
    limit = min(limit, MAX_PAGE)
    condition = Q()
    for name, value in (("plugin", plugin), ("event_id", event_id), ("record_id", record_id)):
        if value is not None:
            condition &= Q(**{name: value})
    if before is not None:
        condition &= Q(id__lt=before)
    found: list[DeliveryView] = []
    open_states = [state for state in states if state in OPEN_STATES]
    outcomes = [state for state in states if state not in OPEN_STATES]
    if open_states or not states:
        rows = Delivery.objects.filter(condition, Q(status__in=open_states) if open_states else Q())
        found += [_open_view(row) for row in rows.order_by("-id")[:limit]]
    if outcomes or not states:
        ended = DeliveryHistory.objects.filter(condition, Q(outcome__in=outcomes) if outcomes else Q())
        found += [_ended_view(row) for row in ended.order_by("-id")[:limit]]
    return sorted(found, key=lambda view: view.id, reverse=True)[:limit]


def delivery_with_attempts(delivery_id: UUID, *, plugin: str | None = None) -> DeliveryView:
    """Return one delivery of the tenant in scope with all its attempts, first one first.

    Raises:
        NotFound: It is not there, is another tenant's, or not that plugin's.
    """
    row = Delivery.objects.filter(pk=delivery_id).first()
    ended = DeliveryHistory.objects.filter(pk=delivery_id).first() if row is None else None
    made = attempts_of([delivery_id]).get(delivery_id, ())
    if row is not None:
        view = _open_view(row, made)
    elif ended is not None:
        view = _ended_view(ended, made)
    else:
        raise NotFound(f"There is no delivery {delivery_id}.", code="delivery_not_found")
    if plugin is not None and view.plugin != plugin:
        raise NotFound(f"There is no delivery {delivery_id}.", code="delivery_not_found")
    return view


def attempts_of(delivery_ids: Collection[UUID]) -> dict[UUID, tuple[AttemptView, ...]]:
    """Return every attempt at these deliveries of the tenant in scope, first one first."""
    found: dict[UUID, tuple[AttemptView, ...]] = {}
    if not delivery_ids:
        return found
    # Every attempt is made after its delivery, so older months need not be looked at.
    rows = DeliveryAttempt.objects.filter(delivery_id__in=delivery_ids, id__gte=min(delivery_ids))
    for row in rows.order_by("number"):
        found[row.delivery_id] = (*found.get(row.delivery_id, ()), _attempt_view(row))
    return found


def earlier_open_delivery(delivery: DeliveryView) -> DeliveryView | None:
    """Return the open delivery that has to end first: of the same plugin, for an earlier version of the record."""
    if delivery.record_id is None or delivery.record_version is None:
        return None
    earlier = Delivery.objects.filter(
        plugin=delivery.plugin, record_id=delivery.record_id, record_version__lt=delivery.record_version
    )
    row = earlier.order_by("record_version", "id").first()
    return _open_view(row) if row is not None else None


def delivery_counts(plugin: str) -> dict[DeliveryState, int]:
    """Return how many deliveries of a plugin are in each state, for the tenant in scope; ended ones of 30 days."""
    counts: dict[DeliveryState, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status, count(*) FROM plugin_host_delivery WHERE plugin = %(plugin)s GROUP BY status "
            "UNION ALL SELECT outcome, count(*) FROM plugin_host_deliveryhistory "
            "WHERE plugin = %(plugin)s AND finished_at > now() - interval '30 days' GROUP BY outcome",
            {"plugin": plugin},
        )
        counts.update(cursor.fetchall())
    return counts


def oldest_due_seconds() -> float:
    """Return for how long the oldest due delivery of all tenants has been waiting; 0 where none is due.

    Those of paused plugins and suspended tenants wait on purpose and do not count.
    """
    with platform_scope(PlatformWork.HEALTH), connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(extract(epoch FROM now() - min(d.next_attempt_at)), 0) FROM plugin_host_delivery d "
            "JOIN tenants_tenant t ON t.id = d.tenant_id AND t.status = 'active' "
            "LEFT JOIN plugin_settings s ON s.tenant_id = d.tenant_id AND s.plugin_id = d.plugin "
            "WHERE d.status = 'pending' AND d.next_attempt_at <= now() AND s.state IS DISTINCT FROM 'paused' "
            "AND NOT EXISTS (SELECT FROM plugin_host_delivery e WHERE e.tenant_id = d.tenant_id "
            "AND e.plugin = d.plugin AND e.record_id = d.record_id AND e.record_version < d.record_version)"
        )
        return float(cursor.fetchone()[0])


def _open_view(row: Delivery, made: tuple[AttemptView, ...] = ()) -> DeliveryView:
    return DeliveryView(
        **_shared(row),
        state=cast("DeliveryState", row.status),
        state_reason="",
        next_attempt_at=row.next_attempt_at if row.status == "pending" else None,
        lease_until=row.lease_until,
        finished_at=None,
        attempts=made,
    )


def _ended_view(row: DeliveryHistory, made: tuple[AttemptView, ...] = ()) -> DeliveryView:
    return DeliveryView(
        **_shared(row),
        state=cast("DeliveryState", row.outcome),
        state_reason=row.outcome_reason,
        next_attempt_at=None,
        finished_at=row.finished_at,
        attempts=made,
    )


def late_deliveries(*, seconds: float) -> int:
    """Return how many deliveries of all tenants, counted up to 100, nobody has seen to for so long.

    Those of paused plugins and suspended tenants wait by right, and so does one that an earlier version of its record
    goes before.
    """
    with platform_scope(PlatformWork.HEALTH), connection.cursor() as cursor:
        cursor.execute(_LATE, {"seconds": seconds})
        return int(cursor.fetchone()[0])


_LATE: Final = """
SELECT count(*) FROM (
    SELECT FROM plugin_host_delivery d
    JOIN tenants_tenant t ON t.id = d.tenant_id AND t.status = 'active'
    LEFT JOIN plugin_settings s ON s.tenant_id = d.tenant_id AND s.plugin_id = d.plugin
    WHERE (d.status = 'running' AND d.lease_until < now() - make_interval(secs => %(seconds)s))
       OR (d.status = 'pending' AND d.next_attempt_at < now() - make_interval(secs => %(seconds)s)
           AND s.state IS DISTINCT FROM 'paused'
           AND NOT EXISTS (
               SELECT FROM plugin_host_delivery earlier
               WHERE earlier.tenant_id = d.tenant_id AND earlier.plugin = d.plugin
                 AND earlier.record_id = d.record_id AND earlier.record_version < d.record_version
           ))
    LIMIT 100
) late
"""


def _shared(row: Delivery | DeliveryHistory) -> dict[str, Any]:
    names = (
        "id",
        "plugin",
        "hook",
        "event_id",
        "event_type",
        "collection_name",
        "record_id",
        "record_version",
        "reason",
        "replay_of",
        "attempt",
        "failures",
        "crashes",
        "error",
        "created_at",
    )
    return {name: getattr(row, name) for name in names}


def _attempt_view(row: DeliveryAttempt) -> AttemptView:
    return AttemptView(
        id=row.pk,
        number=row.number,
        outcome=row.outcome,
        worker=row.worker,
        error=row.error,
        log=row.log,
        progress_done=row.progress_done,
        progress_total=row.progress_total,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
