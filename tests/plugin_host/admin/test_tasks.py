"""The Tasks pages of a plugin."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.hooks.scheduled_tasks import TaskResult
from plugin_host.models.schedule import ScheduledItem, ScheduledRun
from plugin_host.runtime import aprogress
from plugin_host.services import disable_plugin, enable_plugin, save_config
from plugin_host.testing.schedule import learn_definitions, run_due, run_task, run_waiting
from tenants.models import Tenant
from tenants.services.directory import update_tenant
from tests.admin_people import SignIn
from tests.plugin_host.scheduling.conftest import Worker, no_plugins, task, worker

__all__ = ["no_plugins", "worker"]

PLUGIN = "/admin/settings/plugins/worker/"
TASKS = f"{PLUGIN}tasks/"
SYNC = f"{TASKS}worker.sync/"


def text_of(page: str) -> str:
    """Return what a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def do(client: Client, step: str) -> str:
    return client.post(f"{SYNC}do/", {"do": step}, follow=True).content.decode()


def test_tasks_are_shown_in_the_tenants_time(member_of: SignIn, worker: Worker, in_tenant: Tenant) -> None:
    update_tenant(changes={"time_zone": "Asia/Kolkata"})
    learn_definitions(in_tenant)
    run_task(in_tenant, "worker.sync")

    page = member_of(in_tenant).get(TASKS).content.decode()

    told = text_of(page)
    assert "Times are those of Asia/Kolkata." in told
    assert "At 06:00 every day (Asia/Kolkata)" in told
    assert re.search(r"Scheduled \d{4}-\d\d-\d\d 06:00:00", told)
    assert re.search(r'datetime="\d{4}-\d\d-\d\dT06:00:00\+05:30"', page)
    assert re.search(r"\d\d:\d\d:\d\d Done", told)


def test_a_run_is_shown_with_its_attempts(member_of: SignIn, worker: Worker, in_tenant: Tenant) -> None:
    async def work(execution: Any) -> TaskResult:
        await aprogress(3, 10)
        worker.logger.warning("three of ten")
        return TaskResult(
            success=execution.attempt == 2, data={"items": 3}, error_message="<b>rate limit</b> exceeded"
        )

    worker.work = work
    run_task(in_tenant, "worker.sync")
    client = member_of(in_tenant)
    waiting = client.get(SYNC).content.decode()
    run_due(in_tenant, waiting=True)
    done = client.get(SYNC).content.decode()

    assert "Waiting for the next try" in text_of(waiting)
    assert "&lt;b&gt;rate limit&lt;/b&gt; exceeded" in waiting
    told = text_of(done)
    assert "Attempt 2: Done" in told
    assert "Attempt 1: Failed" in told
    assert "3 of 10" in told
    assert "WARNING" in told
    assert "three of ten" in told
    assert "items" in told
    assert "Because of: A person (tests), attempt 2," in told


def test_a_task_is_run_switched_off_and_on(member_of: SignIn, worker: Worker, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "admin")

    assert "runs as soon as a worker is free" in do(client, "run")
    assert [run.ended for run in run_waiting(in_tenant)] == ["done"]
    assert "does not run by itself any more" in do(client, "switch_off")
    assert ScheduledItem.objects.get(kind="task").is_switched_off
    assert "Switched off" in text_of(client.get(TASKS).content.decode())
    assert "runs by itself again" in do(client, "switch_on")
    assert not ScheduledItem.objects.get(kind="task").is_switched_off


def test_what_is_refused_is_said(member_of: SignIn, worker: Worker, in_tenant: Tenant) -> None:
    disable_plugin("worker")

    page = do(member_of(in_tenant), "run")

    assert "Plugin worker is off: enable it." in text_of(page)
    assert "Its plugin does not run" in text_of(page)


def test_looking_runs_nothing(member_of: SignIn, worker: Worker, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    assert client.get(f"{SYNC}do/?do=run").status_code == 302
    assert client.post(f"{SYNC}do/", {"do": "explode"}).status_code == 404
    assert not ScheduledRun.objects.filter(kind="task").exists()


def test_what_is_wrong_with_the_list_is_on_the_plugins_page(
    member_of: SignIn, worker: Worker, in_tenant: Tenant
) -> None:
    worker.tasks = [task("sync"), task("sync")]
    save_config("worker", {"a": 1})
    run_waiting(in_tenant)
    client = member_of(in_tenant)

    for address in (PLUGIN, TASKS):
        assert "There are two tasks &#x27;worker.sync&#x27;" in client.get(address).content.decode()


def test_old_runs_are_paged_and_narrowed(member_of: SignIn, worker: Worker, in_tenant: Tenant) -> None:
    for _ in range(21):
        run_task(in_tenant, "worker.sync")
    client = member_of(in_tenant)

    first = client.get(SYNC).content.decode()
    (older,) = re.findall(r'href="\?show=all&amp;before=([^"]+)"', first)

    assert first.count('id="run-') == 20
    assert client.get(f"{SYNC}?before={older}").content.decode().count('id="run-') == 1
    assert client.get(f"{SYNC}?show=failed").content.decode().count('id="run-') == 0
    assert client.get(f"{SYNC}?show=odd").status_code == 404
    assert client.get(f"{SYNC}?before=odd").status_code == 404


@pytest.mark.parametrize("address", [f"{TASKS}worker.snyc/", f"{TASKS}worker.snyc/do/", f"{TASKS}other/"])
def test_what_is_not_there_is_not_found(
    member_of: SignIn, worker: Worker, in_tenant: Tenant, address: str
) -> None:
    assert member_of(in_tenant).get(address).status_code == 404


def test_another_tenants_tasks_are_not_there(
    member_of: SignIn, worker: Worker, in_tenant: Tenant, other_tenant: Tenant
) -> None:
    client = member_of(other_tenant)

    assert client.get(SYNC).status_code == 404
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug, actor=system_actor("tests")):
        enable_plugin("worker")
    assert "It has no tasks" in text_of(client.get(TASKS).content.decode())


def test_editors_see_no_tasks(member_of: SignIn, worker: Worker, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "editor")

    assert [client.get(TASKS).status_code, client.get(SYNC).status_code] == [403, 403]
    assert client.post(f"{SYNC}do/", {"do": "run"}).status_code == 403
    assert not ScheduledRun.objects.filter(kind="task").exists()
