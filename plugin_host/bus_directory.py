"""What the message bus asks the host: which plugins a tenant has on, and their instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from django.utils import timezone

from core.errors import NotFound
from core.scope import acting_as, current_scope
from plugin_host.breaker.conduct import Conduct, PluginOutcome
from plugin_host.bus.exchange import BusFailure
from plugin_host.health.verdicts import plugins_health
from plugin_host.instances import instances
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.runtime_state import plugin_run
from plugin_host.state import TenantPlugin, tenant_plugins


class PluginDirectory:
    """Implements `plugin_host.bus.exchange.Directory`."""

    def enabled(self, tenant_id: UUID) -> Sequence[str]:
        """Return the plugins that run for the tenant, in load order."""
        return [entry.plugin_id for entry in tenant_plugins(tenant_id).values() if entry.runs]

    def is_healthy(self, tenant_id: UUID, plugin_id: str) -> bool:
        """Say whether the plugin runs, which a paused one does not, and none of its checks that count is unhealthy."""
        entry = tenant_plugins(tenant_id).get(plugin_id)
        if entry is None or not entry.runs:
            return False
        health = plugins_health(tenant_id).get(plugin_id)
        return health is None or not health.is_sick

    def instance(self, tenant_id: UUID, plugin_id: str) -> object:
        """Return the tenant's instance, started where it was not; in function style its module has no handlers."""
        plugin, entry = _running(tenant_id, plugin_id)
        with instances.lease(plugin, entry) as instance:
            return instance

    def enter(self, tenant_id: UUID, plugin_id: str, hook: str) -> AbstractContextManager[object]:
        """Return a context in which the plugin's code may run."""
        return _entered(tenant_id, plugin_id, hook)

    def note_failure(self, failure: BusFailure) -> None:
        """Tell the breaker, and so the plugin's page."""
        from plugin_host.dispatch.hook_runner import inline_notes  # it needs this app's models, as below

        inline_notes.add(
            PluginOutcome(
                tenant_id=failure.tenant_id,
                plugin_id=failure.plugin_id,
                what=failure.what,
                conduct=Conduct.TIMED_OUT if failure.is_late else Conduct.FAILED,
                error=failure.error,
                started_at=timezone.now(),
            )
        )


@contextmanager
def _entered(tenant_id: UUID, plugin_id: str, hook: str) -> Iterator[None]:
    from plugin_host.dispatch.binding import plugin_actor  # it needs this app's models, which need the bus

    _, entry = _running(tenant_id, plugin_id)
    scope = current_scope()
    correlation_id = scope.correlation_id if scope is not None else None
    slug = scope.tenant_slug if scope is not None else ""
    run = entry.run(hook=hook, tenant_slug=slug, correlation_id=correlation_id)
    with acting_as(plugin_actor(plugin_id)), plugin_run(run):
        yield


def _running(tenant_id: UUID, plugin_id: str) -> tuple[LoadedPlugin, TenantPlugin]:
    plugins = tenant_plugins(tenant_id)
    entry = plugins.get(plugin_id)
    plugin = plugins.loaded.plugins.get(plugin_id)
    if plugin is None or entry is None or not entry.runs:
        raise NotFound(f"Plugin {plugin_id} does not run for this tenant.")
    return plugin, entry
