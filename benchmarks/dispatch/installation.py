"""A hundred plugins, three of them on for each of many tenants."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg

from core.actors import system_actor
from core.scope import Scope, tenant_scope
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.registry import LoadedPlugins, PluginRegistry

PLUGINS: Final = 100
ENABLED: Final = ("plugin-17", "plugin-42", "plugin-99")
COLLECTION: Final = "posts"
GATE: Final = "dvp_before_content_publish"
ASYNC_GATE: Final = "dvp_before_content_unpublish"
NOBODYS_GATE: Final = "dvp_before_content_delete"


class _Gates(Plugin):
    """Two gates and an action; what the hundred have in common."""

    version = "1.0.0"

    def dvp_before_content_publish(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: dict[str, Any]
    ) -> PublishGateResult:
        return PublishGateResult(allowed=True)

    async def dvp_before_content_unpublish(
        self, ctx: HookContext, content_id: str, metadata: dict[str, Any]
    ) -> bool:
        return True

    def dvp_content_published(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: dict[str, Any]
    ) -> None: ...


def install(loaded: LoadedPlugins) -> None:
    """Register the hundred; nobody has them on."""
    for number in range(PLUGINS):
        name = f"plugin-{number:02}"
        PluginRegistry().register(type(f"Plugin{number:02}", (_Gates,), {"name": name}))
    assert len(loaded.plugins) == PLUGINS


def make_tenants(count: int) -> None:
    """Write that many tenants that have three plugins on; the owner's policies let it write for all of them."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO tenants_tenant (id, slug, name, plan, time_zone, status, tagline, accent_color, created_at)
            SELECT gen_random_uuid(), 'bench-' || n, 'Bench ' || n, 'pro', 'UTC', 'active', '', '', now()
            FROM generate_series(1, %s) n
            """,
            [count],
        )
        connection.execute(
            """
            INSERT INTO plugin_settings (id, tenant_id, plugin_id, state, paused_reason, paused_by, config,
                                         config_version, fail_open, revision, changed_by, changed_at)
            SELECT gen_random_uuid(), t.id, plugin, 'enabled', '', '', '{}', 1, false, 1, '', now()
            FROM tenants_tenant t CROSS JOIN unnest(%s::text[]) plugin WHERE t.slug LIKE 'bench-%%'
            """,
            [list(ENABLED)],
        )


def scopes(count: int) -> Sequence[Scope]:
    """Return the scopes of that many of them, as a request's frame makes it."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        rows = connection.execute(
            "SELECT id, slug FROM tenants_tenant WHERE slug LIKE 'bench-%%' ORDER BY slug LIMIT %s", [count]
        ).fetchall()
    return [_scope(tenant_id, slug) for tenant_id, slug in rows]


def _scope(tenant_id: UUID, slug: str) -> Scope:
    with tenant_scope(tenant_id, slug=slug, actor=system_actor("bench")) as scope:
        return scope
