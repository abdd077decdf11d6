"""A plugin that asks for a run of its own task."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from core.scope import require_tenant, use_scope
from plugin_host.errors import NotReady, PluginError
from plugin_host.hooks.scheduled_tasks import TaskExecutionContext, TaskResult
from plugin_host.models.schedule import RunReason, ScheduledItem, ScheduledRun
from plugin_host.registry import PluginRegistry
from plugin_host.runtime import arequest_run, request_run
from plugin_host.scheduling.services import switch_item
from plugin_host.services import enable_plugin
from plugin_host.testing.host import plugin_scope
from plugin_host.testing.schedule import learn_definitions, run_due
from tenants.models import Tenant
from tests.plugin_host.scheduling.conftest import Worker, task


def open_runs() -> list[ScheduledRun]:
    return list(ScheduledRun.objects.filter(kind="task").exclude(status="ended"))


def test_many_asks_make_one_run_with_the_earliest_time(worker: Worker, in_tenant: Tenant) -> None:
    with plugin_scope("worker", in_tenant):
        assert request_run("worker.sync", after_seconds=60)
        assert request_run("worker.sync", after_seconds=5)
        assert request_run("worker.sync", after_seconds=600)

    (run,) = open_runs()
    assert run.reason == RunReason.PLUGIN
    assert run.next_attempt_at < run.slot - timedelta(seconds=30)
    assert run_due(in_tenant) == []  # not yet
    (ran,) = run_due(in_tenant, waiting=True)
    assert (ran.item_id, ran.ended) == ("worker.sync", "done")
    assert open_runs() == []


def test_one_that_is_due_at_once_runs_and_the_schedule_stays(worker: Worker, in_tenant: Tenant) -> None:
    planned = ScheduledItem.objects.get(kind="task").next_run_at
    with plugin_scope("worker", in_tenant):
        request_run("worker.sync")

    assert [run.ended for run in run_due(in_tenant)] == ["done"]
    assert ScheduledItem.objects.get(kind="task").next_run_at == planned


def test_an_ask_while_a_run_goes_makes_one_more_after_it(worker: Worker, in_tenant: Tenant) -> None:
    def work(execution: TaskExecutionContext) -> object:
        async def ask() -> TaskResult:
            if len(worker.calls) < 3:
                await arequest_run("worker.sync")
                await arequest_run("worker.sync")
            return TaskResult(success=True)

        return ask()

    worker.work = work
    with plugin_scope("worker", in_tenant):
        request_run("worker.sync")

    assert [run.ended for run in run_due(in_tenant)] == ["done", "done", "done"]
    assert open_runs() == []


def test_a_try_that_failed_keeps_its_wait(worker: Worker, in_tenant: Tenant) -> None:
    def work(execution: TaskExecutionContext) -> object:
        raise NotReady(retry_after=1800)

    worker.work = work
    with plugin_scope("worker", in_tenant):
        request_run("worker.sync")
        run_due(in_tenant)
        (waiting,) = open_runs()
        assert request_run("worker.sync")

    (still,) = open_runs()
    assert (still.pk, still.next_attempt_at) == (waiting.pk, waiting.next_attempt_at)


def test_what_a_person_switched_off_does_not_run(worker: Worker, in_tenant: Tenant) -> None:
    switch_item(ScheduledItem.objects.get(kind="task"), is_off=True)

    with plugin_scope("worker", in_tenant):
        assert request_run("worker.sync") is False
    assert open_runs() == []


def test_one_without_a_clock_runs_when_it_is_asked_for(worker: Worker, in_tenant: Tenant) -> None:
    worker.tasks = [task(enabled=False)]
    with use_scope(require_tenant()):
        enable_again(in_tenant)

    with plugin_scope("worker", in_tenant):
        assert request_run("worker.sync")
    assert [run.ended for run in run_due(in_tenant)] == ["done"]


def enable_again(tenant: Tenant) -> None:
    from plugin_host.scheduling.definitions import want_definitions

    want_definitions("worker")
    learn_definitions(tenant)
    assert ScheduledItem.objects.get(kind="task").next_run_at is None


def test_an_unknown_task_is_named_and_a_new_plugin_has_to_wait(no_plugins: object, in_tenant: Tenant) -> None:
    PluginRegistry().register(Worker())
    enable_plugin("worker")

    with plugin_scope("worker", in_tenant):
        with pytest.raises(NotReady, match="not known yet"):
            request_run("worker.sync")
        learn_definitions(in_tenant)
        with pytest.raises(PluginError, match=r"no task 'worker\.sink'.*worker\.sync"):
            request_run("worker.sink")


@pytest.mark.parametrize("seconds", [-1, 3601, float("nan")])
def test_it_is_soon(worker: Worker, in_tenant: Tenant, seconds: float) -> None:
    with plugin_scope("worker", in_tenant), pytest.raises(PluginError, match="0 to 3600"):
        request_run("worker.sync", after_seconds=seconds)
    assert open_runs() == []


def test_those_who_ask_at_the_same_time_find_each_others_run(worker: Worker, in_tenant: Tenant) -> None:
    ready = threading.Barrier(4)

    def ask() -> None:
        try:
            with plugin_scope("worker", in_tenant):
                ready.wait()
                request_run("worker.sync", after_seconds=30)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(open_runs()) == 1
