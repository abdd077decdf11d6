"""Capabilities and messages between plugins of one tenant.

Both work inside one process, on the tenant of the running code, among the plugins that the tenant has enabled. The host
says which those are through `Directory`; a plugin that was not used yet in this process is started when needed.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async

from core.logging import get_logger
from plugin_host.errors import CapabilityNotFoundError, OutsideHost, PluginError
from plugin_host.identifiers import did_you_mean, is_text, is_topic, is_whole_number
from plugin_host.runtime_state import PluginRun, current_run

__all__ = ["Message", "on_message"]

DEFAULT_TIMEOUT_SECONDS = 5.0
MAX_DEPTH = 8
_TOPICS = "__tenantry_topics__"
_F = TypeVar("_F", bound=Callable[..., Any])

_depth: ContextVar[int] = ContextVar("tenantry_message_depth", default=0)
_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What a handler marked with `@on_message` gets.

    Args:
        sender: Id of the plugin that sent it.
        payload: The receiver's own copy.
        wants_reply: Whether somebody waits for what the handler returns.
    """

    topic: str
    sender: str
    payload: Any
    tenant_id: UUID
    correlation_id: UUID | None = None
    wants_reply: bool = False


def on_message(topic: str) -> Callable[[_F], _F]:
    """Mark a method (`def` or `async def`) as the handler of a topic; it takes one `Message`.

    Raises:
        PluginError: where `topic` is no name.
    """
    if not is_topic(topic):
        raise PluginError(f"A topic is a name such as 'orders.paid', not {topic!r}.")

    def mark(method: _F) -> _F:
        setattr(method, _TOPICS, (*getattr(method, _TOPICS, ()), topic))
        return method

    return mark


def message_handlers(cls: type) -> dict[str, str]:
    """Return the method's name for each topic that a plugin class handles.

    Raises:
        PluginError: where two methods handle the same topic.
    """
    found: dict[str, str] = {}
    for name in dir(cls):
        for topic in getattr(inspect.getattr_static(cls, name), _TOPICS, ()):
            if topic in found:
                raise PluginError(
                    f"{cls.__name__} handles the topic {topic!r} in both {found[topic]} and {name}: keep one."
                )
            found[topic] = name
    return found


