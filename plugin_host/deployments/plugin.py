"""`DeploymentPlugin`: hooks note what changed, one task starts deployments and follows them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar
from uuid import uuid4

from asgiref.sync import sync_to_async

from core.json_schema import fill_defaults
from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext, PluginContext
from plugin_host.deployments.following import Deployer
from plugin_host.deployments.health import last_deployment
from plugin_host.deployments.history import MANUAL, History
from plugin_host.deployments.rules import DeploymentRules
from plugin_host.deployments.service import DeploymentService
from plugin_host.errors import NotReady, PluginInitializationError
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
from plugin_host.http import Service
from plugin_host.runtime import arequest_run, request_run


class DeploymentPlugin(
    Plugin, ContentLifecycleHooks, ScheduledTaskHooks, HealthMonitorHooks, PluginLifecycleHooks
):
    """A plugin that has a service deploy the site when its published content changes.

    It gathers many changes into one deployment, follows it to its end, tries again what passes and says what a person
    has to do. It has a page, a route (`deployments`), the tasks *Deploy* and *Deploy now*, and a health check. A
    subclass brings `service`, `deployment_service` and a `CONFIG_SCHEMA` made by `deployment_config_schema`; its
    `models.py` has the tables (`plugin_host.deployments.models`).
    """

    service: ClassVar[Service]
    """Where the service is, and what people know it as."""

    def deployment_service(self, config: Mapping[str, Any], secrets: Secrets) -> DeploymentService:
        """Return the tenant's project at the service.

        Args:
            config: With the schema's defaults.

        Raises:
            PluginConfigError: Something is missing; the message says what.
        """
        raise NotImplementedError

    def deploy_now(self, key: str) -> None:
        """Ask for a deployment at once; for `def` code. Under the same key, a UUID, it is asked for once."""
        self._history.note_change(key, MANUAL)
        self._history.try_again_now()
        # Switched on a moment ago; `dvp_plugin_enabled` asks for a run.
        with suppress(NotReady):
            request_run(self._deploy_task)

    def register(self, ctx: PluginContext) -> None:
        """Add the page and the routes.

        Raises:
            PluginInitializationError: Something is missing that a subclass has to bring.
        """
        if type(self).deployment_service is DeploymentPlugin.deployment_service:
            raise PluginInitializationError(self.name, "It needs deployment_service(self, config, secrets).")
        if not isinstance(getattr(self, "service", None), Service):
            raise PluginInitializationError(self.name, "It needs service = http.Service(…).")
        # What they need can be imported only now, when Django's apps are ready.
        from plugin_host.deployments.pages import deployments_page
        from plugin_host.deployments.routes import deployment_routes

        ctx.include_router(deployment_routes(self), tags=[f"{self.service.title} deployments"])
        ctx.add_admin_page(
            nav_id=self.name,
            label=self.service.title,
            icon="fa-rocket",
            url=f"/admin/plugins/{self.name}",
            view=deployments_page(self),
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
        rules = self._rules(ctx)
        if not rules.wants(event, str(content.get("collection", ""))):
            return
        self._history.note_change((metadata or {})["event_id"], event, content)
        request_run(self._deploy_task, after_seconds=rules.first_look_seconds)

    def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        # For what was asked for before the tasks were known: until they are, this is tried again.
        request_run(self._deploy_task)

    def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        if self._history.try_again_now():
            request_run(self._deploy_task)

    # -- tasks ---------------------------------------------------------------------------------------------------------

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        # Runs are asked for where there is something to do; the schedule is for what was lost on the way.
        every_ten_minutes = TaskSchedule(interval_seconds=600)
        return [
            ScheduledTaskDefinition(
                task_id=self._deploy_task,
                name="Deploy",
                schedule=every_ten_minutes,
                description="Starts a deployment where changes have waited long enough, and follows those under way.",
                max_retries=0,
                timeout_seconds=300,
            ),
            ScheduledTaskDefinition(
                task_id=self._deploy_now_task,
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
        if task.task_id == self._deploy_now_task:
            await sync_to_async(self.deploy_now)(str(execution_ctx.correlation_id or uuid4()))
            return TaskResult(success=True, data={"asked": True})
        if await sync_to_async(self._history.is_idle)():
            return TaskResult(success=True, data={})
        deployer = Deployer(
            service=self._service(ctx),
            history=self._history,
            rules=self._rules(ctx),
            title=self.service.title,
            logger=self.logger,
        )
        done = await deployer.step()
        if done.looks_again_in is not None:
            await arequest_run(self._deploy_task, after_seconds=done.looks_again_in)
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
                check_id=self._check,
                name="Deployments",
                target=self.service.name,
                severity=HealthSeverity.WARNING,
                description="How the last deployment went, whether one is held up, and whether the token is accepted.",
                interval_seconds=300,
                timeout_seconds=30,
            )
        ]

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        service = self._service(ctx)
        status, message = await sync_to_async(last_deployment)(self._history)
        details = [self._detail(message, status)]
        if service.can_follow and status is HealthStatus.HEALTHY:
            details.append(self._detail(await service.check()))
        return HealthCheckResult(domain=target, overall_status=status, details=details)

    async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Ask the service, where that can be done; nothing is deployed."""
        complete = fill_defaults(self.CONFIG_SCHEMA or {}, config)
        detail = self._detail(await self.deployment_service(complete, secrets).check())
        return HealthCheckResult(domain="", overall_status=detail.status, details=[detail])

    # -- what the hooks share ------------------------------------------------------------------------------------------

    @property
    def _history(self) -> History:
        return History.of(self.name)

    @property
    def _deploy_task(self) -> str:
        return f"{self.name}.deploy"

    @property
    def _deploy_now_task(self) -> str:
        return f"{self.name}.deploy-now"

    @property
    def _check(self) -> str:
        return f"{self.name}.deployments"

    def _rules(self, ctx: HookContext) -> DeploymentRules:
        return DeploymentRules.from_dict(self.get_config(ctx.tenant_id))

    def _service(self, ctx: HookContext) -> DeploymentService:
        return self.deployment_service(self.get_config(ctx.tenant_id), self.get_secrets(ctx.tenant_id))

    def _detail(self, message: str, status: HealthStatus = HealthStatus.HEALTHY) -> HealthCheckDetail:
        severity = HealthSeverity.INFO if status is HealthStatus.HEALTHY else HealthSeverity.WARNING
        return HealthCheckDetail(self._check, status, severity, message)
