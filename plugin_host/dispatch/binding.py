"""Who handles what, and the surroundings of a hook's code: tenant, plugin as the actor, configuration, secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID

from core.actors import Actor
from core.models import Event
from core.scope import Scope, require_tenant, use_scope
from plugin_host.breaker.probes import take_probe
from plugin_host.dispatch.arguments import LIFECYCLE_HOOK_OF_EVENT, hooks_of_event, tenant_id_of
from plugin_host.hookspec import HOOKS
from plugin_host.models.settings import PluginState
from plugin_host.runner import Handler
from plugin_host.runtime_state import PluginRun, plugin_run
from plugin_host.state import TenantPlugin, TenantPlugins, tenant_plugins
from tenants.models import Tenant

# An operation with inline hooks is over by then, and how they went is written down.
_PROBE_SECONDS: Final = 30.0

Bind = Callable[[Handler], AbstractContextManager[object]]


class Readiness(StrEnum):
    """Whether a plugin can take a delivery now."""

    READY = "ready"
    OFF = "off"
    PAUSED = "paused"
    UNABLE = "unable"
    """It is on, but does not run in this process: not loaded, not migrated, or its configuration does not fit."""


class Surroundings(AbstractContextManager[None]):
    """Tenant and plugin round a hook's code."""

    __slots__ = ("_run", "_scope")

    def __init__(self, scope: Scope, run: PluginRun) -> None:
        self._scope = use_scope(scope)
        self._run = plugin_run(run)

    def __enter__(self) -> None:
        self._scope.__enter__()
        self._run.__enter__()

    def __exit__(self, *exception: object) -> None:
        self._run.__exit__(None, None, None)
        self._scope.__exit__(None, None, None)


class InlineHandlers:
    """The handlers of an operation and how their code is surrounded; one state of the plugins for all of them.

    Args:
        held: Gates that cannot be asked, because their plugins are paused.
    """

    __slots__ = ("_plugins", "handlers", "held")

    def __init__(
        self,
        handlers: tuple[Handler, ...],
        plugins: Mapping[str, TenantPlugin],
        held: tuple[Handler, ...] = (),
    ) -> None:
        self.handlers = handlers
        self.held = held
        self._plugins = plugins

    def bind(self, handler: Handler) -> Surroundings:
        """Return what a handler's code runs inside."""
        scope = require_tenant()
        # What a plugin changes inside a hook lies one deeper, so that plugins which set each other off come to an end.
        acting = scope.one_deeper(plugin_actor(handler.plugin_id))
        run = self._plugins[handler.plugin_id].run(
            hook=handler.hook, tenant_slug=scope.tenant_slug, correlation_id=scope.correlation_id
        )
        return Surroundings(acting, run)


_NOBODY: Final = InlineHandlers((), {})


@lru_cache(maxsize=4096)
def plugin_actor(plugin_id: str) -> Actor:
    """Return the actor that a plugin's own changes are done by."""
    return Actor(kind="plugin", id=plugin_id, label=plugin_id)


def handlers_in_scope(hook: str) -> tuple[Handler, ...]:
    """Return who handles a hook for the tenant in scope, in order."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    return tenant_plugins(tenant_id).handlers.get(hook)


def inline_handlers(hook: str, collection_name: str | None = None) -> InlineHandlers:
    """Return who takes part in an operation of the tenant in scope; asked at every write, so mostly one look-up."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    plugins = tenant_plugins(tenant_id)
    table = plugins.handlers
    if hook not in table.handled:
        return _NOBODY
    key = (hook, collection_name)
    found = table.inline.get(key)
    if found is None:
        found = InlineHandlers(table.get(hook, collection_name), plugins, table.held(hook))
        table.inline[key] = found
    return _with_probes(found, plugins) if plugins.has_half_open else found


def _with_probes(found: InlineHandlers, plugins: TenantPlugins) -> InlineHandlers:
    """Hold back those that have to show whether they work again, but for one operation at a time."""
    turns = _turns(plugins, found.handlers)
    kept = tuple(handler for handler in found.handlers if turns.get(handler.plugin_id, True))
    held = tuple(handler for handler in found.handlers if not turns.get(handler.plugin_id, True))
    return InlineHandlers(kept, plugins, (*found.held, *held))


def _turns(plugins: TenantPlugins, handlers: Iterable[Handler]) -> dict[str, bool]:
    """Return, of the plugins that have to show whether they work again, which may do so in this operation."""
    wanted = dict.fromkeys(
        handler.plugin_id for handler in handlers if plugins[handler.plugin_id].is_half_open
    )
    return {plugin_id: take_probe(plugin_id, hold_seconds=_PROBE_SECONDS) for plugin_id in wanted}


def handlers_of_event(event: Event) -> list[Handler]:
    """Return what an event is owed to: handlers of its hooks, and of its type.

    An event of a plugin's own life is told to that plugin alone, also when it has just been switched off.
    """
    table = tenant_plugins(tenant_id_of(event)).handlers
    hooks = hooks_of_event(event)
    if event.type in LIFECYCLE_HOOK_OF_EVENT:
        own = table.of_plugin(str(event.payload.get("plugin", "")))
        return [handler for hook in hooks for handler in own.get(hook, {}).values()]
    return [handler for hook in hooks for handler in table.get(hook, event.collection_name or None)]


def handlers_of_plugin(event: Event, plugin_id: str) -> list[Handler]:
    """Return one plugin's handlers that an event may be owed to, whatever the plugin's state."""
    own = tenant_plugins(tenant_id_of(event)).handlers.of_plugin(plugin_id)
    return [handler for hook in hooks_of_event(event) for handler in own.get(hook, {}).values()]


def is_event_handler(handler: Handler) -> bool:
    """Say whether a handler takes a `RecordEvent` and nothing else, as those of `ctx.on_record_…` do."""
    return handler.hook not in HOOKS


def readiness(entry: TenantPlugin | None, hook: str) -> Readiness:
    """Say whether a plugin can take a delivery of a hook now."""
    if entry is None:
        return Readiness.UNABLE
    if entry.runs:
        return Readiness.READY
    if not entry.is_on:
        return Readiness.READY if hook.startswith("dvp_plugin_disabled") else Readiness.OFF
    return Readiness.PAUSED if entry.state is PluginState.PAUSED else Readiness.UNABLE


def delivery_surroundings(
    scope: Scope, entry: TenantPlugin, hook: str, delivery_id: UUID, correlation_id: UUID
) -> Surroundings:
    """Return what a delivery's hook runs inside."""
    run = entry.run(
        hook=hook,
        tenant_slug=scope.tenant_slug,
        delivery_id=delivery_id,
        correlation_id=correlation_id,
    )
    return Surroundings(scope, run)


def tenant_slug_and_plan(tenant_id: UUID) -> tuple[str, str]:
    """Return what a hook's context says of the tenant in scope."""
    slug, plan = Tenant.objects.values_list("slug", "plan").get(pk=tenant_id)
    return str(slug), str(plan)
