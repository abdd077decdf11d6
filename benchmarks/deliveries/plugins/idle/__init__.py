"""A plugin that does nothing, or waits, for measuring what surrounds it."""

from __future__ import annotations

import asyncio
from typing import Any

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.hookspec import ContentLifecycleHooks

WAIT_SECONDS = 0.1


class IdlePlugin(Plugin, ContentLifecycleHooks):
    name = "idle"
    version = "1.0.0"

    async def dvp_content_unpublished(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Do nothing."""

    async def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Wait, as for another server."""
        await asyncio.sleep(WAIT_SECONDS)
