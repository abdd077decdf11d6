"""Run now, switch off and on, and the tick of somebody's own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.actors import Actor
from core.errors import Conflict, Forbidden, NotFound
from core.models import AuditEntry
from core.platform_work import PlatformWork
from core.scope import acting_as, platform_scope
from plugin_host.hooks.scheduled_tasks import TaskResult
from plugin_host.models.schedule import ScheduledItem, ScheduledRun
from plugin_host.scheduling.due import MadeDue
from plugin_host.scheduling.services import item_named, run_due_items, run_item_now, switch_item
from plugin_host.services import disable_plugin, pause_plugin, save_config
from plugin_host.testing.schedule import learn_definitions, run_due, run_task, run_waiting
from tenants.models import Tenant
from tests.plugin_host.scheduling.conftest import Worker, task

EDITOR = Actor(kind="user", id="1", label="editor@example.org", role="editor")


def item() -> ScheduledItem:
    return item_named("task", "worker.sync")


def test_a_task_runs_when_somebody_wants_it(worker: Worker, in_tenant: Tenant) -> None:
    before = item().next_run_at

    run = run_item_now(item())

    assert (run.reason, run.requested_by) == ("manual", "tests")
    assert [one.ended for one in run_waiting(in_tenant)] == ["done"]
    assert item().next_run_at == before
    entry = AuditEntry.objects.get(action="schedule.run")
    assert (entry.target_id, entry.summary) == ("worker", "worker.sync")


@pytest.mark.parametrize("is_switched_off", [True, False])
def test_what_does_not_run_by_itself_runs_by_hand(
    worker: Worker, in_tenant: Tenant, is_switched_off: bool
) -> None:
    if is_switched_off:
        switch_item(item(), is_off=True)
    else:
        worker.tasks = [task(enabled=False)]
        save_config("worker", {"a": 1})

    assert run_task(in_tenant, "worker.sync").ended == "done"


def test_wanting_it_twice_is_one_run(worker: Worker, in_tenant: Tenant) -> None:
    assert run_item_now(item()).pk == run_item_now(item()).pk

    assert len(run_waiting(in_tenant)) == 1


def test_a_run_that_waits_for_its_next_try_is_tried_now(worker: Worker, in_tenant: Tenant) -> None:
    worker.work = lambda execution: TaskResult(success=execution.attempt == 2, error_message="not yet")
    first = run_task(in_tenant, "worker.sync")
    assert run_waiting(in_tenant) == []

    second = run_task(in_tenant, "worker.sync")

    assert (second.id, second.attempt, second.ended) == (first.id, 2, "done")


def test_what_runs_is_not_run_beside_itself(worker: Worker) -> None:
    run = run_item_now(item())
    with platform_scope(PlatformWork.SCHEDULES):
        ScheduledRun.objects.filter(pk=run.pk).update(
            status="running", lease_token=run.pk, lease_until=run.slot + timedelta(hours=1)
        )

    with pytest.raises(Conflict, match="is running already"):
        run_item_now(item())


def test_a_task_of_a_paused_plugin_waits_and_of_a_disabled_one_is_refused(
    worker: Worker, in_tenant: Tenant
) -> None:
    pause_plugin("worker", reason="now")
    run_item_now(item())
    assert run_waiting(in_tenant) == []

    disable_plugin("worker")
    with pytest.raises(Conflict, match="is off: enable it"):
        run_item_now(item())


def test_what_is_retired_neither_runs_nor_switches(worker: Worker, in_tenant: Tenant) -> None:
    worker.tasks = []
    save_config("worker", {"a": 1})
    learn_definitions(in_tenant)

    for change in (run_item_now, lambda one: switch_item(one, is_off=True)):
        with pytest.raises(Conflict, match=r"does not schedule worker\.sync any more"):
            change(item())


def test_switching_off_and_on(worker: Worker, in_tenant: Tenant) -> None:
    slot = item().next_run_at

    switch_item(item(), is_off=True)
    assert item().next_run_at is None
    assert run_due(in_tenant, now=slot) == []

    switch_item(item(), is_off=False)
    switch_item(item(), is_off=False)
    assert item().next_run_at == slot
    actions = AuditEntry.objects.filter(action__startswith="schedule").order_by("id")
    assert [entry.action for entry in actions] == ["schedule.switched_off", "schedule.switched_on"]


def test_a_task_of_a_disabled_plugin_is_not_planned_by_switching(worker: Worker) -> None:
    disable_plugin("worker")
    switch_item(item(), is_off=True)

    switch_item(item(), is_off=False)

    assert item().next_run_at is None


def test_a_mistyped_task_gets_the_right_name(worker: Worker) -> None:
    with pytest.raises(NotFound, match=r"There is no task 'worker.snyc'. Did you mean 'worker.sync'\?"):
        item_named("task", "worker.snyc")


@pytest.mark.parametrize(
    "change",
    [lambda: run_item_now(item()), lambda: switch_item(item(), is_off=True), run_due_items],
)
def test_only_those_who_may(worker: Worker, change: Callable[[], Any]) -> None:
    with acting_as(EDITOR), pytest.raises(Forbidden):
        change()

    assert not ScheduledRun.objects.filter(kind="task").exists()


def test_the_tick_of_another_clock_may_come_as_often_as_it_likes(worker: Worker, in_tenant: Tenant) -> None:
    slot = item().next_run_at

    assert run_due_items(now=slot) == MadeDue(runs=1)
    assert run_due_items(now=slot) == MadeDue()
    assert len(run_waiting(in_tenant)) == 1
