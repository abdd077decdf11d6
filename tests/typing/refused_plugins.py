"""Plugins that must not type-check under `mypy --strict`; each marked line is one error of the code behind `E:`."""

from __future__ import annotations

from typing import Any

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hooks.scheduled_tasks import TaskResult, TaskSchedule
from plugin_host.hookspec import ContentLifecycleHooks


class ReturnsNothing(Plugin, ContentLifecycleHooks):
    def dvp_before_content_create(  # E: override
        self, ctx: HookContext, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> None:
        return None


class ReturnsBool(Plugin, ContentLifecycleHooks):
    def dvp_before_content_publish(  # E: override
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> bool:
        return True


class TakesTooLittle(Plugin, ContentLifecycleHooks):
    def dvp_content_published(self, ctx: HookContext, content_id: str) -> None:  # E: override
        return None


class TakesWrongTypes(Plugin, ContentLifecycleHooks):
    def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: int,  # E: override
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        return None


PublishGateResult("yes")  # E: arg-type
TaskResult(ok=True)  # E: call-arg
TaskSchedule(interval_seconds="60")  # E: arg-type
