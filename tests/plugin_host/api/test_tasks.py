"""Scheduled tasks through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.hooks.scheduled_tasks import TaskResult, TaskSchedule
from plugin_host.models.schedule import ScheduledItem
from plugin_host.registry import PluginRegistry
from plugin_host.services import disable_plugin, enable_plugin, save_config
from plugin_host.testing.schedule import learn_definitions, run_due, run_task, run_waiting
from tenants.models import Role, Tenant
from tests.plugin_host.installing import no_plugins
from tests.plugin_host.scheduling.conftest import Worker, task
from tests.tenants.people import (
    PLATFORM_HOST,
    browser,
    host_of,
    make_key_text,
    make_member,
    make_operator_account,
    program,
)

__all__ = ["no_plugins"]

TASKS = "/api/v1/admin/plugins/worker/tasks"
DUE = "/api/v1/admin/run-due"
JSON = "application/json"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.ADMIN)))


@pytest.fixture
def editor(tenant: Tenant) -> Client:
    return program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.EDITOR)))


def switch_on(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin("worker")
        learn_definitions(tenant)


@pytest.fixture
def worker(no_plugins: object, tenant: Tenant) -> Worker:
    plugin = Worker()
    plugin.tasks = [
        task(description="Fetches everything", max_retries=1),
        task("often", TaskSchedule(interval_seconds=300), enabled=False),
    ]
    PluginRegistry().register(plugin)
    switch_on(tenant)
    return plugin


def make_due_now(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        ScheduledItem.objects.filter(item_id="worker.sync").update(next_run_at=Now())


def post(client: Client, address: str, body: Any = None, **options: Any) -> Any:
    return client.post(address, {} if body is None else body, content_type=JSON, **options)


def test_tasks_are_listed_with_next_and_last_run(tenant: Tenant, worker: Worker, admin: Client) -> None:
    worker.work = lambda execution: TaskResult(success=True, data={"n": 3})
    run = run_task(tenant, "worker.sync")

    answer = admin.get(TASKS).json()

    assert (answer["problem"], answer["time_zone"]) == ("", "UTC")
    often, sync = answer["data"]
    assert (often["task_id"], often["state"], often["next_run_at"]) == ("worker.often", "not_enabled", None)
    assert often["schedule"]["in_words"] == "Every 5 minutes"
    assert sync["schedule"] == {
        "cron_expression": "0 6 * * *",
        "interval_seconds": None,
        "time_zone": "UTC",
        "in_words": "At 06:00 every day (UTC)",
    }
    assert (sync["name"], sync["description"], sync["state"]) == ("Sync", "Fetches everything", "scheduled")
    assert (sync["enabled"], sync["switched_off"], sync["max_retries"], sync["timeout_seconds"]) == (
        True,
        False,
        1,
        300,
    )
    assert sync["next_run_at"].endswith("T06:00:00Z")
    last = sync["last_run"]
    assert (last["id"], last["state"], last["data"], last["reason"]) == (
        str(run.id),
        "done",
        {"n": 3},
        "manual",
    )
    assert sync["open_run"] is None
    assert admin.get(f"{TASKS}/worker.sync").json() == sync


def test_what_is_wrong_with_a_list_is_told(tenant: Tenant, worker: Worker, admin: Client) -> None:
    worker.tasks = [task("a"), task("a")]
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        save_config("worker", {"a": 1})
    run_waiting(tenant)

    assert "There are two tasks 'worker.a'" in admin.get(TASKS).json()["problem"]


def test_runs_are_paged_with_their_attempts(tenant: Tenant, worker: Worker, admin: Client) -> None:
    worker.work = lambda execution: TaskResult(success=execution.attempt == 2, error_message="not yet")
    run_task(tenant, "worker.sync")
    run_due(tenant, waiting=True)
    for _ in range(2):
        run_task(tenant, "worker.sync")
        run_due(tenant, waiting=True)

    first = admin.get(f"{TASKS}/worker.sync/runs?limit=2").json()
    rest = admin.get(f"{TASKS}/worker.sync/runs?limit=2&cursor={first['next']}").json()

    assert (len(first["data"]), len(rest["data"]), rest["next"]) == (2, 1, None)
    run = first["data"][0]
    assert (run["state"], run["attempt"], run["failures"]) == ("done", 2, 1)
    one, two = run["attempts"]
    assert (one["number"], one["outcome"], one["error"]) == (1, "failed", "not yet")
    assert (two["number"], two["outcome"], two["progress"]) == (2, "done", None)
    assert one["execution_id"] != two["execution_id"]
    assert isinstance(two["duration_ms"], float)
    assert admin.get(f"{TASKS}/worker.sync/runs?state=dead,skipped").json()["data"] == []
    assert len(admin.get(f"{TASKS}/worker.sync/runs?state=done,pending").json()["data"]) == 3


def test_lists_take_the_same_queries_for_one_and_for_many(
    tenant: Tenant, worker: Worker, admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def queries(count: int) -> int:
        worker.tasks = [task(f"t{number}") for number in range(count)]
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
            save_config("worker", {"count": count})
        learn_definitions(tenant)
        for number in range(count):
            run_task(tenant, f"worker.t{number}")
        admin.get(TASKS)
        with django_assert_max_num_queries(100) as found:
            assert len(admin.get(TASKS).json()["data"]) == count
            admin.get(f"{TASKS}/worker.t0/runs")
        return len(found)

    assert queries(1) == queries(3)


@pytest.mark.parametrize(
    "address", [f"{TASKS}/worker.sync/run", "/api/v1/admin/plugins/tasks/worker.sync/run"]
)
def test_a_task_is_run_now(tenant: Tenant, worker: Worker, admin: Client, address: str) -> None:
    answer = post(admin, address)

    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["reason"]) == ("pending", "manual")
    assert answer.json()["requested_by"].startswith("tests (tnt_")
    (run,) = run_waiting(tenant)
    assert (str(run.id), run.ended) == (answer.json()["id"], "done")


def test_a_task_is_switched_off_and_on(tenant: Tenant, worker: Worker, admin: Client) -> None:
    off = admin.patch(f"{TASKS}/worker.sync", {"switched_off": True}, content_type=JSON).json()
    assert (off["state"], off["switched_off"], off["next_run_at"]) == ("switched_off", True, None)

    on = admin.patch(f"{TASKS}/worker.sync", {"switched_off": False}, content_type=JSON).json()
    assert (on["state"], on["switched_off"]) == ("scheduled", False)
    assert on["next_run_at"] is not None


def test_when_the_plugin_is_off_nothing_is_next_and_nothing_runs(
    tenant: Tenant, worker: Worker, admin: Client
) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        disable_plugin("worker")

    sync = admin.get(f"{TASKS}/worker.sync").json()
    assert (sync["state"], sync["next_run_at"]) == ("stopped", None)
    refused = post(admin, f"{TASKS}/worker.sync/run")
    assert (refused.status_code, refused.json()["code"]) == (409, "plugin_not_enabled")


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "code"),
    [
        ("get", f"{TASKS}/worker.snyc", None, 404, "task_not_found"),
        ("get", f"{TASKS}/worker.snyc/runs", None, 404, "task_not_found"),
        ("get", "/api/v1/admin/plugins/wroker/tasks", None, 404, "plugin_not_found"),
        ("get", "/api/v1/admin/plugins/other/tasks/worker.sync", None, 404, "task_not_found"),
        ("get", f"{TASKS}/worker.sync/runs?state=odd", None, 400, None),
        ("get", f"{TASKS}/worker.sync/runs?limit=0", None, 400, None),
        ("get", f"{TASKS}/worker.sync/runs?cursor=x", None, 400, None),
        ("get", f"{TASKS}/worker.sync/runs?colour=x", None, 400, None),
        ("post", f"{TASKS}/worker.snyc/run", {}, 404, "task_not_found"),
        ("post", f"{TASKS}/worker.sync/run", {"now": True}, 422, None),
        ("patch", f"{TASKS}/worker.sync", {}, 422, None),
        ("patch", f"{TASKS}/worker.sync", {"switched_off": "yes"}, 422, None),
        ("post", DUE, {"all": True}, 422, None),
    ],
)
def test_what_is_wrong_is_refused_in_words(
    worker: Worker, admin: Client, method: str, address: str, body: Any, status: int, code: str | None
) -> None:
    options = {} if body is None else {"data": body, "content_type": JSON}

    answer = getattr(admin, method)(address, **options)

    assert answer.status_code == status, answer.content
    assert code in (None, answer.json()["code"])
    assert answer.json()["detail"]


def test_who_may_not_changes_nothing(tenant: Tenant, worker: Worker, editor: Client) -> None:
    answers = [
        editor.get(TASKS),
        editor.get(f"{TASKS}/worker.sync"),
        editor.get(f"{TASKS}/worker.sync/runs"),
        editor.patch(f"{TASKS}/worker.sync", {"switched_off": True}, content_type=JSON),
        post(editor, f"{TASKS}/worker.sync/run"),
        post(editor, DUE),
    ]

    assert [answer.status_code for answer in answers] == [403] * 6
    with tenant_scope(tenant.pk):
        assert not ScheduledItem.objects.filter(is_switched_off=True).exists()
    assert run_waiting(tenant) == []


def test_another_tenants_tasks_are_not_there(
    tenant: Tenant, other_tenant: Tenant, worker: Worker, admin: Client
) -> None:
    stranger = program(
        host_of(other_tenant), make_key_text(other_tenant, make_member(other_tenant, Role.ADMIN))
    )

    assert stranger.get(TASKS).json()["data"] == []
    assert stranger.get(f"{TASKS}/worker.sync").status_code == 404
    assert post(stranger, f"{TASKS}/worker.sync/run").status_code == 404


# -- the tick of an external clock -------------------------------------------------------------------------------------


def test_a_key_for_nothing_else_makes_the_tenants_items_due(
    tenant: Tenant, other_tenant: Tenant, worker: Worker
) -> None:
    switch_on(other_tenant)
    clock = program(host_of(tenant), make_key_text(tenant, role=Role.ADMIN, scopes=["schedule.run:*"]))
    for one in (tenant, other_tenant):
        make_due_now(one)

    answers = [post(clock, DUE) for _ in range(2)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"due": 1, "skipped": 0}),
        (200, {"due": 0, "skipped": 0}),
    ]
    assert [run.ended for run in run_waiting(tenant)] == ["done"]
    assert run_waiting(other_tenant) == []
    assert clock.get(TASKS).status_code == 403
    assert post(clock, f"{TASKS}/worker.sync/run").status_code == 403


def test_a_key_for_something_else_does_not(tenant: Tenant, worker: Worker) -> None:
    reader = program(host_of(tenant), make_key_text(tenant, role=Role.ADMIN, scopes=["plugin.read:*"]))
    make_due_now(tenant)

    assert post(reader, DUE).status_code == 403
    assert run_waiting(tenant) == []


def test_nobody_is_no_clock(tenant: Tenant, worker: Worker) -> None:
    assert post(Client(headers={"host": host_of(tenant)}), DUE).status_code == 401
    assert post(Client(headers={"host": PLATFORM_HOST}), DUE).status_code == 401


def test_an_operator_makes_all_tenants_items_due(
    tenant: Tenant, other_tenant: Tenant, worker: Worker
) -> None:
    switch_on(other_tenant)
    for one in (tenant, other_tenant):
        make_due_now(one)
    operator = browser(PLATFORM_HOST, make_operator_account())

    answer = post(operator, DUE)

    assert answer.status_code == 200
    assert answer.json()["due"] >= 2
    assert [len(run_waiting(one)) for one in (tenant, other_tenant)] == [1, 1]
    assert post(operator, DUE).json() == {"due": 0, "skipped": 0}


def test_at_the_platforms_host_a_tenants_key_is_for_that_tenant(
    tenant: Tenant, other_tenant: Tenant, worker: Worker
) -> None:
    switch_on(other_tenant)
    for one in (tenant, other_tenant):
        make_due_now(one)
    clock = program(PLATFORM_HOST, make_key_text(tenant, role=Role.ADMIN, scopes=["schedule.run:*"]))

    assert post(clock, DUE).json() == {"due": 1, "skipped": 0}
    assert run_waiting(other_tenant) == []


def test_a_wrong_definition_is_a_problem_of_the_plugin_and_no_reason_to_pause_it(
    tenant: Tenant, worker: Worker, admin: Client
) -> None:
    worker.tasks = ValueError("0 0 30 2 *: no month has such a day.")
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        # Twice as often as the breaker lets hooks fail in a row.
        for number in range(10):
            save_config("worker", {"change": number})
            run_waiting(tenant)
    told = {
        "stage": "schedule",
        "subject": "",
        "message": "dvp_register_scheduled_tasks failed: ValueError: 0 0 30 2 *: no month has such a day.",
    }

    document = admin.get("/api/v1/admin/plugins/worker").json()
    (listed,) = admin.get("/api/v1/admin/plugins").json()["data"]

    assert (document["state"], document["status"], document["problems"]) == ("enabled", "enabled", [told])
    assert (document["breaker"]["state"], document["breaker"]["failures"]) == ("closed", 0)
    assert listed["problems"] == [told]
    # The tasks that it named before are still there.
    assert [one["task_id"] for one in admin.get(TASKS).json()["data"]] == ["worker.often", "worker.sync"]

    worker.tasks = [task()]
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        save_config("worker", {"change": "mended"})
        run_waiting(tenant)
    assert admin.get("/api/v1/admin/plugins/worker").json()["problems"] == []
