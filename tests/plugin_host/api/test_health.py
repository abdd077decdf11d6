"""Health through the API: how checks fare, history, running them now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from core.actors import system_actor
from core.models import AuditEntry, Event
from core.scope import tenant_scope
from plugin_host.base import Plugin
from plugin_host.errors import AuthFailed
from plugin_host.hooks.health_monitor import HealthSeverity, HealthStatus
from plugin_host.models.schedule import ScheduledRun
from plugin_host.registry import PluginRegistry
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin
from plugin_host.testing.schedule import TaskRun, learn_definitions, run_due, run_waiting
from tenants.models import Role, Tenant
from tests.plugin_host.health.watchers import Lister, Watcher, detail, result
from tests.plugin_host.installing import no_plugins
from tests.tenants.people import host_of, make_key_text, make_member, program

__all__ = ["no_plugins"]

BASE = "/api/v1/admin/plugins"
JSON = "application/json"
CHANGED = "health.changed"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.ADMIN)))


@pytest.fixture
def watcher(no_plugins: object, tenant: Tenant) -> Watcher:
    made = Watcher()
    switch_on(made, tenant)
    return made


@pytest.fixture
def lister(no_plugins: object, tenant: Tenant) -> Lister:
    made = Lister()
    switch_on(made, tenant)
    return made


def switch_on(plugin: Plugin, tenant: Tenant) -> None:
    """Register a plugin and switch it on; what it checks is known afterwards, and nothing has run."""
    PluginRegistry().register(plugin)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin(plugin.name)
    learn_definitions(tenant)


def ask(client: Client, plugin: str = "watcher", query: str = "") -> Any:
    return client.post(f"{BASE}/{plugin}/health/run{query}", {}, content_type=JSON)


Run = Callable[..., list[TaskRun]]


@pytest.fixture
def run(admin: Client, tenant: Tenant) -> Run:
    """Ask for checks, and run them as a worker does."""

    def ask_and_run(plugin: str = "watcher", query: str = "") -> list[TaskRun]:
        answer = ask(admin, plugin, query)
        assert answer.status_code == 202, answer.content
        return run_waiting(tenant)

    return ask_and_run


def test_checks_are_asked_for_run_and_shown(tenant: Tenant, admin: Client, watcher: Watcher) -> None:
    watcher.answer = lambda: result(
        HealthStatus.DEGRADED, detail(HealthStatus.DEGRADED, "slow", 812.5, HealthSeverity.INFO)
    )
    (before,) = admin.get(f"{BASE}/watcher/health").json()["checks"]
    assert (before["status"], before["checked_at"], before["is_waiting"]) == ("unknown", None, False)

    answer = ask(admin)

    assert answer.status_code == 202
    (asked,) = answer.json()["data"]
    assert (asked["check"], asked["target"]) == ("watcher.default", f"{tenant.slug}.test")
    assert admin.get(f"{BASE}/watcher/health").json()["checks"][0]["is_waiting"] is True
    (run,) = run_waiting(tenant)
    assert (str(run.id), run.ended, run.data) == (
        asked["run"],
        "done",
        {"status": "degraded", "message": "slow"},
    )
    health = admin.get(f"{BASE}/watcher/health").json()
    (check,), (found,) = health.pop("checks"), health.pop("data")
    shared = {
        "check": "watcher.default",
        "target": f"{tenant.slug}.test",
        "status": "degraded",
        "severity": "warning",
        "trouble": None,
        "message": "slow",
        "details": [
            {
                "check_id": "part",
                "status": "degraded",
                "severity": "info",
                "message": "slow",
                "response_time_ms": 812.5,
            }
        ],
        "response_time_ms": 812.5,
        "retry_after_seconds": None,
        "checked_at": found["checked_at"],
        "duration_ms": found["duration_ms"],
    }
    assert found == {**shared, "id": str(run.execution_id), "reason": "manual"}
    assert check == {
        **shared,
        "name": "Watcher",
        "description": "",
        "since": found["checked_at"],
        "next_run_at": before["next_run_at"],
        "is_waiting": False,
        "switched_off": False,
    }
    assert health == {
        "plugin": "watcher",
        "status": "degraded",
        "runs": True,
        "why_not": "",
        "problem": "",
        "next": None,
        "previous": None,
        "total": None,
    }


def test_a_check_that_waits_already_is_not_asked_for_twice(admin: Client, watcher: Watcher) -> None:
    first, second = (ask(admin).json()["data"] for _ in range(2))

    assert first == second


def test_one_check_is_run_by_either_name(admin: Client, lister: Lister, run: Run) -> None:
    for name in ("api", "lister.api"):
        assert [one.item_id for one in run("lister", f"?check={name}")] == ["lister.api"]

    wrong = ask(admin, "lister", "?check=lister.apy")

    assert (wrong.status_code, wrong.json()["code"]) == (404, "check_not_found")
    assert "Did you mean 'lister.api'?" in wrong.json()["detail"]


def test_the_kind_of_trouble_is_told(admin: Client, watcher: Watcher, run: Run) -> None:
    def fail() -> Any:
        raise AuthFailed

    watcher.answer = fail
    run()

    health = admin.get(f"{BASE}/watcher/health").json()
    assert (health["status"], health["checks"][0]["trouble"]) == ("unhealthy", "auth_failed")
    assert "renew the plugin's secret" in health["checks"][0]["message"]


def test_history_is_narrowed_and_paged(admin: Client, lister: Lister, run: Run) -> None:
    for _ in range(3):
        run("lister")
    where = f"{BASE}/lister/health"

    first = admin.get(f"{where}?limit=4").json()
    second = admin.get(f"{where}?limit=4&cursor={first['next']}").json()

    ids = [one["id"] for one in (*first["data"], *second["data"])]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), second["next"]) == (6, None)
    assert {one["check"] for one in admin.get(f"{where}?check=ping").json()["data"]} == {"lister.ping"}
    assert len(admin.get(f"{where}?target=api.example.org").json()["data"]) == 3
    assert admin.get(f"{where}?target=elsewhere").json()["data"] == []
    later = (timezone.now() + timedelta(minutes=1)).isoformat()
    assert admin.get(where, {"since": later}).json()["data"] == []
    assert len(admin.get(where, {"since": "2026-01-01"}).json()["data"]) == 6


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=many",
        "cursor=7",
        "since=yesterday",
        "since=0001-01-01T00:00:00%2b10:00",
        "chekc=x",
    ],
)
def test_wrong_parameters_are_named(admin: Client, watcher: Watcher, query: str) -> None:
    answer = admin.get(f"{BASE}/watcher/health?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"


def test_off_means_off(tenant: Tenant, admin: Client, watcher: Watcher, run: Run) -> None:
    run()
    said = []
    for step in (pause_plugin, disable_plugin):
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
            step("watcher")
        assert (refused := ask(admin)).status_code == 409
        health = admin.get(f"{BASE}/watcher/health").json()
        assert (health["runs"], health["status"]) == (False, "healthy")
        assert health["why_not"] == refused.json()["detail"]
        said.append(health["why_not"].split(",")[0])
        run_waiting(tenant)

    assert said == ["Plugin watcher is paused", "Plugin watcher is off"]
    assert len(watcher.calls) == 1


def test_only_who_manages_plugins_runs_checks(tenant: Tenant, watcher: Watcher) -> None:
    editor = program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.EDITOR)))

    assert ask(editor).status_code == 403
    with tenant_scope(tenant.pk):
        assert ScheduledRun.objects.filter(kind="check").count() == 0


def test_what_is_wrong_with_a_list_is_told_and_the_known_checks_stay(
    tenant: Tenant, admin: Client, lister: Lister, run: Run
) -> None:
    lister.checks = ["ping"]
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        disable_plugin("lister")
        enable_plugin("lister")
    learn_definitions(tenant)

    health = admin.get(f"{BASE}/lister/health").json()

    assert "Item 0 of the list must be a HealthCheckDefinition, not 'ping'" in health["problem"]
    assert [one["check"] for one in health["checks"]] == ["lister.api", "lister.ping"]


def test_unknown_plugins_are_not_there(admin: Client, watcher: Watcher) -> None:
    assert admin.get(f"{BASE}/watchr/health").status_code == 404
    assert ask(admin, "watchr").status_code == 404


def test_another_tenant_sees_nothing(admin: Client, watcher: Watcher, run: Run, other_tenant: Tenant) -> None:
    run()
    stranger = program(
        host_of(other_tenant), make_key_text(other_tenant, make_member(other_tenant, Role.ADMIN))
    )

    health = stranger.get(f"{BASE}/watcher/health").json()

    assert (health["status"], health["checks"], health["data"]) == ("unknown", [], [])


def test_the_list_costs_the_same_for_one_and_for_many(
    admin: Client, lister: Lister, run: Run, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for check in ("ping", "api"):
        run("lister", f"?check={check}")
        admin.get(f"{BASE}/lister/health")
        with django_assert_num_queries(5):  # key, items, open runs, verdicts, results
            admin.get(f"{BASE}/lister/health")


def change(client: Client, body: dict[str, Any], plugin: str = "lister") -> Any:
    return client.patch(f"{BASE}/{plugin}/health", body, content_type=JSON)


def test_a_check_that_is_switched_off_rests_and_counts_no_more(
    tenant: Tenant, admin: Client, watcher: Watcher, run: Run
) -> None:
    watcher.answer = lambda: result(HealthStatus.UNHEALTHY, detail(HealthStatus.UNHEALTHY))
    run()
    told = len(watcher.told)
    with tenant_scope(tenant.pk):
        events = Event.objects.filter(type=CHANGED).count()

    answer = change(admin, {"check": "default", "switched_off": True}, "watcher")

    assert answer.status_code == 200, answer.content
    (check,) = answer.json()["data"]
    assert (check["switched_off"], check["status"], check["next_run_at"]) == (True, "unhealthy", None)
    assert admin.get(f"{BASE}/watcher/health").json()["status"] == "unknown"
    assert admin.get(f"{BASE}/watcher").json()["health"] is None
    assert ask(admin).json()["data"] == []  # all but what is switched off
    assert run_due(tenant, now=timezone.now() + timedelta(hours=1)) == []
    with tenant_scope(tenant.pk):
        assert Event.objects.filter(type=CHANGED).count() == events
        assert AuditEntry.objects.filter(action="schedule.switched_off").count() == 1
    assert len(watcher.told) == told

    assert ask(admin, query="?check=default").json()["data"] != []  # who names it means it
    run_waiting(tenant)
    change(admin, {"check": "watcher.default", "switched_off": False}, "watcher")
    assert admin.get(f"{BASE}/watcher").json()["health"] == "unhealthy"
    assert [one.item_id for one in run_due(tenant, now=timezone.now() + timedelta(hours=1))] == [
        "watcher.default"
    ]


def test_one_of_several_is_switched_off_alone(tenant: Tenant, admin: Client, lister: Lister) -> None:
    change(admin, {"check": "api", "target": "api.example.org", "switched_off": True})

    states = admin.get(f"{BASE}/lister/health").json()["checks"]
    assert {one["check"]: one["switched_off"] for one in states} == {"lister.ping": False, "lister.api": True}
    assert [one["check"] for one in ask(admin, "lister").json()["data"]] == ["lister.ping"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"check": "apy", "switched_off": True}, 404, "has no check"),
        ({"check": "api", "target": "api.example.com", "switched_off": True}, 404, "has no target"),
        ({"check": "api"}, 422, "switched_off"),
    ],
)
def test_what_cannot_be_switched_is_named(
    admin: Client, lister: Lister, body: dict[str, Any], status: int, said: str
) -> None:
    answer = change(admin, body)

    assert answer.status_code == status
    assert said in answer.text


def test_only_who_manages_plugins_switches_checks(tenant: Tenant, lister: Lister) -> None:
    editor = program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.EDITOR)))

    assert change(editor, {"check": "api", "switched_off": True}).status_code == 403


def test_the_list_of_plugins_says_how_each_fares_with_one_question_for_all(
    tenant: Tenant, admin: Client, watcher: Watcher, run: Run
) -> None:
    switch_on(Lister(), tenant)

    def healths() -> dict[str, Any]:
        return {one["id"]: one["health"] for one in admin.get(BASE).json()["data"]}

    assert healths() == {"watcher": None, "lister": None}
    run("watcher")
    run("lister", "?check=ping")
    with CaptureQueriesContext(connection) as captured:
        assert healths() == {"watcher": "healthy", "lister": "healthy"}
    assert sum("healthverdict" in one["sql"] for one in captured) <= 1
    with tenant_scope(tenant.pk, actor=system_actor("tests")):
        disable_plugin("watcher")
    assert healths()["watcher"] is None
