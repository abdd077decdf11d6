"""Listings of the guide that are no whole modules, each inside the class or function that it belongs to."""
import asyncio
from typing import Any

import httpx
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hookspec import ContentLifecycleHooks, ScheduledTaskHooks
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)
from core.logging import get_logger

logger = get_logger(__name__)


class MyAPIClient:
    """Async client for MyService API."""

    def __init__(self, api_key: str, base_url: str = "https://api.example.com"):
        self._api_key = api_key
        self._base_url = base_url

    async def fetch_data(self, resource_id: str) -> dict[str, Any]:
        """Fetch data from the API with retry logic."""
        headers = {
            "Authorization": f"Bearer {self._api_key}",
            "Content-Type": "application/json",
        }

        last_error: Exception | None = None

        for attempt in range(3):  # 3 retry attempts
            try:
                async with httpx.AsyncClient(timeout=30.0) as client:
                    response = await client.get(
                        f"{self._base_url}/resources/{resource_id}",
                        headers=headers,
                    )

                    if response.status_code == 200:
                        return {"success": True, "data": response.json()}

                    if response.status_code == 429:  # Rate limited
                        delay = min(2 ** attempt * 5, 60)
                        logger.warning(f"Rate limited, retrying in {delay}s")
                        await asyncio.sleep(delay)
                        continue

                    if response.status_code == 401:
                        return {"success": False, "error": "Authentication failed"}

                    return {
                        "success": False,
                        "error": f"HTTP {response.status_code}",
                    }

            except Exception as e:
                last_error = e
                if attempt < 2:
                    await asyncio.sleep(2 ** attempt)
                    continue

        return {"success": False, "error": f"Max retries exceeded: {last_error}"}


class FreePlanLimit(Plugin, ContentLifecycleHooks):
    name = "free-plan-limit"
    version = "1.0.0"

    def dvp_before_content_create(
        self,
        ctx: HookContext,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """All hooks: ctx is always first. Filter hooks must return value.

        All DVP CMS hooks receive HookContext as the first parameter
        for consistency and predictability.
        """
        # Check tenant plan for feature gating
        if ctx.tenant_plan == "free" and content.get("word_count", 0) > 5000:
            raise PluginError("Free plan limited to 5000 words")

        # Use correlation_id for logging
        self.logger.info(
            "Processing content",
            extra={
                "tenant": ctx.tenant_slug,
                "correlation_id": str(ctx.correlation_id) if ctx.correlation_id else None,
            },
        )
        return content  # Filter hooks MUST return a value


class DailySync(Plugin, ScheduledTaskHooks):
    name = "my-plugin"
    version = "1.0.0"

    def dvp_register_scheduled_tasks(self, ctx):
        return [
            # Register a daily task at 6 AM
            ScheduledTaskDefinition(
                task_id="my-plugin.daily-sync",
                name="Daily Data Sync",
                schedule=TaskSchedule(cron_expression="0 6 * * *"),
                description="Syncs data from external API daily",
                max_retries=3,
                timeout_seconds=600,
            )
        ]

    async def dvp_execute_scheduled_task(
        self,
        task: ScheduledTaskDefinition,
        ctx: HookContext,
        execution_ctx: TaskExecutionContext,
    ) -> TaskResult:
        logger.info(
            f"Executing {task.task_id}",
            extra={
                "execution_id": str(execution_ctx.execution_id),
                "attempt": execution_ctx.attempt,
                "scheduled_for": execution_ctx.scheduled_time.isoformat(),
            },
        )

        if execution_ctx.attempt > 1:
            logger.warning(f"Retry attempt {execution_ctx.attempt}")

        # ... your logic ...
        return TaskResult(success=True)


class CatchesEverything(Plugin, ContentLifecycleHooks, ScheduledTaskHooks):
    name = "catches-everything"
    version = "1.0.0"

    async def _do_something(self):
        raise RuntimeError("the service is down")

    async def _fetch_data(self):
        return {"success": False, "error": "API rate limit exceeded"}

    async def dvp_content_published(self, ctx, content_id, content, metadata):
        try:
            # Your logic
            await self._do_something()
        except Exception as e:
            # Log but don't raise
            logger.exception(f"Error in plugin: {e}")

    async def dvp_execute_scheduled_task(self, task, ctx, execution_ctx):
        try:
            result = await self._fetch_data()
            if result["success"]:
                return TaskResult(success=True, data=result)
            else:
                return TaskResult(success=False, error_message=result["error"])
        except Exception as e:
            return TaskResult(success=False, error_message=str(e))


class Configured(Plugin):
    name = "configured"
    version = "1.0.0"

    # JSON Schema (draft-07) - validated by jsonschema library
    # UI components auto-generated from schema properties
    CONFIG_SCHEMA = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "api_endpoint": {
                "type": "string",
                "title": "API Endpoint",
                "description": "Your service's API URL",
                "format": "uri",  # Renders as URL input
            },
            "batch_size": {
                "type": "integer",
                "title": "Batch Size",
                "description": "Records per sync",
                "default": 100,
                "minimum": 1,
                "maximum": 1000,
            },
            "enabled_features": {
                "type": "array",
                "title": "Enabled Features",
                "items": {
                    "type": "string",
                    "enum": ["keywords", "backlinks", "rankings"]
                },
            },
        },
        "required": ["api_endpoint"],
    }

    # Secrets are stored encrypted and masked in UI
    SECRETS_SCHEMA = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "api_token": {
                "type": "string",
                "title": "API Token",
                "description": "Your service API token",
            },
        },
        "required": ["api_token"],
    }


class S3DeployerPlugin(Plugin, ContentLifecycleHooks):
    name = "s3-static-deployer"
    version = "1.0.0"

    def __init__(self) -> None:
        super().__init__()
        try:
            import boto3
            self._boto3 = boto3
        except ImportError:
            raise PluginError(
                "S3 Deployer requires boto3. "
                "Install with: pip install my-dvp-plugin[aws]"
            )
