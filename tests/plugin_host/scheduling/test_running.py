"""A task from its slot to its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from core.scope import current_actor, require_tenant
from plugin_host.errors import AuthFailed, NotReady, PluginError
from plugin_host.hooks.scheduled_tasks import TaskExecutionContext, TaskResult, TaskRetryDecision
from plugin_host.models import Delivery, PluginBreaker
from plugin_host.models.schedule import ScheduledAttempt, ScheduledItem, ScheduledRun
from plugin_host.runtime import aonce, aprogress
from plugin_host.scheduling.claiming import ClaimedRun
from plugin_host.scheduling.finishing import RunResult
from plugin_host.scheduling.running import schedule_runner
from plugin_host.scheduling.services import switch_item
from plugin_host.scheduling.source import ScheduleSource
from plugin_host.services import save_config, set_secret
from plugin_host.testing.host import deliver_all
from plugin_host.testing.schedule import TaskRun, learn_definitions, run_due, run_task
from plugin_host.worker.dispatcher import Dispatcher, DispatcherSettings
from tenants.models import Tenant
from tests.plugin_host.deliveries.dispatching import wait_until
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


def test_a_task_runs_as_its_plugin_for_its_tenant_with_no_transaction_open(
    worker: Worker, in_tenant: Tenant
) -> None:
    seen: list[Any] = []

    def look(execution: TaskExecutionContext) -> TaskResult:
        seen.append((require_tenant().tenant_id, current_actor().reference, connection.in_atomic_block))
        return TaskResult(success=True)

    worker.work = look
    run_task(in_tenant, "worker.sync")

    assert seen == [(in_tenant.pk, "plugin:worker", False)]


def fail(error: BaseException) -> Callable[[TaskExecutionContext], TaskResult]:
    def work(execution: TaskExecutionContext) -> TaskResult:
        raise error

    return work


def returning(value: Any) -> Callable[[TaskExecutionContext], Any]:
    return lambda execution: value


def forged(**fields: Any) -> TaskResult:
    """A result that was changed after it was made."""
    result = TaskResult(success=True)
    for name, value in fields.items():
        object.__setattr__(result, name, value)
    return result


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (fail(LookupError("no data today")), "LookupError: no data today"),
        (returning(TaskResult(success=False, error_message="rate limit")), "rate limit"),
        (returning(TaskResult(success=False)), "It gave no reason."),
        (returning(None), "must return a TaskResult, not NoneType."),
        (returning({"success": True}), "must return a TaskResult, not dict."),
        (returning(True), "must return a TaskResult, not bool."),
        (lambda execution: TaskResult(success=True, data={"at": datetime.now(UTC)}), "must be JSON"),
        (returning(forged(data={"at": object()})), "must be JSON"),
        (returning(forged(data=[1, 2])), "must be a dictionary, not list"),
        (returning(forged(data={"text": "a\0b"})), "/text The character NUL"),
        (returning(forged(data={"text": "\ud800"})), "surrogate"),
        (returning(forged(data={"text": "x" * 70_000})), "larger than 64 KiB"),
        (returning(forged(success="yes")), "It gave no reason."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_failure_is_the_same_failure(
    worker: Worker, in_tenant: Tenant, work: Callable[[TaskExecutionContext], Any], told: str
) -> None:
    worker.work = work

    attempt = run_task(in_tenant, "worker.sync")

    assert told in attempt.error
    assert (attempt.ended, attempt.attempt) == ("", 1)
    assert 1.0 <= attempt.wait_seconds <= 10.0
    ((given, result),) = worker.failed
    assert (given, result.success) == (task(), False)
    assert told in str(result.error_message)
    run = ScheduledRun.objects.get(kind="task")
    assert (run.status, run.failures) == ("pending", 1)
    assert not Delivery.objects.filter(hook="dvp_task_completed").exists()


def limit_to(worker: Worker, in_tenant: Tenant, **fields: Any) -> None:
    worker.tasks = [task(**fields)]
    save_config("worker", {"fields": sorted(fields)})
    learn_definitions(in_tenant)


def test_a_task_that_is_late_has_failed(worker: Worker, in_tenant: Tenant) -> None:
    limit_to(worker, in_tenant, timeout_seconds=1)

    async def wait(execution: TaskExecutionContext) -> TaskResult:
        await asyncio.sleep(60)
        return TaskResult(success=True)

    worker.work = wait

    attempt = run_task(in_tenant, "worker.sync")

    assert (attempt.ended, attempt.attempt) == ("", 1)
    assert "it took longer than 1 seconds" in attempt.error
    assert ScheduledAttempt.objects.get(run__kind="task").outcome == "timed_out"
    assert len(worker.failed) == 1


@pytest.mark.parametrize(
    ("error", "reason"), [(PluginError("never", permanent=True), "permanent"), (AuthFailed(), "permanent")]
)
def test_what_is_permanent_is_not_tried_again(
    worker: Worker, in_tenant: Tenant, error: PluginError, reason: str
) -> None:
    worker.work = fail(error)
    worker.decide = lambda result: TaskRetryDecision(retry=True, delay_seconds=1)

    attempt = run_task(in_tenant, "worker.sync")

    assert (attempt.ended, attempt.reason) == ("dead", reason)


def test_a_busy_other_side_is_waited_for(worker: Worker, in_tenant: Tenant) -> None:
    worker.work = fail(NotReady(retry_after=600))

    assert 600 <= run_task(in_tenant, "worker.sync").wait_seconds <= 660


def test_without_retries_the_first_failure_is_the_last(worker: Worker, in_tenant: Tenant) -> None:
    limit_to(worker, in_tenant, max_retries=0)
    worker.work = returning(TaskResult(success=False, error_message="no"))

    attempt = run_task(in_tenant, "worker.sync")

    assert (attempt.ended, attempt.reason) == ("dead", "attempts")


def failing_once(worker: Worker, in_tenant: Tenant, answer: Any) -> TaskRun:
    worker.work = returning(TaskResult(success=False, error_message="rate limit"))
    worker.decide = lambda result: answer
    return run_task(in_tenant, "worker.sync")


def test_a_decision_replaces_the_usual_backoff(worker: Worker, in_tenant: Tenant) -> None:
    attempt = failing_once(worker, in_tenant, TaskRetryDecision(True, 3600, "the quota is back in an hour"))

    assert (attempt.ended, attempt.wait_seconds) == ("", 3600.0)
    assert "Tried again in 3600 seconds, says plugin worker: the quota is back in an hour" in attempt.error


def test_a_decision_may_end_it(worker: Worker, in_tenant: Tenant) -> None:
    attempt = failing_once(worker, in_tenant, TaskRetryDecision(False, reason="it is Sunday"))

    assert (attempt.ended, attempt.reason) == ("dead", "decision")
    assert "Not tried again, says plugin worker: it is Sunday" in attempt.error


def test_a_decision_to_try_again_does_not_go_beyond_the_limit(worker: Worker, in_tenant: Tenant) -> None:
    limit_to(worker, in_tenant, max_retries=0)

    assert failing_once(worker, in_tenant, TaskRetryDecision(True, 1)).ended == "dead"


@pytest.mark.parametrize("answer", [TaskRetryDecision(True), "soon", 5, {"retry": True}])
def test_without_a_delay_or_with_rubbish_the_usual_backoff_counts(
    worker: Worker, in_tenant: Tenant, answer: Any
) -> None:
    attempt = failing_once(worker, in_tenant, answer)

    assert attempt.ended == ""
    assert 1.0 <= attempt.wait_seconds <= 10.0


def test_a_decision_hook_that_raises_is_passed_over(worker: Worker, in_tenant: Tenant) -> None:
    def refuse(result: TaskResult) -> None:
        raise RuntimeError("undecided")

    worker.work = returning(TaskResult(success=False, error_message="no"))
    worker.decide = refuse

    assert run_task(in_tenant, "worker.sync").ended == ""


def test_a_retry_that_goes_well_ends_the_run(worker: Worker, in_tenant: Tenant) -> None:
    worker.work = lambda execution: TaskResult(success=execution.attempt == 2, error_message="not yet")
    run_task(in_tenant, "worker.sync")

    (second,) = run_due(in_tenant, now=datetime(2000, 1, 1, tzinfo=UTC), waiting=True)

    assert (second.attempt, second.ended, second.reason) == (2, "done", "")
    run = ScheduledRun.objects.get(kind="task")
    assert (run.outcome, run.error, run.failures) == ("done", "", 1)
    first_call, second_call = (execution for _, _, execution in worker.calls)
    assert first_call.scheduled_time == second_call.scheduled_time
    assert first_call.execution_id != second_call.execution_id
    assert first_call.correlation_id == second_call.correlation_id


def test_once_is_once_over_all_attempts_of_a_slot(worker: Worker, in_tenant: Tenant) -> None:
    first: list[bool] = []

    async def work(execution: TaskExecutionContext) -> TaskResult:
        first.append(await aonce("mail"))
        return TaskResult(success=execution.attempt > 1, error_message="after the mail")

    worker.work = work
    run_task(in_tenant, "worker.sync")
    run_due(in_tenant, now=datetime(2000, 1, 1, tzinfo=UTC), waiting=True)
    run_task(in_tenant, "worker.sync")

    assert first == [True, False, True]


def test_progress_and_log_lines_stand_with_the_attempt(worker: Worker, in_tenant: Tenant) -> None:
    async def work(execution: TaskExecutionContext) -> TaskResult:
        await aprogress(3, 10)
        worker.logger.warning("three of ten")
        return TaskResult(success=True)

    worker.work = work
    run_task(in_tenant, "worker.sync")

    attempt = ScheduledAttempt.objects.get(run__kind="task")
    assert (attempt.progress_done, attempt.progress_total) == (3, 10)
    assert [(line["level"], line["message"]) for line in attempt.log] == [("WARNING", "three of ten")]


def test_a_task_that_logs_an_error_and_says_success_is_done_with_errors(
    worker: Worker, in_tenant: Tenant
) -> None:
    def work(execution: TaskExecutionContext) -> TaskResult:
        worker.logger.error("one of them failed")
        return TaskResult(success=True)

    worker.work = work

    attempt = run_task(in_tenant, "worker.sync")
    assert (attempt.ended, attempt.error) == ("done_with_errors", "one of them failed")


def test_no_secret_stands_in_what_a_task_says(worker: Worker, in_tenant: Tenant) -> None:
    set_secret("worker", "token", "open sesame")
    learn_definitions(in_tenant)

    worker.work = returning(TaskResult(success=True, data={"sent": "with open sesame"}))
    assert run_task(in_tenant, "worker.sync").data == {"sent": "with ***"}

    worker.work = returning(TaskResult(success=False, error_message="open sesame was refused"))
    assert run_task(in_tenant, "worker.sync").error.startswith("*** was refused")


def test_a_reported_failure_says_nothing_against_the_plugin_and_a_raised_one_does(
    worker: Worker, in_tenant: Tenant
) -> None:
    worker.work = returning(TaskResult(success=False, error_message="the other side is down"))
    run_task(in_tenant, "worker.sync")
    assert not PluginBreaker.objects.exists()

    worker.work = fail(LookupError("a mistake"))
    run_due(in_tenant, now=datetime(2000, 1, 1, tzinfo=UTC), waiting=True)

    assert PluginBreaker.objects.get().failures == 1


def test_what_was_switched_off_while_it_waited_does_not_run(worker: Worker, in_tenant: Tenant) -> None:
    slot = item().next_run_at
    worker.work = returning(TaskResult(success=False, error_message="no"))
    run_due(in_tenant, now=slot)

    switch_item(item(), is_off=True)
    (attempt,) = run_due(in_tenant, now=slot, waiting=True)

    assert (attempt.ended, attempt.reason) == ("skipped", "switched_off")
    assert len(worker.calls) == 1


def test_what_was_retired_while_it_waited_does_not_run(worker: Worker, in_tenant: Tenant) -> None:
    worker.work = returning(TaskResult(success=False, error_message="no"))
    run_task(in_tenant, "worker.sync")
    worker.tasks = []
    save_config("worker", {"a": 1})
    learn_definitions(in_tenant)

    (attempt,) = run_due(in_tenant, waiting=True)

    assert (attempt.ended, attempt.reason) == ("skipped", "retired")


def test_a_dispatcher_runs_what_is_due_beside_each_other_and_gives_back_what_does_not_end(
    worker: Worker, in_tenant: Tenant
) -> None:
    worker.tasks = [task("quick"), task("slow")]
    save_config("worker", {"a": 1})
    learn_definitions(in_tenant)
    started = threading.Event()

    async def work(execution: TaskExecutionContext) -> TaskResult:
        if execution.task_id == "worker.slow":
            started.set()
            await asyncio.sleep(600)
        return TaskResult(success=True)

    worker.work = work
    for one in ScheduledItem.objects.filter(kind="task", retired_at=None):
        ScheduledRun.objects.create(item=one, plugin="worker", kind="task", slot=datetime.now(UTC))
    dispatcher: Dispatcher[ClaimedRun, RunResult] = Dispatcher(
        ScheduleSource(8),
        worker="test",
        settings=DispatcherSettings(slots=8, lease_seconds=5, poll_seconds=0.1),
    )
    dispatcher.start()
    wait_until(lambda: started.is_set() and ScheduledRun.objects.filter(kind="task", outcome="done").exists())

    dispatcher.stop(grace_seconds=0.1)

    slow = ScheduledRun.objects.get(item__item_id="worker.slow")
    assert (slow.status, slow.attempt, slow.failures) == ("pending", 1, 0)
    assert ScheduledAttempt.objects.get(run=slow).outcome == "released"


def test_what_a_process_has_claimed_finds_a_thread() -> None:
    assert schedule_runner._size == settings.SCHEDULE_SLOTS


@pytest.mark.parametrize(("slots", "tasks"), [(1, 1), (8, 6), (16, 12), (32, 24)])
def test_tasks_leave_a_quarter_of_the_slots_to_checks(slots: int, tasks: int) -> None:
    assert ScheduleSource(slots)._most_tasks == tasks
