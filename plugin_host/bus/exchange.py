"""Who offers what and who hears what, for all tenants of a process."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from asgiref.sync import sync_to_async

from core.errors import NotFound, TenantryError
from core.logging import get_logger, redact
from plugin_host.bus.messages import Message, message_handlers
from plugin_host.errors import CapabilityNotFoundError, PluginError, PluginInitializationError
from plugin_host.identifiers import did_you_mean
from plugin_host.runtime_state import PluginRun, current_run

MAX_DEPTH = 8

_depth: ContextVar[int] = ContextVar("tenantry_message_depth", default=0)
_starting: ContextVar[frozenset[str]] = ContextVar("tenantry_starting_plugins", default=frozenset())
_logger = get_logger(__name__)


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

    def note_failure(self, failure: BusFailure) -> None:
        """Write down that a plugin failed; returns at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusFailure:
    """A plugin that could not be started, or failed on a message.

    Args:
        what: What ran: `initialize`, `message:orders.paid`.
        error: One line; the plugin's secrets are masked.
        is_late: Whether it did not answer in time.
    """

    tenant_id: UUID
    plugin_id: str
    what: str
    error: str
    is_late: bool = False


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
        try:
            await self._handler_of(run, to, topic)
        except PluginInitializationError:
            return  # recorded, as every failure of a start is
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
        """Return the enabled plugins that could be started; whoever cannot is left out and recorded."""
        enabled = await sync_to_async(self._directory.enabled)(tenant_id)
        run = current_run()
        # A plugin that asks in its `initialize()` must not wait for itself, nor for one that waits for it.
        waiting = _starting.get() | ({run.plugin_id} if run is not None else set())
        started = []
        for plugin_id in enabled:
            if plugin_id in waiting:
                started.append(plugin_id)
                continue
            token = _starting.set(waiting | {plugin_id})
            try:
                await self._instance(tenant_id, plugin_id)
            except (PluginError, NotFound):
                continue  # recorded already, or switched off meanwhile: the others go on
            finally:
                _starting.reset(token)
            started.append(plugin_id)
        return started

    async def _instance(self, tenant_id: UUID, plugin_id: str) -> object:
        try:
            return await sync_to_async(self._directory.instance)(tenant_id, plugin_id)
        except PluginError as error:
            _logger.warning("Plugin %s could not be started: %s", plugin_id, error.message)
            self._note(tenant_id, plugin_id, "initialize", f"{type(error).__name__}: {error.message}")
            raise

    def _note(self, tenant_id: UUID, plugin_id: str, what: str, error: str, *, is_late: bool = False) -> None:
        self._directory.note_failure(
            BusFailure(tenant_id=tenant_id, plugin_id=plugin_id, what=what, error=error, is_late=is_late)
        )

    async def _handler_of(self, run: PluginRun, to: str, topic: str) -> Callable[[Message], Any]:
        enabled = await sync_to_async(self._directory.enabled)(run.tenant_id)
        if to not in enabled:
            raise PluginError(
                f"Plugin {to!r} is not enabled for this tenant.{did_you_mean(to, enabled)}",
                code="bus_no_plugin",
            )
        instance = await self._instance(run.tenant_id, to)
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
            if plugin_id == run.plugin_id:
                continue
            instance = await sync_to_async(self._directory.instance)(run.tenant_id, plugin_id)
            if topic in message_handlers(type(instance)):
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
        except Exception:  # noqa: BLE001 - what a receiver raises is recorded, and nobody else's trouble
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
        what = f"message:{topic}"
        try:
            with self._directory.enter(run.tenant_id, to, what):
                try:
                    async with asyncio.timeout(timeout_seconds):
                        if inspect.iscoroutinefunction(handler):
                            return deepcopy(await handler(message))
                        return deepcopy(await sync_to_async(handler)(message))
                except Exception as error:
                    # Here, where the receiver's own secrets are known and are masked.
                    self._failed(run, to, what, error, timeout_seconds)
                    raise
        finally:
            _depth.reset(token)

    def _failed(self, run: PluginRun, to: str, what: str, error: Exception, timeout_seconds: float) -> None:
        error.args = tuple(redact(part) if isinstance(part, str) else part for part in error.args)
        if isinstance(error, TenantryError):
            error.message = redact(error.message)
        is_late = isinstance(error, TimeoutError)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if is_late:
            text = f"It did not answer within {timeout_seconds:g} seconds."
        topic = what.removeprefix("message:")
        _logger.warning("Plugin %s failed on the message %r of plugin %s: %s", to, topic, run.plugin_id, text)
        self._note(run.tenant_id, to, what, redact(text), is_late=is_late)
