"""What surrounds the code of a check: the tenant, the plugin as the actor, its configuration and secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.scope import Scope, use_scope
from plugin_host.context import HookContext
from plugin_host.dispatch.binding import plugin_actor, tenant_slug_and_plan
from plugin_host.runtime_state import plugin_run
from plugin_host.state import TenantPlugin


def hook_context(scope: Scope, entry: TenantPlugin, metadata: Mapping[str, Any]) -> HookContext:
    """Return the first argument of a hook; asks the database."""
    slug, plan = tenant_slug_and_plan(entry.tenant_id)
    return HookContext(
        tenant_id=entry.tenant_id,
        tenant_slug=slug,
        tenant_plan=plan,
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        metadata=dict(metadata),
    )


@contextmanager
def check_surroundings(
    scope: Scope, entry: TenantPlugin, hook: str, *, once_scope: str = ""
) -> Iterator[None]:
    """Run a plugin's code inside the block.

    Args:
        scope: The tenant's.
        once_scope: What `once(key)` is single within.
    """
    run = entry.run(
        hook=hook,
        tenant_slug=scope.tenant_slug,
        correlation_id=scope.correlation_id,
        once_scope=once_scope,
    )
    acting = scope.one_deeper(plugin_actor(entry.plugin_id))
    with use_scope(acting), plugin_run(run):
        yield
