"""Who handles what for a tenant: the methods and functions of its plugins, bound at the call to the right instance."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from plugin_host.context import EventRegistration, rebound
from plugin_host.hookspec import ACTION_LIMIT_SECONDS, HOOKS, HookKind
from plugin_host.instances import instances
from plugin_host.runner.handlers import Handler, HandlerTable, is_async_callable

if TYPE_CHECKING:
    from plugin_host.base import Plugin
    from plugin_host.dispatch.binding import InlineHandlers
    from plugin_host.loading.plugin import LoadedPlugin
    from plugin_host.state import TenantPlugin, TenantPlugins

Bind = Callable[["Plugin | None"], Callable[..., Any]]


class TenantHandlers:
    """The handlers of a tenant's plugins, by hook or event type; built once per change of the tenant's plugins.

    Args:
        handled: Every hook and event type that somebody handles, gates of paused plugins included.
        inline: What `dispatch.binding.inline_handlers` has found, by hook and collection; it fills it.
    """

    def __init__(self, plugins: TenantPlugins) -> None:
        self._plugins = plugins
        self._collections: dict[tuple[str, str], str] = {}
        self._held: dict[str, tuple[Handler, ...]] = {}
        self._table = HandlerTable(self._all())
        self.inline: dict[tuple[str, str | None], InlineHandlers] = {}
        self.handled = _shared(frozenset(self._table.hooks | self._held.keys()))
        self._narrowed: dict[tuple[str, str], tuple[Handler, ...]] = {}
        self._by_plugin: dict[str, Mapping[str, Mapping[str, Handler]]] = {}
        instances.retire_others(plugins)

    def get(self, hook: str, collection_name: str | None = None) -> tuple[Handler, ...]:
        """Return the handlers of a hook or event type, those left out that want another collection."""
        found = self._table.get(hook, ())
        if not found or collection_name is None or not self._collections:
            return found
        key = (hook, collection_name)
        narrowed = self._narrowed.get(key)
        if narrowed is None:
            narrowed = tuple(
                handler
                for handler in found
                if self._collections.get((handler.plugin_id, handler.key), collection_name) == collection_name
            )
            self._narrowed[key] = narrowed
        return narrowed

    def held(self, hook: str) -> tuple[Handler, ...]:
        """Return the gates of a hook that cannot be asked, because their plugins are paused."""
        return self._held.get(hook, ())

    def of_plugin(self, plugin_id: str) -> Mapping[str, Mapping[str, Handler]]:
        """Return one plugin's handlers, whatever its state: hook or event type -> key -> handler."""
        found = self._by_plugin.get(plugin_id)
        if found is None:
            grouped: dict[str, dict[str, Handler]] = {}
            plugin = self._plugins.loaded.plugins.get(plugin_id)
            entry = self._plugins.get(plugin_id)
            if plugin is not None and entry is not None:
                for handler in plugin_handlers(plugin, entry):
                    grouped.setdefault(handler.hook, {})[handler.key] = handler
            self._by_plugin[plugin_id] = found = grouped
        return found

    def _all(self) -> Iterator[Handler]:
        for entry in self._plugins.values():
            plugin = self._plugins.loaded.plugins.get(entry.plugin_id)
            if plugin is None or not entry.is_on:
                continue
            for registration in plugin.registrations.events:
                if registration.collection is not None:
                    self._collections[entry.plugin_id, registration.key] = registration.collection
            for handler in plugin_handlers(plugin, entry):
                if entry.runs or is_action(handler.hook):
                    yield handler
                elif entry.is_paused and is_gate(handler.hook):
                    self._held[handler.hook] = (*self.held(handler.hook), handler)


@lru_cache(maxsize=1024)
def _shared(hooks: frozenset[str]) -> frozenset[str]:
    """Return one set for all tenants with the same plugins, so that it stays in the processor's cache."""
    return hooks


def is_action(hook: str) -> bool:
    """Say whether a hook, or an event type, is delivered after the fact."""
    spec = HOOKS.get(hook)
    return spec is None or spec.kind is HookKind.ACTION


def is_gate(hook: str) -> bool:
    """Say whether a hook is asked for leave."""
    spec = HOOKS.get(hook)
    return spec is not None and spec.kind is HookKind.GATE


def plugin_handlers(plugin: LoadedPlugin, entry: TenantPlugin) -> Iterator[Handler]:
    """Return everything that a plugin handles, for one tenant."""
    limits = plugin.metadata.time_limits

    def handler(hook: str, key: str, call: Callable[..., Any], *, limit: float, priority: int) -> Handler:
        return Handler(
            plugin_id=plugin.id,
            hook=hook,
            key=key,
            call=call,
            is_async=is_async_callable(call),
            time_limit_seconds=limit,
            priority=priority,
            load_order=plugin.load_order,
            fail_open=entry.fail_open,
        )

    for spec in plugin.hooks:
        method = getattr(plugin.template, spec.name)
        yield handler(
            spec.name,
            spec.name,
            bound_at_call(plugin, entry, method, partial(_method_of, name=spec.name)),
            limit=limits.get(spec.name, spec.time_limit_seconds),
            priority=plugin.metadata.priority,
        )
    for hook in plugin.registrations.hooks:
        yield handler(
            hook.hook.name,
            hook.key,
            registered_call(plugin, entry, hook.handler),
            limit=hook.time_limit_seconds or limits.get(hook.hook.name, hook.hook.time_limit_seconds),
            priority=hook.priority,
        )
    for registration in plugin.registrations.events:
        yield from _event_handlers(plugin, entry, registration, handler)


def _event_handlers(
    plugin: LoadedPlugin,
    entry: TenantPlugin,
    registration: EventRegistration,
    handler: Callable[..., Handler],
) -> Iterator[Handler]:
    call = registered_call(plugin, entry, registration.handler)
    for event_type in sorted(registration.types):
        yield handler(
            str(event_type),
            registration.key,
            call,
            limit=ACTION_LIMIT_SECONDS,
            priority=plugin.metadata.priority,
        )


def registered_call(
    plugin: LoadedPlugin, entry: TenantPlugin, function: Callable[..., Any]
) -> Callable[..., Any]:
    """Return what to call for a function that `register` was given: itself, or the same method of the instance."""
    if plugin.template is None or getattr(function, "__self__", None) is not plugin.template:
        return function
    return bound_at_call(plugin, entry, function, lambda one: rebound(function, plugin.template, one))


def bound_at_call(
    plugin: LoadedPlugin, entry: TenantPlugin, template_method: Callable[..., Any], bind: Bind
) -> Callable[..., Any]:
    """Return a function that finds, and where needed starts, the tenant's instance when it is called."""
    if is_async_callable(template_method):

        async def call_async(*args: Any) -> Any:
            async with instances.alease(plugin, entry) as instance:
                return await bind(instance)(*args)

        return call_async

    def call(*args: Any) -> Any:
        lease = instances.lease(plugin, entry)
        with lease as instance:
            answer = bind(instance)(*args)
            if not inspect.isawaitable(answer):
                return answer
            lease.prolong()
        return _finish_async(answer, lease.release)

    return call


async def _finish_async(answer: Any, release: Callable[[], None]) -> Any:
    try:
        return await answer
    finally:
        release()


def _method_of(instance: Plugin | None, *, name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(instance, name)
    return method
