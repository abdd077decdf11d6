"""Health checks by the clock, with a real clock and a real worker; one of them kills its process."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.models import HealthVerdict
from plugin_host.models.settings import PluginSettings, PluginState
from tenants.models import Tenant
from tests.faults.installation import Installation, wait_until

PLUGIN = """
import os
import signal

from plugin_host.base import Plugin
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthCheckResult, HealthStatus
from plugin_host.hookspec import HealthMonitorHooks


class Sentinel(Plugin, HealthMonitorHooks):
    name = "sentinel"
    version = "1.0.0"

    def dvp_register_health_checks(self, ctx):
        return [
            HealthCheckDefinition("sentinel.fine", "Fine", interval_seconds=10),
            HealthCheckDefinition("sentinel.kill", "Kill", target="itself", interval_seconds=86400),
        ]

    def dvp_execute_health_check(self, ctx, check_type, target):
        if check_type == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return HealthCheckResult(domain=target, overall_status=HealthStatus.HEALTHY)
"""


@pytest.fixture
def sentinel(installation: Installation, tenant: Tenant, tmp_path: Path) -> None:
    """An installation with one plugin more, on for the tenant."""
    package = tmp_path / "plugins" / "sentinel"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    installation.extra["PLUGINS_DIR"] = str(package.parent)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        PluginSettings.objects.create(plugin_id="sentinel", state=PluginState.ENABLED)


def verdicts(tenant: Tenant) -> dict[str, tuple[str, str, str]]:
    with tenant_scope(tenant.pk):
        rows = HealthVerdict.objects.values_list("check_id", "target", "status", "trouble")
        return {check: (target, status, trouble) for check, target, status, trouble in rows}


@pytest.mark.usefixtures("sentinel")
def test_checks_run_by_themselves_and_one_that_kills_its_process_is_broken(
    installation: Installation, tenant: Tenant
) -> None:
    installation.start_beat()
    worker = installation.start_worker()

    wait_until(lambda: len(verdicts(tenant)) == 2, installation)

    assert verdicts(tenant) == {
        "sentinel.fine": (f"{tenant.slug}.test", "healthy", ""),
        "sentinel.kill": ("itself", "unhealthy", "broken"),
    }
    with tenant_scope(tenant.pk):
        message = HealthVerdict.objects.get(check_id="sentinel.kill").message
    assert message.startswith("The process that ran it went away")
    assert worker.poll() is None
