"""`get_best_provider(require_healthy=True)` goes by the stored verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from plugin_host.context import HookContext
from plugin_host.errors import CapabilityNotFoundError
from plugin_host.health.recording import record_finding
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthSeverity, HealthStatus
from plugin_host.registry import PluginRegistry
from plugin_host.services import enable_plugin
from plugin_host.testing.host import hook_caller
from tenants.models import Tenant
from tests.plugin_host.health.test_execution import run_of
from tests.plugin_host.health.test_recording import finding
from tests.plugin_host.health.watchers import Watcher
from tests.plugin_host.installing import no_plugins

__all__ = ["no_plugins"]


class Provider(Watcher):
    priority_of_offer = 100

    async def initialize(self) -> None:
        await self.discovery.register_capability(
            plugin_name=self.name, capability="translate", priority=self.priority_of_offer
        )


class First(Provider):
    name = "first"
    priority_of_offer = 1


class Second(Provider):
    name = "second"


def best(tenant: Tenant) -> str:
    return str(hook_caller(tenant)("asking", "dvp_after_command", None, None))


class Asking(Watcher):
    name = "asking"

    async def dvp_after_command(self, ctx: HookContext, command: Any, result: Any) -> Any:
        return await self.discovery.get_best_provider("translate", require_healthy=True)


@pytest.fixture
def providers(no_plugins: object, in_tenant: Tenant) -> Tenant:
    for plugin in (First, Second, Asking):
        PluginRegistry().register(plugin)
        enable_plugin(plugin.name)
    return in_tenant


def found(plugin: str, status: HealthStatus, severity: HealthSeverity = HealthSeverity.WARNING) -> None:
    check = HealthCheckDefinition(f"{plugin}.api", "API", "api.test", severity)
    record_finding(run_of(plugin, check), finding(status))


def test_a_provider_whose_check_is_unhealthy_is_passed_over(providers: Tenant) -> None:
    assert best(providers) == "first"

    found("first", HealthStatus.UNHEALTHY)
    assert best(providers) == "second"

    found("first", HealthStatus.HEALTHY)
    assert best(providers) == "first"


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        (HealthStatus.UNHEALTHY, HealthSeverity.INFO),
        (HealthStatus.DEGRADED, HealthSeverity.CRITICAL),
        (HealthStatus.UNKNOWN, HealthSeverity.CRITICAL),
    ],
)
def test_what_does_not_make_a_plugin_sick_leaves_it_the_best(
    providers: Tenant, status: HealthStatus, severity: HealthSeverity
) -> None:
    found("first", status, severity)

    assert best(providers) == "first"


def test_where_all_are_sick_the_error_names_them(providers: Tenant) -> None:
    found("first", HealthStatus.UNHEALTHY)
    found("second", HealthStatus.UNHEALTHY)

    with pytest.raises(CapabilityNotFoundError, match="not healthy: first, second"):
        best(providers)
