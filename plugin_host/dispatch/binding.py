"""Who handles what, and the surroundings of a hook's code: tenant, plugin as the actor, configuration, secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from core.actors import Actor
from core.models import Event
from core.scope import Scope, require_tenant, use_scope
from plugin_host.dispatch.arguments import LIFECYCLE_HOOK_OF_EVENT, hooks_of_event, tenant_id_of
from plugin_host.hookspec import HOOKS
from plugin_host.models.settings import PluginState
from plugin_host.runner import Handler
from plugin_host.runtime_state import plugin_run
from plugin_host.state import TenantPlugin, TenantPlugins, tenant_plugins
from tenants.models import Tenant

Bind = Callable[[Handler], AbstractContextManager[object]]


class Readiness(StrEnum):
    """Whether a plugin can take a delivery now."""

    READY = "ready"
    OFF = "off"
    PAUSED = "paused"
    UNABLE = "unable"
    """It is on, but does not run in this process: not loaded, not migrated, or its configuration does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineHandlers:
    """The handlers of one operation and how their code is surrounded; one state of the plugins for all of them."""

    handlers: tuple[Handler, ...]
    bind: Bind


_NOBODY = InlineHandlers(handlers=(), bind=lambda handler: nullcontext())


def plugin_actor(plugin_id: str) -> Actor:
    """Return the actor that a plugin's own changes are done by."""
    return Actor(kind="plugin", id=plugin_id, label=plugin_id)


def handlers_in_scope(hook: str) -> tuple[Handler, ...]:
    """Return who handles a hook for the tenant in scope, in order."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    return tenant_plugins(tenant_id).handlers.get(hook)


def inline_handlers(hook: str, collection_name: str | None = None) -> InlineHandlers:
    """Return who takes part in an operation of the tenant in scope."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    plugins = tenant_plugins(tenant_id)
    found = plugins.handlers.get(hook, collection_name)
    if not found:
        return _NOBODY
    return InlineHandlers(handlers=found, bind=lambda handler: _bound_inline(plugins, handler))


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


@contextmanager
def delivery_surroundings(
    scope: Scope, entry: TenantPlugin, hook: str, delivery_id: UUID, correlation_id: UUID
) -> Iterator[None]:
    """Run a delivery's hook inside the block."""
    run = entry.run(
        hook=hook,
        tenant_slug=scope.tenant_slug,
        delivery_id=delivery_id,
        correlation_id=correlation_id,
    )
    with use_scope(scope), plugin_run(run):
        yield


def tenant_slug_and_plan(tenant_id: UUID) -> tuple[str, str]:
    """Return what a hook's context says of the tenant in scope."""
    slug, plan = Tenant.objects.values_list("slug", "plan").get(pk=tenant_id)
    return str(slug), str(plan)


@contextmanager
def _bound_inline(plugins: TenantPlugins, handler: Handler) -> Iterator[None]:
    scope = require_tenant()
    # What a plugin changes inside a hook lies one deeper, so that plugins which set each other off come to an end.
    acting = replace(scope, actor=plugin_actor(handler.plugin_id), depth=scope.depth + 1)
    run = plugins[handler.plugin_id].run(
        hook=handler.hook, tenant_slug=scope.tenant_slug, correlation_id=scope.correlation_id
    )
    with use_scope(acting), plugin_run(run):
        yield
