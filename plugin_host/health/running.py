"""Checks that a person, a program or a command asks to run now."""

from __future__ import annotations

from django.utils import timezone

from core.actors import authorize
from core.errors import NotFound
from core.ids import uuid7
from core.scope import current_actor
from plugin_host.health.definitions import check_named, collect_checks, has_checks, targets_of
from plugin_host.health.execution import CheckRun, at_target, execute_check, running_plugin
from plugin_host.health.recording import forget_verdicts, record_finding
from plugin_host.hooks.health_monitor import HealthCheckDefinition
from plugin_host.identifiers import did_you_mean
from plugin_host.models.health import HealthResult
from tenants.selectors.domains import domain_hosts


def run_checks_now(plugin_id: str, *, check: str | None = None) -> list[HealthResult]:
    """Run a plugin's checks for the tenant in scope, one after another, and store what they find.

    Args:
        check: Its id, with or without the plugin's; all where None.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        NotFound: There is no such plugin or check.
        Conflict: The plugin is off, paused or cannot run.
        PluginError: Its list of checks cannot be used.
    """
    authorize(current_actor(), "plugin.manage")
    plugin, entry = running_plugin(plugin_id)
    if not has_checks(plugin):
        raise NotFound(f"Plugin {plugin_id} has no health checks.", code="no_health_checks")
    checks = collect_checks(plugin, entry)
    hosts = domain_hosts()
    forget_verdicts(
        plugin_id, keep=[(one.check_id, target) for one in checks for target in targets_of(one, hosts)]
    )
    if check is not None:
        checks = [_named(checks, check, plugin_id)]
    return [_run(plugin_id, at_target(one, target)) for one in checks for target in targets_of(one, hosts)]


def _named(checks: list[HealthCheckDefinition], name: str, plugin_id: str) -> HealthCheckDefinition:
    found = check_named(checks, name)
    if found is None:
        near = did_you_mean(name, [one.check_id for one in checks])
        raise NotFound(f"Plugin {plugin_id} has no check {name!r}.{near}", code="check_not_found")
    return found


def _run(plugin_id: str, check: HealthCheckDefinition) -> HealthResult:
    now = timezone.now()
    run = CheckRun(plugin_id=plugin_id, check=check, execution_id=uuid7(), scheduled_for=now, started_at=now)
    return record_finding(run, execute_check(run)).result
