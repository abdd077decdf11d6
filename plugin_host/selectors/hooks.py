"""Every hook with those who handle it, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.errors import NotFound
from plugin_host.context import EventType
from plugin_host.handler_table import plugin_handlers
from plugin_host.hookspec import ACTION_LIMIT_SECONDS, HOOKS, HookKind
from plugin_host.identifiers import did_you_mean
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.registry import LoadedPlugins
from plugin_host.runner import Handler, HandlerTable
from plugin_host.runtime_state import Secrets
from plugin_host.state import TenantPlugin, TenantPlugins

EVENT_HANDLERS: Final = "Handlers of events"
_NO_TENANT: Final = UUID(int=0)
Waits = Callable[[Handler], str]
_RECORD_EVENTS: Final = tuple(str(event_type) for event_type in EventType)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedHandler:
    """One handler of a hook.

    Args:
        place: From 1, in the order in which they run; actions run side by side.
        key: Names it among the plugin's: the hook itself in class style.
        collection: The only collection it wants, or None for all.
        waits: Why it is not called now although it stays in line; empty where it is called.
    """

    place: int
    plugin_id: str
    key: str
    is_async: bool
    priority: int
    load_order: int
    time_limit_seconds: float
    collection: str | None
    waits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedHook:
    """A hook, or a type of event that `ctx.on_record_…` handles.

    Args:
        protocol: Where it stands in the reference.
        summary: When it is called, in one sentence.
    """

    name: str
    protocol: str
    kind: HookKind
    time_limit_seconds: float
    arguments: tuple[str, ...]
    summary: str
    handlers: tuple[ListedHandler, ...]


def hooks_of_tenant(plugins: TenantPlugins, *, hook: str | None = None) -> list[ListedHook]:
    """Return what a tenant's plugins handle, as it is dispatched.

    Args:
        hook: This one only.

    Raises:
        NotFound: There is no such hook, with the nearest right name.
    """

    def waits(handler: Handler) -> str:
        entry = plugins[handler.plugin_id]
        return "" if entry.runs else str(entry.status)

    return [_listed(name, plugins.handlers.get(name), plugins.loaded, waits) for name in _names(hook)]


def hooks_of_installation(loaded: LoadedPlugins, *, hook: str | None = None) -> list[ListedHook]:
    """Return what all loaded plugins handle, in the order in which a tenant that had all of them on would see them.

    Args:
        hook: This one only.

    Raises:
        NotFound: There is no such hook, with the nearest right name.
    """
    table = HandlerTable(
        handler for plugin in loaded.plugins.values() for handler in plugin_handlers(plugin, _nobodys(plugin))
    )
    return [_listed(name, table[name], loaded, lambda handler: "") for name in _names(hook)]


def _names(hook: str | None) -> Sequence[str]:
    known = (*HOOKS, *_RECORD_EVENTS)
    if hook is None:
        return known
    if hook not in known:
        raise NotFound(f"There is no hook {hook!r}.{did_you_mean(hook, known)}", code="hook_not_found")
    return (hook,)


def _listed(name: str, handlers: Sequence[Handler], loaded: LoadedPlugins, waits: Waits) -> ListedHook:
    spec = HOOKS.get(name)
    listed = tuple(
        ListedHandler(
            place=place,
            plugin_id=handler.plugin_id,
            key=handler.key,
            is_async=handler.is_async,
            priority=handler.priority,
            load_order=handler.load_order,
            time_limit_seconds=handler.time_limit_seconds,
            collection=_collection(loaded.plugins[handler.plugin_id], handler.key),
            waits=waits(handler),
        )
        for place, handler in enumerate(handlers, start=1)
    )
    if spec is None:
        return ListedHook(
            name=name,
            protocol=EVENT_HANDLERS,
            kind=HookKind.ACTION,
            time_limit_seconds=ACTION_LIMIT_SECONDS,
            arguments=("event",),
            summary="Called with what happened to a record, at least once.",
            handlers=listed,
        )
    return ListedHook(
        name=name,
        protocol=spec.protocol,
        kind=spec.kind,
        time_limit_seconds=spec.time_limit_seconds,
        arguments=spec.arguments,
        summary=spec.doc.partition("\n")[0],
        handlers=listed,
    )


def _collection(plugin: LoadedPlugin, key: str) -> str | None:
    return next((one.collection for one in plugin.registrations.events if one.key == key), None)


def _nobodys(plugin: LoadedPlugin) -> TenantPlugin:
    """Return a plugin as it is for no tenant at all; its handlers are looked at, never called."""
    return TenantPlugin(
        plugin_id=plugin.id,
        tenant_id=_NO_TENANT,
        config={},
        own_config={},
        platform_config={},
        secrets=Secrets(plugin.id),
    )
