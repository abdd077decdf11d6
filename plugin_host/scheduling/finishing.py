"""What becomes of leased runs: outcomes, renewed leases, leases that ran out.

Each names the lease: a result under an old lease is refused, however late it comes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from core.logging import LogLine
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.breaker.conduct import Conduct, PluginOutcome
from plugin_host.deliveries.backoff import MAX_CRASHES
from plugin_host.deliveries.finishing import log_text, storable
from plugin_host.dispatch.binding import plugin_actor
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.schedule import RunOutcome
from plugin_host.scheduling.claiming import ClaimedRun, claimed_run
from plugin_host.scheduling.kinds import item_kind
from plugin_host.services.breaker import note_outcomes
from plugin_host.worker.source import Lease

_LOST: Final = "The process that ran it went away: it was killed, crashed or lost the database."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunResult:
    """How one attempt at a run ended.

    Args:
        outcome: How the run ended; None where it is to be tried again.
        outcome_reason: Why it was skipped or has failed for good, as a code.
        wait_seconds: When it is tried again, from now; only without `outcome`.
        counts_as_failure: Whether it uses up one of the run's attempts.
        was_started: Whether code of the plugin ran; an attempt that never began is taken back.
        error: What went wrong, for people; secrets are masked already.
        data: What the run gave back, as JSON.
        log: The lines written meanwhile.
        conduct: What the attempt says of the plugin, for the breaker.
        is_probe: Whether it was let through to see whether a paused plugin works again.
    """

    run: ClaimedRun
    attempt_outcome: AttemptOutcome
    outcome: RunOutcome | None = None
    outcome_reason: str = ""
    wait_seconds: float = 0.0
    counts_as_failure: bool = False
    was_started: bool = True
    error: str = ""
    data: dict[str, Any] | None = None
    log: Sequence[LogLine] = field(default_factory=tuple)
    conduct: Conduct = Conduct.UNKNOWN
    is_probe: bool = False

    @property
    def id(self) -> UUID:
        """Names the run."""
        return self.run.id

    @property
    def is_success(self) -> bool:
        """Whether the run did what it was to do."""
        return self.outcome in (RunOutcome.DONE, RunOutcome.DONE_WITH_ERRORS)


def finish_runs(results: Sequence[RunResult]) -> set[UUID]:
    """Write how attempts ended, and what that means for their kinds; return the ids of the runs that were taken.

    Whoever's lease is no longer the valid one is left out.
    """
    if not results:
        return set()
    parameters: dict[str, Any] = {
        "ids": [result.run.id for result in results],
        "tokens": [result.run.token for result in results],
        "attempt_outcomes": [result.attempt_outcome.value for result in results],
        "outcomes": [result.outcome.value if result.outcome else None for result in results],
        "reasons": [result.outcome_reason for result in results],
        "waits": [result.wait_seconds for result in results],
        "failures": [int(result.counts_as_failure) for result in results],
        "unstarted": [int(not result.was_started) for result in results],
        "errors": [storable(result.error) for result in results],
        "datas": [None if result.data is None else json.dumps(result.data) for result in results],
        "logs": [log_text(result.log) for result in results],
    }
    with transaction.atomic():
        with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
            cursor.execute(_FINISH, parameters)
            taken = {row[0] for row in cursor.fetchall()}
        for result in results:
            if result.run.id in taken:
                _record(result)
    note_outcomes(_outcome(result) for result in results if result.run.id in taken)
    return taken


def _outcome(result: RunResult) -> PluginOutcome:
    return PluginOutcome(
        tenant_id=result.run.tenant_id,
        plugin_id=result.run.plugin,
        what=result.run.item_id,
        conduct=result.conduct,
        error=result.error,
        is_probe=result.is_probe,
    )


def _record(result: RunResult) -> None:
    run = result.run
    with tenant_scope(
        run.tenant_id,
        slug=run.tenant_slug,
        actor=plugin_actor(run.plugin),
        correlation_id=run.id,
        depth=1,
    ):
        item_kind(run.kind).record(run, result)


def renew_run_leases(leases: Sequence[Lease], *, lease_seconds: float) -> None:
    """Keep leases."""
    if not leases:
        return
    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE plugin_host_scheduledrun r SET lease_until = now() + make_interval(secs => %(lease)s) "
            "FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[]) AS held(id, token) "
            "WHERE r.id = held.id AND r.lease_token = held.token",
            {"lease": lease_seconds, "ids": [one[0] for one in leases], "tokens": [one[1] for one in leases]},
        )


def recover_lost_runs() -> list[UUID]:
    """Make runs due again whose process went away under them; return their ids.

    One that took its process with it three times has failed for good: it would take the next as well. The breaker
    hears of that.
    """
    with transaction.atomic():
        with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
            cursor.execute(_RECOVER, {"max_crashes": MAX_CRASHES, "error": _LOST})
            lost = [_lost(claimed_run(row), is_dead=is_dead) for is_dead, *row in cursor.fetchall()]
        for result in lost:
            if result.outcome is not None:
                _record(result)
    note_outcomes(_outcome(result) for result in lost)
    return [result.id for result in lost]


def _lost(run: ClaimedRun, *, is_dead: bool) -> RunResult:
    return RunResult(
        run=run,
        attempt_outcome=AttemptOutcome.LOST,
        outcome=RunOutcome.DEAD if is_dead else None,
        outcome_reason="crashes" if is_dead else "",
        error=_LOST,
        conduct=Conduct.CRASHED if is_dead else Conduct.LOST,
    )


def count_due_runs() -> int:
    """Return how many runs could start now, counted up to 100."""
    with platform_scope(PlatformWork.SCHEDULES), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM plugin_host_scheduledrun WHERE status = 'pending' "
            "AND next_attempt_at <= now() LIMIT 100) due"
        )
        return int(cursor.fetchone()[0])


_FINISH = """
WITH given AS (
    SELECT * FROM unnest(
        %(ids)s::uuid[], %(tokens)s::uuid[], %(attempt_outcomes)s::text[], %(outcomes)s::text[], %(reasons)s::text[],
        %(waits)s::float8[], %(failures)s::int[], %(unstarted)s::int[], %(errors)s::text[], %(datas)s::text[],
        %(logs)s::text[]
    ) AS g(id, token, attempt_outcome, outcome, outcome_reason, wait, failure, unstarted, error, data, log)
), taken AS (
    UPDATE plugin_host_scheduledrun r
    SET status = CASE WHEN given.outcome IS NULL THEN 'pending' ELSE 'ended' END,
        outcome = coalesce(given.outcome, ''), outcome_reason = given.outcome_reason,
        attempt = r.attempt - given.unstarted, failures = r.failures + given.failure,
        next_attempt_at = now() + make_interval(secs => given.wait),
        error = CASE WHEN given.error <> '' OR given.outcome = 'done' THEN given.error ELSE r.error END,
        data = coalesce(given.data::jsonb, r.data),
        duration_ms = CASE WHEN given.unstarted = 0 THEN extract(epoch FROM now() - a.started_at) * 1000
                      ELSE r.duration_ms END,
        finished_at = CASE WHEN given.outcome IS NOT NULL THEN now() END,
        lease_token = NULL, lease_until = NULL
    FROM given JOIN plugin_host_scheduledattempt a ON a.id = given.token
    WHERE r.id = given.id AND r.lease_token = given.token
    RETURNING r.id
), unstarted AS (
    DELETE FROM plugin_host_scheduledattempt a USING given JOIN taken ON taken.id = given.id
    WHERE a.id = given.token AND given.unstarted = 1
), attempts AS (
    UPDATE plugin_host_scheduledattempt a
    SET outcome = given.attempt_outcome, error = given.error, data = given.data::jsonb, log = given.log::jsonb,
        finished_at = now()
    FROM given JOIN taken ON taken.id = given.id
    WHERE a.id = given.token AND given.unstarted = 0
)
SELECT id FROM taken
"""

_RECOVER = """
WITH lost AS (
    SELECT *, crashes + 1 >= %(max_crashes)s AS is_dead
    FROM plugin_host_scheduledrun
    WHERE status = 'running' AND lease_until < now() ORDER BY lease_until LIMIT 500
    FOR UPDATE SKIP LOCKED
), again AS (
    UPDATE plugin_host_scheduledrun r
    SET status = CASE WHEN lost.is_dead THEN 'ended' ELSE 'pending' END,
        outcome = CASE WHEN lost.is_dead THEN 'dead' ELSE '' END,
        outcome_reason = CASE WHEN lost.is_dead THEN 'crashes' ELSE '' END,
        finished_at = CASE WHEN lost.is_dead THEN now() END,
        crashes = r.crashes + 1, lease_token = NULL, lease_until = NULL, next_attempt_at = now(), error = %(error)s
    FROM lost WHERE r.id = lost.id
), attempts AS (
    UPDATE plugin_host_scheduledattempt a SET outcome = 'lost', error = %(error)s, finished_at = now()
    FROM lost WHERE a.id = lost.lease_token
)
SELECT lost.is_dead, lost.id, lost.lease_token, lost.tenant_id, t.slug, t.plan, lost.plugin, lost.kind, i.id, i.item_id,
       i.target, i.definition, i.retired_at IS NOT NULL, i.is_switched_off, lost.slot, lost.reason, lost.attempt,
       lost.failures, lost.crashes + 1
FROM lost
JOIN plugin_host_scheduleditem i ON i.tenant_id = lost.tenant_id AND i.id = lost.item_id
JOIN tenants_tenant t ON t.id = lost.tenant_id
"""
