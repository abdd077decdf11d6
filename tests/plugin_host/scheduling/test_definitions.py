"""What plugins say there is to schedule becomes items, and stays in line with what they say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.base import Plugin
from plugin_host.context import HookContext, PluginContext
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)
from plugin_host.models.schedule import ScheduledItem, ScheduledRun
from plugin_host.models.settings import PlatformConfigRevision, PlatformPluginSettings
from plugin_host.registry import LoadedPlugins, PluginRegistry
from plugin_host.scheduling.definitions import want_outdated_definitions
from plugin_host.scheduling.services import switch_item
from plugin_host.services import (
    disable_plugin,
    enable_plugin,
    pause_plugin,
    save_config,
    save_platform_config,
)
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from plugin_host.testing.schedule import learn_definitions, run_due, run_waiting
from tenants.models import Tenant
from tenants.services.directory import add_domain, update_tenant
from tests.plugin_host.scheduling.broken_plugins import RUBBISH, broken_plugin
from tests.plugin_host.scheduling.conftest import Worker, task


def items() -> dict[str, ScheduledItem]:
    return {item.item_id: item for item in ScheduledItem.objects.filter(kind="task")}


def problem(plugin_id: str = "worker") -> str:
    return str(ScheduledItem.objects.get(kind="definitions", plugin=plugin_id).problem)


def questions() -> Any:
    return ScheduledRun.objects.filter(kind="definitions", status="pending")


def change(plugin: Worker, *tasks: ScheduledTaskDefinition) -> None:
    """Have the plugin name other tasks, and be asked because its configuration changed."""
    plugin.tasks = list(tasks)
    save_config("worker", {"change": str(plugin.asked)})


def test_enabling_asks_once_and_plans(worker: Worker, in_tenant: Tenant) -> None:
    assert worker.asked == 1
    item = items()["worker.sync"]
    assert (item.name, item.cron_expression, item.is_enabled) == ("Sync", "0 6 * * *", True)
    assert item.next_run_at is not None
    assert timezone.now() < item.next_run_at < timezone.now() + timedelta(days=1)
    learn_definitions(in_tenant)
    assert worker.asked == 1


def test_asking_survives_the_crash_of_whoever_would_have_asked(no_plugins: object, in_tenant: Tenant) -> None:
    PluginRegistry().register(Worker())

    enable_plugin("worker")

    # That is all there has to be after the commit: a run that any worker takes.
    waiting = ScheduledRun.objects.get(kind="definitions")
    assert (waiting.status, waiting.reason) == ("pending", "change")


def test_tasks_no_longer_named_are_retired_and_may_come_back(worker: Worker, in_tenant: Tenant) -> None:
    change(worker, task("other"))
    learn_definitions(in_tenant)

    gone = items()["worker.sync"]
    assert gone.retired_at is not None
    assert gone.next_run_at is None
    assert items()["worker.other"].next_run_at is not None

    change(worker, task("sync"))
    learn_definitions(in_tenant)

    assert items()["worker.sync"].retired_at is None
    assert items()["worker.sync"].next_run_at is not None


def test_a_changed_schedule_is_planned_anew_and_an_unchanged_one_keeps_its_slot(
    worker: Worker, in_tenant: Tenant
) -> None:
    change(worker, task("sync"), task("often", TaskSchedule(interval_seconds=300)))
    learn_definitions(in_tenant)
    before = items()

    change(
        worker,
        task("sync", TaskSchedule("30 7 * * *")),
        task("often", TaskSchedule(interval_seconds=300), name="Of"),
    )
    learn_definitions(in_tenant)

    after = items()
    assert f"{after['worker.sync'].next_run_at:%M}" == "30"
    assert after["worker.often"].next_run_at == before["worker.often"].next_run_at
    assert after["worker.often"].name == "Of"


def test_a_task_that_is_not_enabled_is_known_and_not_planned(worker: Worker, in_tenant: Tenant) -> None:
    change(worker, task("sync", enabled=False))
    learn_definitions(in_tenant)

    assert items()["worker.sync"].next_run_at is None


def test_what_a_person_switched_off_stays_off(worker: Worker, in_tenant: Tenant) -> None:
    switch_item(items()["worker.sync"], is_off=True)

    change(worker, task("sync", TaskSchedule("30 7 * * *")))
    learn_definitions(in_tenant)

    assert items()["worker.sync"].is_switched_off
    assert items()["worker.sync"].next_run_at is None


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_is_told_and_leaves_everything_else_alone(
    worker: Worker, in_tenant: Tenant, name: str
) -> None:
    PluginRegistry().register(broken_plugin(name))

    enable_plugin(name)
    run_waiting(in_tenant)

    assert RUBBISH[name][1] in problem(name)
    assert not ScheduledItem.objects.filter(kind="task", plugin=name).exists()
    assert items().keys() == {"worker.sync"}
    assert tenant_plugins(in_tenant.pk)[name].runs


def test_a_hook_that_raises_leaves_the_known_tasks_and_is_asked_again(
    worker: Worker, in_tenant: Tenant
) -> None:
    before = items()["worker.sync"]
    worker.tasks = RuntimeError("the list is in the cellar")
    save_config("worker", {"a": 1})

    (attempt,) = run_waiting(in_tenant)

    assert (attempt.ended, attempt.attempt) == ("", 1)
    assert "RuntimeError: the list is in the cellar" in problem()
    assert items()["worker.sync"].next_run_at == before.next_run_at

    worker.tasks = [task("sync"), task("new")]
    run_due(in_tenant, now=before.planned_at, waiting=True)

    assert problem() == ""
    assert items().keys() == {"worker.sync", "worker.new"}


def test_a_wrong_list_leaves_the_known_tasks(worker: Worker, in_tenant: Tenant) -> None:
    change(worker, task("new"), task("new"))

    (attempt,) = run_waiting(in_tenant)

    assert (attempt.ended, attempt.reason) == ("dead", "definitions")
    assert items().keys() == {"worker.sync"}
    assert items()["worker.sync"].retired_at is None


def test_disabling_stops_everything_and_enabling_plans_from_then_on(
    worker: Worker, in_tenant: Tenant
) -> None:
    slot = items()["worker.sync"].next_run_at
    assert slot is not None

    disable_plugin("worker")
    assert items()["worker.sync"].next_run_at is None
    assert run_due(in_tenant, now=slot + timedelta(days=3)) == []

    enable_plugin("worker")
    learn_definitions(in_tenant)
    assert items()["worker.sync"].next_run_at == slot
    assert worker.calls == []


def test_a_plugin_switched_off_before_it_was_asked_is_not_planned(
    no_plugins: object, in_tenant: Tenant
) -> None:
    PluginRegistry().register(Worker())
    enable_plugin("worker")
    disable_plugin("worker")

    (attempt,) = run_waiting(in_tenant)

    assert (attempt.ended, attempt.reason) == ("skipped", "disabled")
    assert items() == {}


def test_times_follow_the_tenants_time_zone(worker: Worker, in_tenant: Tenant) -> None:
    update_tenant(changes={"time_zone": "Asia/Kolkata"})
    learn_definitions(in_tenant)

    slot = items()["worker.sync"].next_run_at
    assert slot is not None
    assert (slot.hour, slot.minute) == (0, 30)


def test_a_definitions_own_time_zone_goes_before_the_tenants(worker: Worker, in_tenant: Tenant) -> None:
    update_tenant(changes={"time_zone": "Asia/Kolkata"})
    change(worker, task("sync", TaskSchedule("0 6 * * *", timezone="UTC")))
    learn_definitions(in_tenant)

    slot = items()["worker.sync"].next_run_at
    assert slot is not None
    assert (slot.hour, slot.minute) == (6, 0)


def test_a_new_host_asks_again(worker: Worker, in_tenant: Tenant) -> None:
    add_domain(host=f"www.{in_tenant.slug}.test")

    learn_definitions(in_tenant)

    assert worker.asked == 2


def test_a_change_of_the_platforms_configuration_asks_again(worker: Worker, in_tenant: Tenant) -> None:
    try:
        with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
            save_platform_config("worker", {"a": 1})
        learn_definitions(in_tenant)
    finally:
        with platform_scope(PlatformWork.PLUGIN_DIRECTORY):
            PlatformPluginSettings.objects.all().delete()
            PlatformConfigRevision.objects.all().delete()
        forget_tenant_plugins()

    assert worker.asked == 2


def test_several_changes_are_one_question(worker: Worker, in_tenant: Tenant) -> None:
    save_config("worker", {"a": 1})
    save_config("worker", {"a": 2})
    save_config("worker", {"a": 3})

    assert len(run_waiting(in_tenant)) == 1
    assert worker.asked == 2


def test_a_new_version_asks_again(worker: Worker, in_tenant: Tenant, no_plugins: LoadedPlugins) -> None:
    want_outdated_definitions()
    assert not questions().exists()
    PluginRegistry().unregister("worker")

    class Newer(Worker):
        version = "1.1.0"

    newer = Newer()
    newer.tasks = [task("new")]
    PluginRegistry().register(newer)
    forget_tenant_plugins()

    want_outdated_definitions()
    assert questions().count() == 1
    learn_definitions(in_tenant)

    assert items()["worker.sync"].retired_at is not None
    assert items()["worker.new"].retired_at is None
    want_outdated_definitions()
    assert not questions().exists()


def test_a_process_of_another_version_leaves_the_question_to_others(
    worker: Worker, in_tenant: Tenant
) -> None:
    save_config("worker", {"a": 1})
    ScheduledItem.objects.filter(kind="definitions").update(definition={"version": "9.0.0"})

    (attempt,) = run_waiting(in_tenant)

    assert (attempt.ended, worker.asked) == ("", 1)
    waiting = ScheduledRun.objects.get(kind="definitions", status="pending")
    assert (waiting.attempt, waiting.failures) == (0, 0)


def test_a_paused_plugin_is_asked_when_it_goes_on(worker: Worker, in_tenant: Tenant) -> None:
    pause_plugin("worker", reason="for a while")
    save_config("worker", {"a": 1})

    assert run_waiting(in_tenant) == []
    assert worker.asked == 1


def test_functions_register_tasks_too(no_plugins: object, in_tenant: Tenant) -> None:
    def register_tasks(ctx: HookContext) -> list[ScheduledTaskDefinition]:
        return [ScheduledTaskDefinition("plain.sync", "Sync", TaskSchedule(interval_seconds=60))]

    async def execute(
        task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        return TaskResult(success=True, data={"task": task.task_id})

    class Plain(Plugin):
        name = "plain"
        version = "1.0.0"

        def register(self, ctx: PluginContext) -> None:
            ctx.on("dvp_register_scheduled_tasks", register_tasks)
            ctx.on("dvp_execute_scheduled_task", execute)

    PluginRegistry().register(Plain())
    enable_plugin("plain")
    learn_definitions(in_tenant)

    (run,) = run_due(in_tenant, now=items()["plain.sync"].next_run_at)
    assert run.data == {"task": "plain.sync"}


def test_a_plugin_that_runs_nothing_is_told_so(no_plugins: object, in_tenant: Tenant) -> None:
    class Half(Plugin):
        name = "half"
        version = "1.0.0"

        def register(self, ctx: PluginContext) -> None:
            ctx.on("dvp_register_scheduled_tasks", lambda ctx: [])

    PluginRegistry().register(Half())
    enable_plugin("half")
    run_waiting(in_tenant)

    assert "There is no dvp_execute_scheduled_task" in problem("half")


def test_tenants_have_items_of_their_own(worker: Worker, in_tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug, actor=system_actor("tests")):
        enable_plugin("worker")
        learn_definitions(other_tenant)
        assert ScheduledItem.objects.filter(kind="task").count() == 1

    assert ScheduledItem.objects.filter(kind="task").count() == 1
    assert ScheduledItem.objects.get(kind="task").tenant_id == in_tenant.pk
