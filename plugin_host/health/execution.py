"""One run of a check: the hook, in either of its two public forms, inside the check's time limit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from core.errors import Conflict, Unavailable
from core.scope import require_tenant
from plugin_host.context import HookContext
from plugin_host.dispatch.binding import Readiness, readiness
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.handler_table import plugin_handlers
from plugin_host.health.definitions import EXECUTE_HOOK
from plugin_host.health.findings import Finding, finding_of
from plugin_host.health.surroundings import check_surroundings, hook_context
from plugin_host.hooks.health_monitor import HealthCheckContext, HealthCheckDefinition
from plugin_host.hookspec import HOOKS, health_check_arguments
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.health import HealthReason
from plugin_host.runner import ExecuteResult, Handler
from plugin_host.state import TenantPlugin, tenant_plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """One run of a check that is to be made.

    Args:
        check: With what is looked at as its `target`.
        attempt: From 1.
        scheduled_for: When it was due.
    """

    plugin_id: str
    check: HealthCheckDefinition
    execution_id: UUID
    scheduled_for: datetime
    started_at: datetime
    reason: HealthReason = HealthReason.MANUAL
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCall:
    """A run with everything that it takes; making it asks the database, running it does not.

    Args:
        bind: Returns the plugin's surroundings.
    """

    run: CheckRun
    handler: Handler
    arguments: tuple[Any, ...]
    bind: Callable[[Handler], AbstractContextManager[None]]

    def execute(self) -> ExecuteResult:
        """Run it and wait; never raises."""
        limit = self.run.check.timeout_seconds
        return hook_runner.execute(self.handler, self.arguments, time_limit_seconds=limit, bind=self.bind)

    def finding(self, result: ExecuteResult) -> Finding | None:
        """Return what came of it; None where the host had no room to run it."""
        with self.bind(self.handler):
            return finding_of(result, target=self.run.check.target)


def execute_check(run: CheckRun) -> Finding:
    """Run a check for the tenant in scope and wait for it; outside of any transaction. Nothing is stored.

    Raises:
        Conflict: The plugin is off, paused or cannot run.
        Unavailable: The host had no room to run it in time.
    """
    call = prepare_check(run)
    found = call.finding(call.execute())
    if found is None:
        raise Unavailable(
            f"Nothing was free to run {run.check.check_id} in time: try again.", code="check_not_started"
        )
    return found


def prepare_check(run: CheckRun) -> CheckCall:
    """Return what it takes to run a check, for the tenant in scope.

    Raises:
        Conflict: The plugin is off, paused or cannot run.
    """
    scope = require_tenant()
    plugin, entry = running_plugin(run.plugin_id)
    handler = _executing(plugin, entry)
    if handler is None:
        raise Conflict(f"Plugin {plugin.id} has no {EXECUTE_HOOK} any more.", code="no_health_checks")
    return CheckCall(
        run=run,
        handler=handler,
        arguments=check_arguments(plugin, handler, hook_context(scope, entry, {}), run),
        bind=lambda called: check_surroundings(
            scope, entry, called.hook, once_scope=f"check:{run.execution_id}"
        ),
    )


def running_plugin(plugin_id: str) -> tuple[LoadedPlugin, TenantPlugin]:
    """Return a plugin that runs for the tenant in scope.

    Raises:
        Conflict: It is off, paused or cannot run.
        NotFound: There is no such plugin.
    """
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    plugins = tenant_plugins(tenant_id)
    entry = plugins.get(plugin_id)
    if entry is None:
        plugins.loaded.get(plugin_id)
    plugin = plugins.loaded.plugins.get(plugin_id)
    ready = readiness(entry, EXECUTE_HOOK)
    if plugin is None or entry is None or ready is not Readiness.READY:
        raise Conflict(why_not(plugin_id, ready), code="plugin_does_not_run")
    return plugin, entry


def why_not(plugin_id: str, ready: Readiness) -> str:
    """Return why no check of a plugin runs, and what to do."""
    match ready:
        case Readiness.OFF:
            return f"Plugin {plugin_id} is off, so its checks do not run: switch it on."
        case Readiness.PAUSED:
            return f"Plugin {plugin_id} is paused, so its checks do not run: resume it."
    return f"Plugin {plugin_id} is on, but cannot run: see its page or `manage.py plugin check`."


def _executing(plugin: LoadedPlugin, entry: TenantPlugin) -> Handler | None:
    return next((one for one in plugin_handlers(plugin, entry) if one.hook == EXECUTE_HOOK), None)


def check_arguments(
    plugin: LoadedPlugin, handler: Handler, context: HookContext, run: CheckRun
) -> tuple[Any, ...]:
    """Return what the hook is called with, in the form in which the plugin has written it."""
    known = {
        "check_id": run.check.check_id,
        "execution_id": str(run.execution_id),
        "attempt": run.attempt,
        "scheduled_time": run.scheduled_for.isoformat(),
        "reason": str(run.reason),
    }
    context = replace(context, metadata={**context.metadata, **known})
    if health_check_arguments(_written(plugin, handler)) == HOOKS[EXECUTE_HOOK].arguments:
        return (context, run.check.check_type, run.check.target)
    execution = HealthCheckContext(
        execution_id=run.execution_id,
        domain=run.check.target,
        attempt=run.attempt,
        scheduled_time=run.scheduled_for,
    )
    return (run.check, context, execution)


def _written(plugin: LoadedPlugin, handler: Handler) -> Callable[..., Any]:
    """Return the function as its author wrote it, whose arguments tell which form it has."""
    for registration in plugin.registrations.hooks:
        if registration.hook.name == EXECUTE_HOOK and registration.key == handler.key:
            return registration.handler
    method: Callable[..., Any] = getattr(plugin.template, EXECUTE_HOOK)
    return method
