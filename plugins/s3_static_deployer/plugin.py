"""The plugin: hooks that keep the bucket up to date, and tasks that compare and tell CloudFront."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext, PluginContext
from plugin_host.errors import NotReady, PluginError
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthCheckDetail, HealthCheckResult
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
from plugin_host.runtime import progress, request_run, store

from .config import CONFIG_SCHEMA, SECRETS_SCHEMA, DeployerConfig

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

    from .bucket import Bucket

CATCH_UP: Final = "s3-static-deployer.catch-up"
DEPLOY_ALL: Final = "s3-static-deployer.deploy-all"
LAST_DEPLOYMENT: Final = "last-deployment"


class S3StaticDeployerPlugin(
    Plugin, ContentLifecycleHooks, ScheduledTaskHooks, HealthMonitorHooks, PluginLifecycleHooks
):
    """Keeps a copy of a tenant's site in an S3 bucket."""

    name = "s3-static-deployer"
    title = "S3 Static Deployer"
    version = "1.0.0"
    author = "Tenantry"
    description = "Puts the site into an S3 bucket as static files, and tells CloudFront what has changed."

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA
    requires_core = ">=1.0,<2"
    hosts = ("*.amazonaws.com",)
    time_limits = {
        "dvp_content_published": 300,
        "dvp_content_unpublished": 300,
        "dvp_content_deleted": 300,
    }

    def __init__(self) -> None:
        super().__init__()
        if find_spec("boto3") is None:
            raise PluginError("S3 Static Deployer needs boto3. Install it with: pip install 'tenantry[aws]'")
        self._lock = threading.Lock()
        self._bucket: Bucket | None = None
        self._cloudfront: CloudFrontClient | None = None

    # Whatever uses boto3 or models is imported where it is needed: this module is imported before Django's models can
    # be, and where boto3 is not installed.

    def register(self, ctx: PluginContext) -> None:
        from .pages import deployer_page

        ctx.add_admin_page(
            nav_id="s3-static-deployer",
            label="S3 deployment",
            icon="fa-cloud-upload",
            url="/admin/plugins/s3-static-deployer",
            view=deployer_page(ctx),
        )

    def shutdown(self) -> None:
        """Close the connections of this instance."""
        with self._lock:
            clients = [self._bucket, self._cloudfront]
            self._bucket = self._cloudfront = None
        for client in clients:
            if client is not None:
                client.close()

    def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._renew(ctx, content_id, content, metadata or {})

    def dvp_content_unpublished(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._renew(ctx, content_id, content, metadata or {})

    def dvp_content_deleted(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._renew(ctx, content_id, content, metadata or {})

    def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        # What was published before is to be there too. Where the task is not known yet, this is tried again.
        request_run(DEPLOY_ALL)

    def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        request_run(DEPLOY_ALL)

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        hour = self._config(ctx).deploy_hour
        return [
            ScheduledTaskDefinition(
                task_id=CATCH_UP,
                name="Catch up",
                # Deliveries ask for it; the clock is for what a run has left that could not ask any more.
                schedule=TaskSchedule(interval_seconds=300),
                description="Tells CloudFront what has changed, and does what a failed delivery has left.",
                max_retries=3,
                timeout_seconds=600,
            ),
            ScheduledTaskDefinition(
                task_id=DEPLOY_ALL,
                name="Deploy everything",
                schedule=TaskSchedule(cron_expression=f"17 {hour} * * *"),
                description="Compares every page and file with the bucket, and puts right what differs.",
                max_retries=5,
                timeout_seconds=6 * 3600,
            ),
        ]

    def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        if task.task_id == DEPLOY_ALL:
            return self._deploy_all(ctx, execution_ctx)
        return self._catch_up(ctx)

    def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        from .checking import BUCKET

        return [BUCKET]

    def dvp_execute_health_check(self, ctx: HookContext, check_type: str, target: str) -> HealthCheckResult:
        from .checking import summed_up, tried

        bucket = self._own_bucket(ctx)
        details = [tried("bucket", "The bucket is there, and the keys are good.", bucket.look)]
        return summed_up([*details, *_last_deployment()], target)

    def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Store a small object, take it away again, and look for the distribution."""
        from .bucket import Bucket
        from .checking import look_at_distribution, summed_up, tried
        from .client import cloudfront_client, s3_client

        wanted = DeployerConfig.from_dict(config)
        with closing(Bucket(s3_client(secrets, region=wanted.region, connections=2), wanted)) as bucket:
            details = [
                tried("bucket", "The bucket is there, and the keys are good.", bucket.look),
                tried(
                    "permissions",
                    "The keys may store and delete objects.",
                    lambda: bucket.try_out(f".tenantry-check-{uuid4().hex}"),
                ),
            ]
        if wanted.distribution_id:
            with closing(cloudfront_client(secrets)) as client:
                details.append(
                    tried(
                        "distribution",
                        "The distribution is there.",
                        lambda: look_at_distribution(client, wanted.distribution_id),
                    )
                )
        return summed_up(details, "")

    def _renew(
        self, ctx: HookContext, content_id: str, content: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> None:
        from .deploying import Deployment

        config = self._config(ctx)
        # A later attempt may follow one that died before it could note what it had stored.
        deployment = Deployment(config, self._own_bucket(ctx), is_careful=metadata.get("attempt", 1) > 1)
        deployment.renew_record(content_id, path=content["path"], collection=content["collection"])
        if config.distribution_id or deployment.ledger.stale_paths():
            self._ask_for_catching_up(config)
        self.logger.info("Deployed %s", content["path"], extra=deployment.tally.as_data())

    def _ask_for_catching_up(self, config: DeployerConfig) -> None:
        """Have CloudFront told of many changes at once, and done what was left."""
        try:
            request_run(CATCH_UP, after_seconds=config.invalidation_wait_seconds)
        except NotReady:
            # The plugin was switched on a moment ago; the clock comes by itself.
            self.logger.debug("The task %s is not known yet", CATCH_UP)

    def _deploy_all(self, ctx: HookContext, execution: TaskExecutionContext) -> TaskResult:
        from .deploying import Deployment

        bucket = self._own_bucket(ctx)
        run = execution.scheduled_time.isoformat()
        try:
            deployment = Deployment(self._config(ctx), bucket, listed=dict(bucket.etags()))
            deployment.deploy_all(run=run, report=progress)
        except PluginError as error:
            store.set(LAST_DEPLOYMENT, {"at": execution.actual_time.isoformat(), "problem": error.message})
            raise
        data = deployment.tally.as_data()
        store.set(LAST_DEPLOYMENT, {"at": execution.actual_time.isoformat(), "problem": "", **data})
        return TaskResult(success=True, data={**data, **self._tell_cloudfront(ctx)})

    def _catch_up(self, ctx: HookContext) -> TaskResult:
        from .deploying import Deployment

        deployment = Deployment(self._config(ctx), self._own_bucket(ctx), is_careful=True)
        deployment.catch_up()
        return TaskResult(success=True, data={**deployment.tally.as_data(), **self._tell_cloudfront(ctx)})

    def _tell_cloudfront(self, ctx: HookContext) -> dict[str, int]:
        from .client import cloudfront_client
        from .invalidating import send_invalidations

        config = self._config(ctx)
        if not config.distribution_id:
            return {}
        with self._lock:
            if self._cloudfront is None:
                self._cloudfront = cloudfront_client(self.get_secrets(ctx.tenant_id))
            client = self._cloudfront
        sent = send_invalidations(client, config)
        return {"invalidations": sent.invalidations, "invalidated_paths": sent.paths}

    def _config(self, ctx: HookContext) -> DeployerConfig:
        return DeployerConfig.from_dict(self.get_config(ctx.tenant_id))

    def _own_bucket(self, ctx: HookContext) -> Bucket:
        """Return the tenant's bucket; its client is made once, and shared by all threads."""
        from .bucket import Bucket
        from .client import s3_client

        with self._lock:
            if self._bucket is None:
                config = self._config(ctx)
                client = s3_client(
                    self.get_secrets(ctx.tenant_id),
                    region=config.region,
                    connections=config.parallel_uploads + 4,
                )
                self._bucket = Bucket(client, config)
            return self._bucket


def _last_deployment() -> list[HealthCheckDetail]:
    from .checking import tried

    last: Mapping[str, Any] | None = store.get(LAST_DEPLOYMENT)
    if last is None:
        return []

    def look() -> None:
        if last["problem"]:
            raise PluginError(f"The deployment of {last['at'][:16]} failed: {last['problem']}")

    return [tried("deployment", f"The deployment of {last['at'][:16]} went well.", look)]