class Directory(Protocol):
    """What the exchange asks the host; called outside the event loop's thread."""

    def enabled(self, tenant_id: UUID) -> Sequence[str]:
        """Return the ids of the tenant's enabled plugins, in load order."""

    def is_healthy(self, tenant_id: UUID, plugin_id: str) -> bool:
        """Say whether no check of the plugin fails and it is not paused."""

    def instance(self, tenant_id: UUID, plugin_id: str) -> object:
        """Return the plugin's current instance for the tenant, started where it was not."""

    def enter(self, tenant_id: UUID, plugin_id: str, hook: str) -> AbstractContextManager[object]:
        """Return a context in which that plugin's code may run: its configuration, its secrets."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One offer of a plugin."""

    plugin_id: str
    name: str
    priority: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Exchange:
    """Capabilities and messages of all tenants in this process, each tenant's apart."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._offers: dict[tuple[UUID, str], dict[str, Capability]] = {}
        self._lock = threading.Lock()

    def register(self, tenant_id: UUID, offer: Capability) -> None:
        """Keep an offer; a plugin's later offer of the same capability replaces its earlier one."""
        with self._lock:
            self._offers.setdefault((tenant_id, offer.name), {})[offer.plugin_id] = offer

    def withdraw(self, tenant_id: UUID, plugin_id: str) -> None:
        """Forget all offers of a plugin for a tenant; called when an instance ends."""
        with self._lock:
            for (tenant, _), offers in self._offers.items():
                if tenant == tenant_id:
                    offers.pop(plugin_id, None)

    async def providers(self, tenant_id: UUID, capability: str) -> list[Capability]:
        """Return the offers of enabled plugins, the best first."""
        enabled = await self._started(tenant_id)
        with self._lock:
            offers = list(self._offers.get((tenant_id, capability), {}).values())
        return sorted(
            (offer for offer in offers if offer.plugin_id in enabled),
            key=lambda offer: (offer.priority, enabled.index(offer.plugin_id)),
        )

    async def best_provider(self, tenant_id: UUID, capability: str, *, require_healthy: bool) -> str:
        """Return the id of the plugin whose offer has the lowest priority number.

        Raises:
            CapabilityNotFoundError: where no enabled (and healthy) plugin offers it.
        """
        offers = await self.providers(tenant_id, capability)
        for offer in offers:
            if not require_healthy or await sync_to_async(self._directory.is_healthy)(
                tenant_id, offer.plugin_id
            ):
                return offer.plugin_id
        if offers:
            sick = ", ".join(offer.plugin_id for offer in offers)
            raise CapabilityNotFoundError(capability, f"These plugins offer it but are not healthy: {sick}.")
        with self._lock:
            known = {name for tenant, name in self._offers if tenant == tenant_id and name != capability}
        hint = did_you_mean(capability, known).strip()
        raise CapabilityNotFoundError(capability, hint or "Enable a plugin that registers it.")

    async def broadcast(self, run: PluginRun, topic: str, payload: Any, timeout_seconds: float) -> int:
        """Give a message to every other plugin that handles the topic; return how many handled it."""
        answers = await self._to_all(run, topic, payload, timeout_seconds, wants_reply=False)
        return len(answers)

    async def collect(
        self, run: PluginRun, topic: str, payload: Any, timeout_seconds: float
    ) -> dict[str, Any]:
        """Ask every other plugin that handles the topic; return the answers by plugin id."""
        return await self._to_all(run, topic, payload, timeout_seconds, wants_reply=True)

    async def send(self, run: PluginRun, to: str, topic: str, payload: Any, timeout_seconds: float) -> None:
        """Give a message to one plugin; its failure is recorded, not raised."""
        await self._handler_of(run, to, topic)
        await self._try_to_deliver(run, to, topic, payload, timeout_seconds, wants_reply=False)

    async def request(self, run: PluginRun, to: str, topic: str, payload: Any, timeout_seconds: float) -> Any:
        """Ask one plugin and return its answer."""
        await self._handler_of(run, to, topic)
        try:
            return await self._deliver(run, to, topic, payload, timeout_seconds, wants_reply=True)
        except TimeoutError:
            raise PluginError(
                f"Plugin {to} did not answer {topic!r} within {timeout_seconds:g} seconds.",
                code="bus_timeout",
            ) from None

    async def _started(self, tenant_id: UUID) -> Sequence[str]:
        enabled = await sync_to_async(self._directory.enabled)(tenant_id)
        for plugin_id in enabled:
            await sync_to_async(self._directory.instance)(tenant_id, plugin_id)
        return enabled

    async def _handler_of(self, run: PluginRun, to: str, topic: str) -> Callable[[Message], Any]:
        enabled = await sync_to_async(self._directory.enabled)(run.tenant_id)
        if to not in enabled:
            raise PluginError(
                f"Plugin {to!r} is not enabled for this tenant.{did_you_mean(to, enabled)}",
                code="bus_no_plugin",
            )
        instance = await sync_to_async(self._directory.instance)(run.tenant_id, to)
        topics = message_handlers(type(instance))
        if topic not in topics:
            raise PluginError(
                f"Plugin {to} handles no topic {topic!r}.{did_you_mean(topic, topics)}", code="bus_no_topic"
            )
        handler: Callable[[Message], Any] = getattr(instance, topics[topic])
        return handler

    async def _to_all(
        self, run: PluginRun, topic: str, payload: Any, timeout_seconds: float, *, wants_reply: bool
    ) -> dict[str, Any]:
        receivers = []
        for plugin_id in await self._started(run.tenant_id):
            instance = await sync_to_async(self._directory.instance)(run.tenant_id, plugin_id)
            if plugin_id != run.plugin_id and topic in message_handlers(type(instance)):
                receivers.append(plugin_id)
        answers = await asyncio.gather(
            *(
                self._try_to_deliver(run, to, topic, payload, timeout_seconds, wants_reply=wants_reply)
                for to in receivers
            )
        )
        return {to: answer[0] for to, answer in zip(receivers, answers, strict=True) if answer is not None}

    async def _try_to_deliver(
        self,
        run: PluginRun,
        to: str,
        topic: str,
        payload: Any,
        timeout_seconds: float,
        *,
        wants_reply: bool,
    ) -> tuple[Any] | None:
        try:
            return (await self._deliver(run, to, topic, payload, timeout_seconds, wants_reply=wants_reply),)
        except Exception:
            _logger.exception("Plugin %s failed on the message %r of plugin %s", to, topic, run.plugin_id)
            return None

    async def _deliver(
        self,
        run: PluginRun,
        to: str,
        topic: str,
        payload: Any,
        timeout_seconds: float,
        *,
        wants_reply: bool,
    ) -> Any:
        handler = await self._handler_of(run, to, topic)
        message = Message(
            topic=topic,
            sender=run.plugin_id,
            payload=deepcopy(payload),
            tenant_id=run.tenant_id,
            correlation_id=run.correlation_id,
            wants_reply=wants_reply,
        )
        if _depth.get() >= MAX_DEPTH:
            raise PluginError(
                f"Messages set off messages {MAX_DEPTH} deep: {topic!r} is not delivered.", code="bus_loop"
            )
        token = _depth.set(_depth.get() + 1)
        try:
            with self._directory.enter(run.tenant_id, to, f"message:{topic}"):
                async with asyncio.timeout(timeout_seconds):
                    if inspect.iscoroutinefunction(handler):
                        return deepcopy(await handler(message))
                    return deepcopy(await sync_to_async(handler)(message))
        finally:
            _depth.reset(token)


_exchange: Exchange | None = None


def set_exchange(exchange: Exchange | None) -> None:
    """Install the process's exchange; called by the host when it starts."""
    global _exchange
    _exchange = exchange


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
