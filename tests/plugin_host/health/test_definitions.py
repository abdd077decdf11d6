"""Which checks a plugin has: its own list, looked over, or the one that it has by itself."""

from __future__ import annotations

from typing import Any

import pytest

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.health.definitions import collect_checks, targets_of, usable_checks
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthSeverity
from plugin_host.state import tenant_plugins
from tenants.models import Domain, Tenant
from tenants.selectors.domains import domain_hosts
from tests.plugin_host.health.watchers import Lister, Watcher, forged
from tests.plugin_host.installing import Install


def collected(tenant: Tenant, plugin_id: str) -> list[HealthCheckDefinition]:
    plugins = tenant_plugins(tenant.pk)
    return collect_checks(plugins.loaded.plugins[plugin_id], plugins[plugin_id])


def definition(check_id: str = "w.ping", **fields: Any) -> HealthCheckDefinition:
    return HealthCheckDefinition(check_id, **{"name": "Ping", **fields})


def test_a_plugin_without_a_list_has_one_check_for_each_domain(in_tenant: Tenant, install: Install) -> None:
    install(Watcher())
    Domain.objects.create(host=f"www.{in_tenant.slug}.test")

    (check,) = collected(in_tenant, "watcher")

    assert check == HealthCheckDefinition("watcher.default", "Watcher", severity=HealthSeverity.WARNING)
    assert (check.interval_seconds, check.check_type) == (300, "default")
    assert targets_of(check, domain_hosts()) == [f"{in_tenant.slug}.test", f"www.{in_tenant.slug}.test"]


def test_the_list_of_a_plugin_is_taken(in_tenant: Tenant, install: Install) -> None:
    lister = install(Lister())

    checks = collected(in_tenant, "lister")

    assert isinstance(lister, Lister)
    assert checks == lister.checks
    assert targets_of(checks[1], domain_hosts()) == ["api.example.org"]


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ("all", "must return a list of HealthCheckDefinition, not 'all'"),
        (None, "must return a list of HealthCheckDefinition, not None"),
        (["ping"], "Item 0 of the list must be a HealthCheckDefinition, not 'ping'"),
        (RuntimeError("no list today"), "dvp_register_health_checks failed: RuntimeError: no list today"),
    ],
)
def test_what_is_no_list_of_checks_is_refused(
    in_tenant: Tenant, install: Install, checks: Any, said: str
) -> None:
    lister = install(Lister())
    assert isinstance(lister, Lister)
    lister.checks = checks

    with pytest.raises(PluginError) as caught:
        collected(in_tenant, "lister")

    assert said in caught.value.message


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([definition("other.ping")], "must begin with 'w.', for example 'w.ping'"),
        ([definition("w.Ping!")], "lower case letters, digits"),
        ([definition(), definition()], "check_id 'w.ping' stands twice"),
        ([definition(f"w.p{n}") for n in range(101)], "A plugin has 100 checks at most, not 101"),
        ([definition(interval_seconds=9)], "interval_seconds of check w.ping must be a whole number from 10"),
        ([definition(interval_seconds=10**9)], "interval_seconds of check w.ping"),
        (
            [definition(timeout_seconds=301)],
            "timeout_seconds of check w.ping must be a whole number from 1 to 300",
        ),
        ([definition(name="  ")], "name of check w.ping must be something that people can read"),
        ([definition(name="x" * 201)], "name of check w.ping is longer than 200"),
        ([definition(target="x" * 254)], "target of check w.ping is longer than 253"),
        ([definition(target="a\0b")], "target of check w.ping has characters that cannot be stored"),
        (
            [definition(description="\ud83d")],
            "description of check w.ping has characters that cannot be stored",
        ),
        ([forged(definition(), "target", 7)], "target of check w.ping must be a text, not 7"),
    ],
)
def test_definitions_that_cannot_be_used_are_refused(checks: list[HealthCheckDefinition], said: str) -> None:
    with pytest.raises(PluginError) as caught:
        usable_checks("w", checks)

    assert said in caught.value.message


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(PluginError) as caught:
        usable_checks("w", ["x", definition("other.ping"), definition(timeout_seconds=900)])

    assert [part in caught.value.message for part in ("Item 0", "other.ping", "timeout_seconds")] == [
        True
    ] * 3


def test_the_list_is_asked_with_the_tenants_configuration(in_tenant: Tenant, install: Install) -> None:
    class Configured(Plugin):
        name = "configured"
        version = "1.0.0"
        CONFIG_SCHEMA = {"type": "object", "properties": {"host": {"type": "string", "default": "db.test"}}}

        async def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
            host = self.get_config(ctx.tenant_id)["host"]
            return [HealthCheckDefinition("configured.db", "Database", target=host)]

        async def dvp_execute_health_check(self, ctx: HookContext, check_type: str, target: str) -> Any:
            raise NotImplementedError

    install(Configured())

    assert [check.target for check in collected(in_tenant, "configured")] == ["db.test"]
