"""A task from its slot to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from plugin_host.hooks.scheduled_tasks import TaskResult
from plugin_host.models.schedule import ScheduledAttempt, ScheduledItem, ScheduledRun
from plugin_host.testing.host import deliver_all
from plugin_host.testing.schedule import run_due
from tenants.models import Tenant
from tests.plugin_host.scheduling.conftest import Worker, task


def item() -> ScheduledItem:
    found: ScheduledItem = ScheduledItem.objects.get(kind="task")
    return found


def test_a_due_task_runs_once_with_its_context(worker: Worker, in_tenant: Tenant) -> None:
    slot = item().next_run_at
    assert slot is not None
    assert (slot.hour, slot.minute) == (6, 0)
    worker.work = lambda execution: TaskResult(success=True, data={"items_processed": 150})

    (run,) = run_due(in_tenant, now=slot + timedelta(seconds=3))

    assert (run.item_id, run.ended, run.attempt, run.data) == (
        "worker.sync",
        "done",
        1,
        {"items_processed": 150},
    )
    ((given, ctx, execution),) = worker.calls
    assert given == task()
    assert ctx.tenant_id == execution.tenant_id == in_tenant.pk
    assert (execution.task_id, execution.attempt, execution.scheduled_time) == ("worker.sync", 1, slot)
    assert execution.execution_id == ScheduledAttempt.objects.get(run__kind="task").pk
    assert execution.correlation_id == ctx.correlation_id == run.id
    assert execution.actual_time <= datetime.now(UTC)
    assert item().next_run_at == slot + timedelta(days=1)
    assert run_due(in_tenant, now=slot + timedelta(seconds=9)) == []


def test_a_task_that_succeeded_is_told_to_plugins(worker: Worker, in_tenant: Tenant) -> None:
    worker.work = lambda execution: TaskResult(success=True, data={"n": 1})
    run_due(in_tenant, now=item().next_run_at)

    deliver_all(in_tenant)

    assert worker.completed == [(task(), TaskResult(success=True, data={"n": 1}))]


def test_a_failure_is_tried_again_and_then_given_up(worker: Worker, in_tenant: Tenant) -> None:
    worker.work = lambda execution: TaskResult(success=False, error_message="API rate limit exceeded")

    attempts = run_due(in_tenant, now=item().next_run_at)
    while attempts[-1].ended == "":
        attempts += run_due(in_tenant, now=item().planned_at, waiting=True)

    assert [one.attempt for one in attempts] == [1, 2, 3, 4]
    assert (attempts[-1].ended, attempts[-1].reason) == ("dead", "attempts")
    assert len({one.execution_id for one in attempts}) == 4
    assert len({one.scheduled_time for one in attempts}) == 1
    run = ScheduledRun.objects.get(kind="task")
    assert (run.outcome, run.error) == ("dead", "API rate limit exceeded")
    assert [result.error_message for _, result in worker.failed] == ["API rate limit exceeded"] * 4
