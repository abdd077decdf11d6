"""Health through the API: verdicts, history, running checks now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.errors import AuthFailed
from plugin_host.hooks.health_monitor import HealthSeverity, HealthStatus
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin
from tenants.models import Role, Tenant
from tests.plugin_host.health.watchers import Lister, Watcher, detail, result
from tests.plugin_host.installing import Install, install, no_plugins
from tests.tenants.people import host_of, make_key_text, make_member, program

__all__ = ["install", "no_plugins"]

BASE = "/api/v1/admin/plugins"
JSON = "application/json"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.ADMIN)))


@pytest.fixture
def watcher(install: Install) -> Watcher:
    made = install(Watcher())
    assert isinstance(made, Watcher)
    return made


@pytest.fixture
def lister(install: Install) -> Lister:
    made = install(Lister())
    assert isinstance(made, Lister)
    return made


def run(client: Client, plugin: str = "watcher", query: str = "") -> Any:
    return client.post(f"{BASE}/{plugin}/health/run{query}", {}, content_type=JSON)


def test_checks_are_run_and_shown(tenant: Tenant, admin: Client, watcher: Watcher) -> None:
    watcher.answer = lambda: result(
        HealthStatus.DEGRADED, detail(HealthStatus.DEGRADED, "slow", 812.5, HealthSeverity.INFO)
    )

    answer = run(admin)

    assert answer.status_code == 200
    (found,) = answer.json()["data"]
    shown = {
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
    assert found == {**shown, "id": found["id"], "reason": "manual"}
    health = admin.get(f"{BASE}/watcher/health").json()
    assert health == {
        "plugin": "watcher",
        "status": "degraded",
        "runs": True,
        "why_not": "",
        "checks": [{**shown, "name": "Watcher", "description": "", "since": found["checked_at"]}],
        "data": [found],
        "next": None,
        "previous": None,
        "total": None,
    }


def test_one_check_is_run_by_either_name(admin: Client, lister: Lister) -> None:
    for name in ("api", "lister.api"):
        assert [one["check"] for one in run(admin, "lister", f"?check={name}").json()["data"]] == [
            "lister.api"
        ]

    wrong = run(admin, "lister", "?check=lister.apy")

    assert (wrong.status_code, wrong.json()["code"]) == (404, "check_not_found")
    assert "Did you mean 'lister.api'?" in wrong.json()["detail"]


def test_the_worst_comes_first(admin: Client, watcher: Watcher, lister: Lister) -> None:
    def fail() -> Any:
        raise AuthFailed

    run(admin, "lister")
    assert [one["check"] for one in admin.get(f"{BASE}/lister/health").json()["checks"]] == [
        "lister.api",
        "lister.ping",
    ]
    watcher.answer = fail
    run(admin)
    health = admin.get(f"{BASE}/watcher/health").json()
    assert (health["status"], health["checks"][0]["trouble"]) == ("unhealthy", "auth_failed")
    assert "renew the plugin's secret" in health["checks"][0]["message"]


def test_history_is_narrowed_and_paged(admin: Client, lister: Lister) -> None:
    for _ in range(3):
        run(admin, "lister")
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
    ["limit=0", "limit=many", "cursor=7", "since=yesterday", "since=0001-01-01T00:00:00%2b10:00", "chekc=x"],
)
def test_wrong_parameters_are_named(admin: Client, watcher: Watcher, query: str) -> None:
    answer = admin.get(f"{BASE}/watcher/health?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"


def test_off_means_off(tenant: Tenant, admin: Client, watcher: Watcher) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin("watcher")
    run(admin)
    said = []
    for step in (pause_plugin, disable_plugin):
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
            step("watcher")
        assert (refused := run(admin)).status_code == 409
        health = admin.get(f"{BASE}/watcher/health").json()
        assert (health["runs"], health["status"]) == (False, "healthy")
        assert health["why_not"] == refused.json()["detail"]
        said.append(health["why_not"].split(",")[0])

    assert said == ["Plugin watcher is paused", "Plugin watcher is off"]
    assert len(watcher.calls) == 1


def test_only_who_manages_plugins_runs_checks(tenant: Tenant, watcher: Watcher) -> None:
    editor = program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.EDITOR)))

    assert run(editor).status_code == 403
    assert watcher.calls == []


def test_a_list_that_cannot_be_used_is_an_error(admin: Client, lister: Lister) -> None:
    lister.checks = ["ping"]

    answer = run(admin, "lister")

    assert (answer.status_code, answer.json()["code"]) == (422, "health_checks_unusable")


def test_unknown_plugins_are_not_there(admin: Client, watcher: Watcher) -> None:
    assert admin.get(f"{BASE}/watchr/health").status_code == 404
    assert run(admin, "watchr").status_code == 404


def test_another_tenant_sees_nothing(admin: Client, watcher: Watcher, other_tenant: Tenant) -> None:
    run(admin)
    stranger = program(
        host_of(other_tenant), make_key_text(other_tenant, make_member(other_tenant, Role.ADMIN))
    )

    health = stranger.get(f"{BASE}/watcher/health").json()

    assert (health["status"], health["checks"], health["data"]) == ("unknown", [], [])


def test_the_list_costs_the_same_for_one_and_for_many(
    admin: Client, lister: Lister, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for check in ("ping", "api"):
        run(admin, "lister", f"?check={check}")
        admin.get(f"{BASE}/lister/health")
        with django_assert_num_queries(3):  # key, verdicts, results
            admin.get(f"{BASE}/lister/health")
