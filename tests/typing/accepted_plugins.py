"""Plugins that must type-check under `mypy --strict`; see test_plugin_types.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from plugin_host.base import Plugin
from plugin_host.bus import Message, on_message
from plugin_host.context import HookContext, PluginContext, RecordEvent
from plugin_host.hooks.health_monitor import (
    HealthCheckContext,
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskRetryDecision,
    TaskSchedule,
)
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.hookspec import (
    CommandHooks,
    ContentLifecycleHooks,
    HealthMonitorHooks,
    PluginLifecycleHooks,
    ScheduledTaskHooks,
    SEOMetricsHooks,
)
from plugin_host.runtime import aonce, once, store


class OneAsyncHook(Plugin, ContentLifecycleHooks):
    name = "one-async-hook"
    version = "1.0.0"

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, int] = {}

    async def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        config: dict[str, Any] = self.get_config(str(ctx.tenant_id))
        token: str = self.get_secrets(ctx.tenant_id).require("token")
        self.logger.info("published", extra={"id": content_id, "known": len(token), "config": config})
        if await aonce("mail"):
            await store.aset("last", content_id)
        provider: str = await self.discovery.get_best_provider("translate")
        await self.bus.send(provider, "published", {"id": content_id})


class ManyProtocols(
    Plugin,
    ContentLifecycleHooks,
    CommandHooks,
    SEOMetricsHooks,
    ScheduledTaskHooks,
    HealthMonitorHooks,
    PluginLifecycleHooks,
):
    name = "many-protocols"
    version = "1.0.0"
    CONFIG_SCHEMA = {"type": "object"}
    SECRETS_SCHEMA: ClassVar[dict[str, Any]] = {"type": "object"}
    requires_plugins = ["search>=1"]
    hosts: ClassVar[Sequence[str]] = ("api.example.com",)
    time_limits: ClassVar[Mapping[str, float]] = {"dvp_content_published": 300}

    def dvp_before_content_create(
        self, ctx: HookContext, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return content

    async def dvp_before_content_publish(
        self, c: HookContext, pk: str, body: dict[str, Any], meta: dict[str, Any] | None = None
    ) -> PublishGateResult:
        return PublishGateResult(allowed=False, blockers=["No image."], warnings=("Long title.",))

    def dvp_before_content_delete(
        self, ctx: HookContext, content_id: str, metadata: dict[str, Any] | None = None
    ) -> bool:
        return once(content_id)

    async def dvp_seo_metrics_received(
        self, ctx: HookContext, payload: SEOMetricsPayload
    ) -> SEOMetricsPayload:
        return payload.with_metadata({"ctr": 0.1})

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        return [ScheduledTaskDefinition("many-protocols.a", "A", TaskSchedule(interval_seconds=60))]

    async def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        return TaskResult(success=True, data={"attempt": execution_ctx.attempt})

    async def dvp_task_failed(
        self, ctx: HookContext, task: ScheduledTaskDefinition, result: TaskResult
    ) -> TaskRetryDecision | None:
        return None

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        found = HealthCheckDetail(check_type, HealthStatus.HEALTHY, HealthSeverity.INFO, "fine")
        return HealthCheckResult(target, HealthStatus.HEALTHY, [found])

    def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        return None

    def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
        return config

    @on_message("published")
    async def take(self, message: Message) -> str:
        return message.sender

    def register(self, ctx: PluginContext) -> None:
        ctx.on_record_delete(None, self.forget)
        ctx.add_admin_page(nav_id="many", label="Many", icon="fa-list", url="/admin/plugins/many")

    async def forget(self, event: RecordEvent) -> None:
        self.logger.debug("%s %s", event.type, event.data["id"])


class SecondFormOfTheHealthCheck(Plugin, HealthMonitorHooks):
    name = "second-form"
    version = "1.0.0"

    def dvp_execute_health_check(
        self, check: HealthCheckDefinition, ctx: HookContext, execution_ctx: HealthCheckContext
    ) -> HealthCheckResult:
        return HealthCheckResult(execution_ctx.domain, HealthStatus.UNKNOWN)
