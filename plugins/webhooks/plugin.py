"""The plugin: one hook per event, which keeps a message and sends it to whoever fares well; the clock does the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import httpx
from asgiref.sync import sync_to_async

from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext
from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)
from plugin_host.hookspec import ContentLifecycleHooks, HealthMonitorHooks, ScheduledTaskHooks

from .answers import Meaning, shown
from .client import client, post
from .config import (
    CONFIG_SCHEMA,
    CONFIG_VERSION,
    SECRETS_SCHEMA,
    SEND_TASK,
    Endpoint,
    WebhooksConfig,
    migrated,
)
from .health import RECEIVERS, check_receivers
from .message import message_body, ping_body

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

SEND: Final = ScheduledTaskDefinition(
    task_id=SEND_TASK,
    name="Send what waits",
    schedule=TaskSchedule(interval_seconds=60),
    description="Tries again what endpoints have not taken, and ends what waits for endpoints that are gone.",
    max_retries=0,
    timeout_seconds=120,
)
TIDY_UP: Final = ScheduledTaskDefinition(
    task_id="webhooks.tidy-up",
    name="Tidy up",
    schedule=TaskSchedule(cron_expression="40 3 * * *"),
    description="Deletes messages and log entries that are older than the days to keep; never what waits.",
)


class WebhooksPlugin(Plugin, ContentLifecycleHooks, ScheduledTaskHooks, HealthMonitorHooks):
    """Keeps a message for each endpoint that wants an event, and sends it until the endpoint has taken it."""

    name = "webhooks"
    version = "2.0.0"
    author = "Tenantry"
    description = "Tells other systems when content changes: signed messages to addresses of your choice."

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA
    config_version = CONFIG_VERSION
    requires_core = ">=1.0,<2"

    def register(self, ctx: PluginContext) -> None:
        # Models can be imported only now, when Django's apps are ready.
        from .pages import webhooks_page
        from .routes import urlpatterns

        ctx.include_router(urlpatterns(ctx), tags=["Webhooks"])
        ctx.add_admin_page(
            nav_id="webhooks",
            label="Webhooks",
            icon="fa-paper-plane",
            url="/admin/plugins/webhooks",
            view=webhooks_page(ctx),
        )

    def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
        return migrated(old_version, config)

    async def dvp_content_created(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.created", ctx, content_id, content, metadata or {})

    async def dvp_content_updated(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.updated", ctx, content_id, content, metadata or {})

    async def dvp_content_deleted(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.deleted", ctx, content_id, content, metadata or {})

    async def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.published", ctx, content_id, content, metadata or {})

    async def dvp_content_unpublished(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.unpublished", ctx, content_id, content, metadata or {})

    async def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        return [SEND, TIDY_UP]

    async def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        from . import queue
        from .sending import come_back_soon, send_waiting

        config = self._config(ctx.tenant_id)
        if task.task_id == TIDY_UP.task_id:
            before = execution_ctx.actual_time - timedelta(days=config.keep_days)
            deleted = await sync_to_async(queue.tidy_up)(before=before)
            return TaskResult(success=True, data={"deleted": deleted})
        names = [endpoint.name for endpoint in config.endpoints]
        cancelled = await sync_to_async(queue.cancel_removed)(names, now=execution_ctx.actual_time)
        sent = await send_waiting(config.endpoints, self.get_secrets(ctx.tenant_id))
        await come_back_soon(config.endpoints)
        return TaskResult(success=True, data={**sent, "cancelled": cancelled})

    async def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        return [RECEIVERS]

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        from . import queue

        states = await sync_to_async(queue.states)()
        waiting = await sync_to_async(queue.waiting_counts)()
        return await check_receivers(self._config(ctx.tenant_id).endpoints, states, waiting)

    async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Send a signed `ping` to each endpoint; nothing in it but its time."""
        wanted = WebhooksConfig.from_dict(config)
        async with client() as opened:
            details = await asyncio.gather(*(_pinged(opened, one, secrets) for one in wanted.endpoints))
        good = all(detail.status is HealthStatus.HEALTHY for detail in details)
        worst = HealthStatus.HEALTHY if good else HealthStatus.UNHEALTHY
        return HealthCheckResult(domain="", overall_status=worst, details=details)

    async def _send(
        self,
        event_type: str,
        ctx: HookContext,
        content_id: str,
        content: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> None:
        from . import queue
        from .sending import come_back_soon, send_now

        wanted = [
            endpoint
            for endpoint in self._config(ctx.tenant_id).endpoints
            if endpoint.wants(event_type, content["collection"])
        ]
        if not wanted:
            return
        body = message_body(
            event_type,
            occurred_at=metadata["occurred_at"],
            tenant=ctx.tenant_slug,
            content_id=content_id,
            content=content,
            metadata=metadata,
        )
        kept = await sync_to_async(queue.keep_message)(
            UUID(str(metadata["event_id"])),
            delivery_id=UUID(str(metadata["delivery_id"])),
            endpoints=[endpoint.name for endpoint in wanted],
            fields={
                "type": event_type,
                "collection": content["collection"],
                "record_id": UUID(content_id),
                "record_version": metadata["version"],
                "body": body.decode(),
                "occurred_at": datetime.fromisoformat(metadata["occurred_at"]),
            },
        )
        taken = await send_now(
            wanted, self.get_secrets(ctx.tenant_id), only=kept, is_retry=metadata["attempt"] > 1
        )
        if taken < len(kept):
            await come_back_soon(wanted)
        self.logger.info("%s: %d of %d endpoints have it, the others wait", event_type, taken, len(kept))

    def _config(self, tenant_id: UUID) -> WebhooksConfig:
        return WebhooksConfig.from_dict(self.get_config(tenant_id))


async def _pinged(opened: httpx.AsyncClient, endpoint: Endpoint, secrets: Secrets) -> HealthCheckDetail:
    now = datetime.now(UTC)
    message_id = f"ping_{uuid4().hex}"
    answer = await post(
        opened,
        endpoint,
        secrets=secrets,
        message_id=message_id,
        request_id=message_id,
        sent_at=now.timestamp(),
        secret_names=endpoint.secret_names(now),
        body=ping_body(now),
    )
    good = answer.meaning is Meaning.DELIVERED
    return HealthCheckDetail(
        check_id="webhooks.ping",
        status=HealthStatus.HEALTHY if good else HealthStatus.UNHEALTHY,
        severity=HealthSeverity.INFO if good else HealthSeverity.CRITICAL,
        message=f"{endpoint.name} ({shown(endpoint.url)}) {answer.reason}",
        response_time_ms=answer.duration_ms,
    )
