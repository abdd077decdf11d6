"""The plugin: a daily task, a check of the key, a page and two routes."""

from __future__ import annotations

from typing import Any, Final

from plugin_host import runtime
from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext, PluginContext
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthCheckResult
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)
from plugin_host.hookspec import HealthMonitorHooks, PluginLifecycleHooks, ScheduledTaskHooks

from .client import Ahrefs
from .config import CONFIG_SCHEMA, SECRETS_SCHEMA, AhrefsConfig
from .health import KEY, check_key
from .pace import Pace
from .syncing import sync

FETCH: Final = "ahrefs-integration.fetch"
TIMEOUT_SECONDS: Final = 900
# After that no new batch is begun; what is left is for the next run.
WORKING_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 60.0


class AhrefsIntegration(Plugin, ScheduledTaskHooks, HealthMonitorHooks, PluginLifecycleHooks):
    """Fetches keywords, backlinks and rankings from Ahrefs, and never more than the tenant wants to spend."""

    name = "ahrefs-integration"
    title = "Ahrefs"
    version = "1.0.0"
    author = "Tenantry"
    description = "Keywords, backlinks and rankings from Ahrefs, within a budget of API units."

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA
    requires_core = ">=1.0,<2"
    hosts = ("api.ahrefs.com",)

    def __init__(self) -> None:
        super().__init__()
        # One tenant's and one key's: the host makes a new instance when either changes.
        self._pace = Pace()

    def register(self, ctx: PluginContext) -> None:
        """Add the routes and the page; called once at server startup."""
        # Models can be imported only now, when Django's apps are ready.
        from .pages import figures_page
        from .routes import urlpatterns

        ctx.include_router(urlpatterns(ctx), tags=["Ahrefs"])
        ctx.add_admin_page(
            nav_id="ahrefs-integration",
            label="Ahrefs",
            icon="fa-link",
            url="/admin/plugins/ahrefs-integration",
            view=figures_page(ctx),
        )

    # Tasks

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        hour = int(self.get_config(ctx.tenant_id)["hour"])
        return [
            ScheduledTaskDefinition(
                task_id=FETCH,
                name="Fetch figures",
                schedule=TaskSchedule(cron_expression=f"45 {hour} * * *"),
                description="Fetches what is old enough to be fetched again, within the budget of API units.",
                max_retries=3,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        ]

    async def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        config = AhrefsConfig.from_dict(self.get_config(ctx.tenant_id))
        ahrefs = self._ahrefs(self.get_secrets(ctx.tenant_id))
        outcome = await sync(self, ahrefs, config, seconds=WORKING_SECONDS)
        self.logger.info("Fetched %s; %d units spent", outcome.rows or "nothing", outcome.spent)
        # Where the budget is spent another run would come to nothing before it is renewed.
        if outcome.is_behind:
            await runtime.arequest_run(FETCH, after_seconds=PAUSE_SECONDS)
        return TaskResult(success=True, data=outcome.document())

    async def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        await runtime.arequest_run(FETCH)

    async def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        await runtime.arequest_run(FETCH)

    # Health

    def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        return [KEY]

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        config = AhrefsConfig.from_dict(self.get_config(ctx.tenant_id))
        return await check_key(self._ahrefs(self.get_secrets(ctx.tenant_id)), config)

    async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Ask for the key's limits, and for a row of the Rank Tracker project; both cost nothing."""
        wanted = AhrefsConfig.from_dict(config)
        return await check_key(Ahrefs(secrets.require("api_key"), Pace()), wanted, with_project=True)

    def _ahrefs(self, secrets: Secrets) -> Ahrefs:
        return Ahrefs(secrets.require("api_key"), self._pace)
