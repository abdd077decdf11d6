"""`manage.py plugin health` as people and monitors use it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.errors import NotReady
from plugin_host.services import enable_plugin, pause_plugin
from plugin_host.testing.schedule import learn_definitions
from tenants.models import Tenant
from tests.plugin_host.health.watchers import Lister, Watcher
from tests.plugin_host.installing import Install, install, no_plugins
from tests.plugin_host.management.test_plugin import refused, run

__all__ = ["install", "no_plugins"]


@pytest.fixture
def watcher(install: Install) -> Watcher:
    install(Lister())
    made = install(Watcher())
    assert isinstance(made, Watcher)
    return made


def fail() -> Any:
    raise NotReady("Starting up.")


def test_health_is_shown_and_checks_are_run(tenant: Tenant, watcher: Watcher) -> None:
    assert run("health", "watcher", "--tenant", tenant.slug) == f"{tenant.slug}  watcher  unknown\n"

    said = run("health", "watcher", "--tenant", tenant.slug, "--run").splitlines()

    assert said[0] == f"{tenant.slug}  watcher  healthy"
    assert said[1].startswith(f"  watcher.default  {tenant.slug}.test  healthy  2")
    (document,) = json.loads(run("health", "watcher", "--tenant", tenant.slug, "--json"))
    assert (document["tenant"], document["status"], document["error"]) == (tenant.slug, "healthy", None)
    assert len(watcher.calls) == 1


def test_it_fails_where_something_is_unhealthy_and_that_was_asked(tenant: Tenant, watcher: Watcher) -> None:
    watcher.answer = fail

    assert refused("health", "--tenant", tenant.slug, "--run") == f"Not healthy: watcher of {tenant.slug}."
    assert "unhealthy (not ready)" in run("health", "watcher", "--tenant", tenant.slug)
    assert "Not healthy" in refused("health", "watcher", "--tenant", tenant.slug, "--fail")
    assert "Not healthy" in refused("health", "watcher", "--tenant", tenant.slug, "--fail", "--json")


def test_one_check_is_run_alone(tenant: Tenant, watcher: Watcher) -> None:
    said = run("health", "lister", "--tenant", tenant.slug, "--run", "--check", "api")

    assert "lister.api  api.example.org  healthy" in said
    assert "lister.ping" not in said
    assert "has no check 'apy'" in refused(
        "health", "lister", "--tenant", tenant.slug, "--run", "--check", "apy"
    )
    assert "give PLUGIN and --run" in refused("health", "--tenant", tenant.slug, "--check", "api")


def test_a_plugin_that_does_not_run_is_said_to(tenant: Tenant, watcher: Watcher) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin("watcher")
        pause_plugin("watcher")

    assert "Plugin watcher is paused, so its checks do not run" in run(
        "health", "--tenant", tenant.slug, "--run"
    )
    assert "Plugin watcher is paused" in refused("health", "watcher", "--tenant", tenant.slug, "--run")
    assert watcher.calls == []


def test_a_check_is_switched_off_and_on(tenant: Tenant, watcher: Watcher) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin("watcher")
    learn_definitions(tenant)

    off = run("health", "watcher", "--tenant", tenant.slug, "--check", "default", "--switch-off")
    assert f"watcher.default  {tenant.slug}.test  switched off" in off
    run("health", "watcher", "--tenant", tenant.slug, "--run")
    assert watcher.calls == []
    on = run("health", "watcher", "--tenant", tenant.slug, "--check", "default", "--switch-on")

    assert "switched off" not in on
    assert "Say which check" in refused("health", "watcher", "--tenant", tenant.slug, "--switch-off")
    assert "--target belongs" in refused("health", "watcher", "--tenant", tenant.slug, "--target", "x")
