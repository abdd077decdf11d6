"""`manage.py plugin tasks`, `run-task` and `run-due`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.db.models.functions import Now

from core.scope import tenant_scope
from plugin_host.errors import PluginError
from plugin_host.hooks.scheduled_tasks import TaskResult
from plugin_host.models.schedule import ScheduledItem
from plugin_host.testing.schedule import run_task, run_waiting
from tenants.models import Tenant
from tests.plugin_host.management.test_plugin import refused, run
from tests.plugin_host.scheduling.conftest import Worker, no_plugins, worker

__all__ = ["no_plugins", "worker"]


@contextmanager
def working(tenant: Tenant) -> Iterator[None]:
    """Run what waits, beside the command."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            run_waiting(tenant)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_tasks_are_listed(worker: Worker, in_tenant: Tenant) -> None:
    worker.work = lambda execution: TaskResult(success=True, data={"n": 1})
    run_task(in_tenant, "worker.sync")

    text = run("tasks", "worker", "--tenant", in_tenant.slug)
    (document,) = json.loads(run("tasks", "worker", "--tenant", in_tenant.slug, "--json"))["data"]

    assert text.startswith("worker.sync  scheduled  At 06:00 every day (UTC)  next: ")
    assert "last: done" in text
    assert document["last_run"]["data"] == {"n": 1}


def test_one_task_is_shown_with_its_runs(worker: Worker, in_tenant: Tenant) -> None:
    run_task(in_tenant, "worker.sync")

    text = run("tasks", "worker", "--task", "worker.sync", "--tenant", in_tenant.slug)
    document = json.loads(
        run("tasks", "worker", "--task", "worker.sync", "--tenant", in_tenant.slug, "--json")
    )

    assert "done  attempt 1" in text
    assert [one["state"] for one in document["runs"]] == ["done"]


def test_a_task_is_left_to_a_worker(worker: Worker, in_tenant: Tenant) -> None:
    text = run("run-task", "worker.sync", "--tenant", in_tenant.slug)

    assert text.startswith("worker.sync runs as soon as a worker is free: ")
    assert [one.ended for one in run_waiting(in_tenant)] == ["done"]


def test_waiting_for_the_end(worker: Worker, in_tenant: Tenant) -> None:
    with working(in_tenant):
        text = run("run-task", "worker.sync", "--tenant", in_tenant.slug, "--wait")

    assert "done  attempt 1" in text


def test_waiting_for_a_failure_fails(worker: Worker, in_tenant: Tenant) -> None:
    def work(execution: object) -> TaskResult:
        raise PluginError("it cannot be", permanent=True)

    worker.work = work

    with working(in_tenant):
        text = refused("run-task", "worker.sync", "--tenant", in_tenant.slug, "--wait")

    assert "worker.sync did not succeed: PluginError: it cannot be" in text


def test_waiting_without_a_worker_ends(worker: Worker, in_tenant: Tenant) -> None:
    text = refused("run-task", "worker.sync", "--tenant", in_tenant.slug, "--wait", "--wait-seconds", "0.3")

    assert text == "No worker has taken it in 0.3 seconds: is one running?"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run-task", "worker.snyc", "--tenant", "SLUG"), "Did you mean 'worker.sync'?"),
        (("tasks", "wroker", "--tenant", "SLUG"), "Did you mean 'worker'?"),
        (("tasks", "worker", "--task", "worker.snyc", "--tenant", "SLUG"), "Did you mean 'worker.sync'?"),
        (("tasks", "worker"), "Say for which tenant"),
        (("run-task", "worker.sync", "--tenant", "nobody-here"), "There is no tenant"),
        (("run-task", "worker.sync", "--tenant", "SLUG", "--wait-seconds", "0"), "above 0"),
    ],
)
def test_what_is_wrong_is_said(
    worker: Worker, in_tenant: Tenant, arguments: tuple[str, ...], told: str
) -> None:
    text = refused(*(in_tenant.slug if one == "SLUG" else one for one in arguments))

    assert told in text


def test_a_clock_of_ones_own(worker: Worker, in_tenant: Tenant) -> None:
    with tenant_scope(in_tenant.pk):
        ScheduledItem.objects.filter(kind="task").update(next_run_at=Now())

    assert run("run-due", "--tenant", in_tenant.slug) == f"{in_tenant.slug}: 1 due, 0 skipped.\n"
    assert run("run-due", "--tenant", in_tenant.slug) == f"{in_tenant.slug}: 0 due, 0 skipped.\n"
    assert [one.ended for one in run_waiting(in_tenant)] == ["done"]
