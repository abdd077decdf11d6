"""The plugin: hooks note what changed, one task starts deployments and follows them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from asgiref.sync import sync_to_async

from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext, PluginContext
from plugin_host.errors import NotReady
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
from plugin_host.hookspec import (
    ContentLifecycleHooks,
    HealthMonitorHooks,
    PluginLifecycleHooks,
    ScheduledTaskHooks,
)
from plugin_host.runtime import arequest_run, request_run

from .client import VercelClient
from .config import CONFIG_SCHEMA, SECRETS_SCHEMA, VercelConfig

DEPLOY: Final = "vercel-deployer.deploy"
DEPLOY_NOW: Final = "vercel-deployer.deploy-now"
CHECK: Final = "vercel-deployer.deployments"


class VercelDeployer(
    Plugin, ContentLifecycleHooks, ScheduledTaskHooks, HealthMonitorHooks, PluginLifecycleHooks
):
    """Starts one deployment for many changes, and shows how it went."""

    name = "vercel-deployer"
    version = "1.0.0"
    author = "Tenantry"
    description = "Deploys a site at Vercel when its published content changes, and shows how that went."
    hosts = ["api.vercel.com"]
    requires_core = ">=1.0,<2"

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA

    def register(self, ctx: PluginContext) -> None:
        # Models can be imported only now, when Django's apps are ready.
        from .pages import deployments_page
        from .routes import urlpatterns

        ctx.include_router(urlpatterns(), tags=["Vercel deployments"])
        ctx.add_admin_page(
            nav_id="vercel-deployer",
            label="Vercel",
            icon="fa-rocket",
            url="/admin/plugins/vercel-deployer",
            view=deployments_page,
        )

    # -- content -------------------------------------------------------------------------------------------------------

    def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._note(ctx, "record.published", content, metadata)

    def dvp_content_unpublished(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._note(ctx, "record.unpublished", content, metadata)

    def dvp_content_deleted(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if content.get("status") != "draft":  # nobody has seen a draft
            self._note(ctx, "record.deleted", content, metadata)

    def _note(
        self, ctx: HookContext, event: str, content: dict[str, Any], metadata: dict[str, Any] | None
    ) -> None:
        from . import history

        config = self._config(ctx)
        if not config.wants(event, str(content.get("collection", ""))):
            return
        history.note_change((metadata or {})["event_id"], event, content)
        request_run(DEPLOY, after_seconds=min(config.quiet_seconds, config.longest_wait_seconds))

    def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        # For what was asked for before the tasks were known: until they are, this is tried again.
        request_run(DEPLOY)

    def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        from . import history

        if history.try_again_now():
            request_run(DEPLOY)

    # -- tasks ---------------------------------------------------------------------------------------------------------

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        # Runs are asked for where there is something to do; the schedule is for what was lost on the way.
        every_ten_minutes = TaskSchedule(interval_seconds=600)
        return [
            ScheduledTaskDefinition(
                task_id=DEPLOY,
                name="Deploy",
                schedule=every_ten_minutes,
                description="Starts a deployment where changes have waited long enough, and follows those under way.",
                max_retries=0,
                timeout_seconds=300,
            ),
            ScheduledTaskDefinition(
                task_id=DEPLOY_NOW,
                name="Deploy now",
                schedule=every_ten_minutes,
                description="Asks for a deployment without waiting for quiet; run by hand only.",
                max_retries=0,
                timeout_seconds=30,
                enabled=False,
            ),
        ]

    async def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        from . import history
        from .deploying import step

        if task.task_id == DEPLOY_NOW:
            await sync_to_async(deploy_now)(str(execution_ctx.correlation_id or uuid4()))
            return TaskResult(success=True, data={"asked": True})
        if await sync_to_async(history.is_idle)():
            return TaskResult(success=True, data={})
        done = await step(self._client(ctx), self._config(ctx))
        if done.looks_again_in is not None:
            await arequest_run(DEPLOY, after_seconds=done.looks_again_in)
        if done.trouble is not None and not done.trouble.permanent:
            # The next try is asked for already; the service's trouble is not held against the plugin.
            raise NotReady(str(done.trouble), retry_after=done.looks_again_in)
        if done.trouble is not None:
            raise done.trouble
        return TaskResult(success=True, data=done.as_data())

    # -- health --------------------------------------------------------------------------------------------------------

    def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        return [
            HealthCheckDefinition(
                check_id=CHECK,
                name="Deployments",
                target="vercel",
                severity=HealthSeverity.WARNING,
                description="How the last deployment went, whether one is held up, and whether the token is accepted.",
                interval_seconds=300,
                timeout_seconds=30,
            )
        ]

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        from .health import last_deployment

        client = self._client(ctx)
        status, message = await sync_to_async(last_deployment)()
        details = [_detail(message, status)]
        if client.can_follow and status is HealthStatus.HEALTHY:
            details.append(await _asked(client))
        return HealthCheckResult(domain=target, overall_status=status, details=details)

    async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Ask for the project, where there is a token; nothing is deployed."""
        client = _client(VercelConfig.from_dict(config), secrets)
        if client.can_follow:
            detail = await _asked(client)
        else:
            detail = _detail(
                "The address of the deploy hook is well-formed. Whether Vercel takes it shows at the next deployment, "
                "because asking would start one; without a token deployments are not followed."
            )
        return HealthCheckResult(domain="", overall_status=detail.status, details=[detail])

    # -- what the hooks share ------------------------------------------------------------------------------------------

    def _config(self, ctx: HookContext) -> VercelConfig:
        return VercelConfig.from_dict(self.get_config(ctx.tenant_id))

    def _client(self, ctx: HookContext) -> VercelClient:
        return _client(self._config(ctx), self.get_secrets(ctx.tenant_id))


def deploy_now(key: str) -> None:
    """Ask for a deployment at once; for `def` code. Under the same key it is asked for once."""
    from . import history

    history.note_change(key, history.MANUAL)
    history.try_again_now()
    # Switched on a moment ago; `dvp_plugin_enabled` asks for a run.
    with suppress(NotReady):
        request_run(DEPLOY)


def _client(config: VercelConfig, secrets: Secrets) -> VercelClient:
    return VercelClient.of(config, deploy_hook=secrets.get("deploy_hook"), token=secrets.get("token"))


async def _asked(client: VercelClient) -> HealthCheckDetail:
    return _detail(f"Vercel knows the project {await client.check_project()} and accepts the token.")


def _detail(message: str, status: HealthStatus = HealthStatus.HEALTHY) -> HealthCheckDetail:
    severity = HealthSeverity.INFO if status is HealthStatus.HEALTHY else HealthSeverity.WARNING
    return HealthCheckDetail(CHECK, status, severity, message)
