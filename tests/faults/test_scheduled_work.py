"""Tasks by the clock, with real clocks and workers: two clocks, workers that are killed, tasks that kill them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.models.schedule import ScheduledAttempt, ScheduledItem, ScheduledRun
from plugin_host.models.settings import PluginSettings, PluginState
from tenants.models import Tenant
from tests.faults.installation import Installation, kill_group, wait_until

PLUGIN = """
import os
import signal
import threading

from plugin_host.base import Plugin
from plugin_host.hooks.scheduled_tasks import ScheduledTaskDefinition, TaskResult, TaskSchedule
from plugin_host.hookspec import ScheduledTaskHooks


class Clockwork(Plugin, ScheduledTaskHooks):
    name = "clockwork"
    version = "1.0.0"

    def dvp_register_scheduled_tasks(self, ctx):
        every = TaskSchedule(interval_seconds=1)
        daily = TaskSchedule(cron_expression="0 0 1 1 *")
        return [
            ScheduledTaskDefinition("clockwork.tick", "Tick", every),
            ScheduledTaskDefinition("clockwork.kill", "Kill", daily),
            ScheduledTaskDefinition("clockwork.wait", "Wait", daily),
        ]

    def dvp_execute_scheduled_task(self, task, ctx, execution_ctx):
        if task.task_id == "clockwork.kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if task.task_id == "clockwork.wait" and execution_ctx.attempt == 1:
            threading.Event().wait(600)
        return TaskResult(success=True, data={"attempt": execution_ctx.attempt})
"""


@pytest.fixture
def clockwork(installation: Installation, tenant: Tenant, tmp_path: Path) -> None:
    """An installation with one plugin more, on for the tenant."""
    package = tmp_path / "plugins" / "clockwork"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    installation.extra["PLUGINS_DIR"] = str(package.parent)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        PluginSettings.objects.create(plugin_id="clockwork", state=PluginState.ENABLED)


def runs(tenant: Tenant, task_id: str, **conditions: Any) -> list[ScheduledRun]:
    with tenant_scope(tenant.pk):
        found = ScheduledRun.objects.filter(item__item_id=task_id, **conditions)
        return list(found.order_by("slot"))


def ask_for(tenant: Tenant, task_id: str) -> None:
    """Make a run of a task, as "run now" does; this process does not have the plugin."""
    with tenant_scope(tenant.pk):
        item = ScheduledItem.objects.get(item_id=task_id)
        ScheduledRun.objects.create(item=item, plugin="clockwork", kind="task", slot=timezone.now())


def knows_tasks(tenant: Tenant) -> bool:
    with tenant_scope(tenant.pk):
        return bool(ScheduledItem.objects.filter(kind="task").count() == 3)


@pytest.mark.usefixtures("clockwork")
def test_tasks_run_with_two_clocks_and_survive_a_killed_worker(
    installation: Installation, tenant: Tenant
) -> None:
    clocks = [installation.start_beat(), installation.start_beat()]
    worker = installation.start_worker()
    wait_until(lambda: len(runs(tenant, "clockwork.tick", outcome="done")) >= 2, installation)

    ask_for(tenant, "clockwork.wait")
    wait_until(lambda: runs(tenant, "clockwork.wait", status="running"), installation)
    kill_group(worker)
    kill_group(clocks[0])
    installation.start_worker()
    (waited,) = wait_until(lambda: runs(tenant, "clockwork.wait", outcome="done"), installation)

    assert (waited.attempt, waited.failures, waited.crashes) == (2, 0, 1)
    assert waited.data == {"attempt": 2}
    with tenant_scope(tenant.pk):
        attempts = ScheduledAttempt.objects.filter(run=waited).order_by("number")
        assert list(attempts.values_list("outcome", flat=True)) == ["lost", "done"]
    ticked = runs(tenant, "clockwork.tick", outcome="done")
    # One of them may have been running when the worker was killed, which is no failure of its own.
    assert [run.failures for run in ticked] == [0] * len(ticked)
    assert len({run.slot for run in ticked}) == len(ticked)


@pytest.mark.usefixtures("clockwork")
def test_a_task_that_kills_its_process_ends_after_three_times(
    installation: Installation, tenant: Tenant
) -> None:
    installation.start_beat()
    worker = installation.start_worker()
    wait_until(lambda: knows_tasks(tenant), installation)

    ask_for(tenant, "clockwork.kill")
    (killed,) = wait_until(lambda: runs(tenant, "clockwork.kill", status="ended"), installation)

    assert (killed.outcome, killed.outcome_reason, killed.crashes) == ("dead", "crashes", 3)
    wait_until(lambda: runs(tenant, "clockwork.tick", outcome="done"), installation)
    assert worker.poll() is None
