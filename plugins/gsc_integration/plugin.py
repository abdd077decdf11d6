"""The plugin: a daily task, a check of the access, a page and two routes."""

from __future__ import annotations

from typing import Any, Final

from plugin_host import runtime
from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext, PluginContext
from plugin_host.errors import NotReady
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthCheckResult
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)
from plugin_host.hookspec import HealthMonitorHooks, PluginLifecycleHooks, ScheduledTaskHooks

from .client import QUOTA_WAIT_SECONDS, SearchConsole, Tokens
from .config import CONFIG_SCHEMA, SECRETS_SCHEMA, GSCConfig
from .health import ACCESS, check_access, with_last_run
from .key import read_key
from .syncing import STATE_KEY, sync

FETCH: Final = "gsc-integration.fetch"
TIMEOUT_SECONDS: Final = 900
MAX_RETRIES: Final = 5
# After that no new day is begun; what is left is for the next run.
WORKING_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 60.0
# No run can be asked for further ahead.
LONGEST_PAUSE_SECONDS: Final = 3600.0


class GSCIntegration(Plugin, ScheduledTaskHooks, HealthMonitorHooks, PluginLifecycleHooks):
    """Fetches clicks, impressions and positions from Google Search Console each day."""

    name = "gsc-integration"
    title = "Google Search Console"
    version = "1.0.0"
    author = "Tenantry"
    description = "Clicks, impressions and positions in Google's results, per day, page and search term."

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA
    requires_core = ">=1.0,<2"
    hosts = ("oauth2.googleapis.com", "searchconsole.googleapis.com")

    def __init__(self) -> None:
        super().__init__()
        # One tenant's and one key's: the host makes a new instance when either changes.
        self._tokens = Tokens()

    def register(self, ctx: PluginContext) -> None:
        """Add the routes and the page; called once at server startup."""
        # Models can be imported only now, when Django's apps are ready.
        from .pages import figures_page
        from .routes import urlpatterns

        ctx.include_router(urlpatterns(ctx), tags=["Google Search Console"])
        ctx.add_admin_page(
            nav_id="gsc-integration",
            label="Search Console",
            icon="fa-chart-line",
            url="/admin/plugins/gsc-integration",
            view=figures_page(ctx),
        )

    # Tasks

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        hour = int(self.get_config(ctx.tenant_id)["hour"])
        return [
            ScheduledTaskDefinition(
                task_id=FETCH,
                name="Fetch figures",
                schedule=TaskSchedule(cron_expression=f"15 {hour} * * *"),
                description="Fetches the days that are missing or late, stores them and tells other plugins.",
                max_retries=MAX_RETRIES,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        ]

    async def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        config = GSCConfig.from_dict(self.get_config(ctx.tenant_id))
        console = self._console(self.get_secrets(ctx.tenant_id))
        try:
            outcome = await sync(self, console, config, seconds=WORKING_SECONDS)
        except NotReady as wait:
            if execution_ctx.attempt <= MAX_RETRIES:
                raise
            # The days so far are stored. Another run goes on with the next one, however long the quota takes.
            self.logger.warning("Another run goes on later: %s", wait.message)
            pause = min(wait.retry_after or QUOTA_WAIT_SECONDS, LONGEST_PAUSE_SECONDS)
            await runtime.arequest_run(FETCH, after_seconds=pause)
            return TaskResult(success=True, data={"waiting": wait.message})
        self.logger.info("%d days fetched, %d left", outcome.fetched, outcome.left)
        if outcome.left:
            await runtime.arequest_run(FETCH, after_seconds=PAUSE_SECONDS)
        return TaskResult(success=True, data=outcome.document())

    async def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        await runtime.arequest_run(FETCH)

    async def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        await runtime.arequest_run(FETCH)

    # Health

    def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        return [ACCESS]

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        config = GSCConfig.from_dict(self.get_config(ctx.tenant_id))
        secrets = self.get_secrets(ctx.tenant_id)
        key = read_key(secrets.require("service_account_key"))
        access = await check_access(self._console(secrets), config.site, key.email)
        return with_last_run(access, await runtime.store.aget(STATE_KEY), site=config.site)

    async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Sign in with the key, and look whether the property is among those that the account may see."""
        wanted = GSCConfig.from_dict(config)
        key = read_key(secrets.require("service_account_key"))
        return await check_access(SearchConsole(key, Tokens()), wanted.site, key.email)

    def _console(self, secrets: Secrets) -> SearchConsole:
        return SearchConsole(read_key(secrets.require("service_account_key")), self._tokens)
