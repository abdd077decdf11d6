"""Capabilities and messages between plugins of one tenant.

Both work inside one process, on the tenant of the running code, among the plugins that the tenant has enabled. The host
says which those are through `exchange.Directory`; a plugin that was not used yet in this process is started when
needed. A plugin that cannot be started, or fails on a message, is recorded, and is its own trouble alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from plugin_host.bus.exchange import Capability, Exchange
from plugin_host.bus.messages import Message, on_message
from plugin_host.errors import OutsideHost, PluginError
from plugin_host.identifiers import is_text, is_whole_number
from plugin_host.runtime_state import PluginRun, current_run

__all__ = ["Message", "on_message"]

DEFAULT_TIMEOUT_SECONDS = 5.0

_exchange: Exchange | None = None


def set_exchange(exchange: Exchange | None) -> None:
    """Install the process's exchange; called by the host when it starts."""
    global _exchange
    _exchange = exchange


def forget_offers(tenant_id: UUID, plugin_id: str) -> None:
    """Forget what a plugin has offered for a tenant; called before an instance of it begins and offers anew."""
    if _exchange is not None:
        _exchange.withdraw(tenant_id, plugin_id)


def _current(plugin: str) -> tuple[Exchange, PluginRun]:
    run = current_run()
    if _exchange is None or run is None:
        raise OutsideHost(
            f"Plugin {plugin} used discovery or bus outside a running Tenantry: "
            "both work in hooks, routes, pages, tasks and with the fixtures of plugin_host.testing."
        )
    return _exchange, run


class Discovery:
    """`self.discovery`: what plugins of the same tenant offer each other."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin

    async def register_capability(
        self,
        *,
        plugin_name: str,
        capability: str,
        priority: int = 100,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Offer a capability to the other plugins of the tenant.

        Args:
            plugin_name: The plugin's own id.
            priority: The lowest one wins.

        Raises:
            PluginError: where an argument cannot be used.
        """
        exchange, run = _current(self._plugin)
        if plugin_name != run.plugin_id:
            raise PluginError(
                f"Plugin {run.plugin_id} cannot register a capability for plugin {plugin_name!r}."
            )
        if not is_text(capability):
            raise PluginError(f"A capability is a name such as 'translate', not {capability!r}.")
        if not is_whole_number(priority):
            raise PluginError(f"priority must be a whole number, not {priority!r}.")
        exchange.register(run.tenant_id, Capability(plugin_name, capability, priority, dict(metadata or {})))

    async def get_best_provider(self, capability: str, require_healthy: bool = True) -> str:
        """Return the id of the enabled plugin that offers a capability with the lowest priority number.

        Raises:
            CapabilityNotFoundError: where no enabled (and healthy) plugin offers it.
        """
        exchange, run = _current(self._plugin)
        return await exchange.best_provider(run.tenant_id, capability, require_healthy=require_healthy)

    async def providers(self, capability: str) -> list[Capability]:
        """Return all offers of a capability by enabled plugins, the best first."""
        exchange, run = _current(self._plugin)
        return await exchange.providers(run.tenant_id, capability)


class Bus:
    """`self.bus`: messages to plugins of the same tenant; payloads and answers are copied on the way."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin

    async def broadcast(
        self, topic: str, payload: Any = None, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> int:
        """Give a message to every other plugin that handles the topic; return how many handled it.

        A receiver that fails or is late is recorded and does not disturb the sender.
        """
        exchange, run = _current(self._plugin)
        return await exchange.broadcast(run, topic, payload, timeout_seconds)

    async def send(
        self,
        plugin_name: str,
        topic: str,
        payload: Any = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """Give a message to one plugin, without an answer.

        Raises:
            PluginError: where the plugin is not enabled or handles no such topic; its failure is only recorded.
        """
        exchange, run = _current(self._plugin)
        await exchange.send(run, plugin_name, topic, payload, timeout_seconds)

    async def request(
        self,
        plugin_name: str,
        topic: str,
        payload: Any = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> Any:
        """Ask one plugin and return its answer.

        Raises:
            PluginError: where the plugin is not enabled, handles no such topic or does not answer in time; whatever
                its handler raises comes through.
        """
        exchange, run = _current(self._plugin)
        return await exchange.request(run, plugin_name, topic, payload, timeout_seconds)

    async def collect(
        self, topic: str, payload: Any = None, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        """Ask every other plugin that handles the topic; return the answers by plugin id.

        A receiver that fails or is late is recorded and left out.
        """
        exchange, run = _current(self._plugin)
        return await exchange.collect(run, topic, payload, timeout_seconds)
