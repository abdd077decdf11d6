"""Scheduled work in tests: what the clock and a worker do, in the test's own process."""

from __future__ import annotations

from datetime import datetime

from django.db.models.functions import Now

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.models.schedule import RunStatus, ScheduledRun
from plugin_host.scheduling.claiming import ClaimedRun, claim_runs
from plugin_host.scheduling.due import make_due
from plugin_host.scheduling.finishing import RunResult, finish_runs
from plugin_host.scheduling.kinds import DEFINITIONS
from plugin_host.scheduling.running import given_back
from plugin_host.scheduling.services import item_named, run_item_now
from plugin_host.scheduling.source import run_scheduled
from plugin_host.scheduling.tasks import TASK
from plugin_host.testing.host import run_apart
from plugin_host.testing.types import TaskRun
from plugin_host.worker.source import ClaimLimits, ClaimRequest
from tenants.models import Tenant

__all__ = ["TaskRun", "learn_definitions", "run_due", "run_task", "run_waiting"]

_ACTOR = system_actor("tests")
_BATCH = 32


def run_task(tenant: Tenant, task_id: str) -> TaskRun:
    """Make one attempt at a task, as "run now" does, and return how it ended."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=_ACTOR):
        learn_definitions(tenant)
        run = run_item_now(item_named(TASK, task_id))
    return next(one for one in run_waiting(tenant) if one.id == run.pk)


def run_due(tenant: Tenant, *, now: datetime | None = None, waiting: bool = False) -> list[TaskRun]:
    """Make the tenant's items due at `now` and run all that waits, until nothing does; return the attempts.

    Args:
        waiting: Make those due first that wait for another try.
    """
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=_ACTOR):
        learn_definitions(tenant)
        if waiting:
            ScheduledRun.objects.filter(status=RunStatus.PENDING).update(next_attempt_at=Now())
        make_due(now=now)
    return run_waiting(tenant)


def learn_definitions(tenant: Tenant) -> None:
    """Ask the tenant's plugins what there is to schedule, where something has changed."""
    run_waiting(tenant, kinds=(DEFINITIONS,))


def run_waiting(tenant: Tenant, *, kinds: tuple[str, ...] = ()) -> list[TaskRun]:
    """Run what waits for a worker until nothing does; only some kinds where they are named."""
    made: list[TaskRun] = []
    # Claiming looks at all tenants; what is not wanted here is held until the end, and given back as it was.
    others: list[ClaimedRun] = []
    while claimed := _claim():
        own = [run for run in claimed if run.tenant_id == tenant.pk and (not kinds or run.kind in kinds)]
        others += [run for run in claimed if run not in own]
        results = run_apart(_run_all(own)) if own else []
        finish_runs(results)
        made += [_as_task_run(result) for result in results]
    finish_runs([given_back(run, "") for run in others])
    return made


def _claim() -> list[ClaimedRun]:
    return claim_runs(
        ClaimRequest(
            limit=_BATCH,
            worker="tests",
            lease_seconds=60.0,
            running=[],
            slow=[],
            limits=ClaimLimits(per_tenant=_BATCH, per_plugin=_BATCH, per_slow_plugin=_BATCH),
            with_suspect=True,
        )
    )


async def _run_all(runs: list[ClaimedRun]) -> list[RunResult]:
    return [await run_scheduled(run) for run in runs]


def _as_task_run(result: RunResult) -> TaskRun:
    run = result.run
    return TaskRun(
        id=run.id,
        kind=run.kind,
        item_id=run.item_id,
        target=run.target,
        execution_id=run.token,
        scheduled_time=run.slot,
        attempt=run.attempt,
        ended=result.outcome.value if result.outcome is not None else "",
        reason=result.outcome_reason,
        error=result.error,
        data=result.data or {},
        wait_seconds=result.wait_seconds,
        log=tuple(line.message for line in result.log),
    )
