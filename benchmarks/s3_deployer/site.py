"""A tenant with a thousand pages, and the plugin on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record
from core.site_file import SiteFile
from plugin_host import content
from plugin_host.base import Secrets
from plugin_host.testing.content import ARTICLE_SCHEMA
from plugin_host.testing.host import enable_plugin, make_tenant, plugin_scope
from s3_static_deployer.bucket import Bucket
from s3_static_deployer.client import s3_client
from s3_static_deployer.config import DeployerConfig
from s3_static_deployer.deploying import Deployment
from s3_static_deployer.models import SiteObject

PLUGIN = "s3-static-deployer"
KEYS = {
    "access_key_id": "AKIDBENCH00000000001",
    "secret_access_key": "bench+secret/of+forty+characters+000001",
}
# About 9 kB of page, as an article of some length has.
TEXT = "\n\n".join(
    "Water, leaves, time and patience make *tea*, and so it has been for long. " * 4 for _ in range(20)
)


class Site:
    """The site, and both ways of storing it; both use one client."""

    def __init__(self, pages: int, parallel: int) -> None:
        self._tenant = make_tenant()
        values = {"bucket": "bench-site", "parallel_uploads": parallel}
        enable_plugin(PLUGIN, self._tenant, config=values, secrets=KEYS)
        self._config = DeployerConfig.from_dict(values)
        self._client = s3_client(
            Secrets(PLUGIN, KEYS), region=self._config.region, connections=self._config.parallel_uploads + 4
        )
        self._bucket = Bucket(self._client, self._config)
        with tenant_scope(self._tenant.pk, slug=self._tenant.slug, actor=system_actor("bench")):
            create_collection(name="articles", schema=ARTICLE_SCHEMA)
            for number in range(pages):
                record = create_record(collection="articles", data={"body": TEXT}, title=f"Tea {number}")
                publish_record(record_id=record.pk)

    def files(self) -> dict[str, SiteFile]:
        """Return all files of the site, rendered now."""
        with plugin_scope(PLUGIN, self._tenant):
            paths = content.site_paths()
            batches = (paths[start : start + 100] for start in range(0, len(paths), 100))
            return {file.path: file for batch in batches for file in content.site_files(batch)}

    def store_barely(self, files: Iterable[SiteFile]) -> None:
        """Store files as a few lines of boto3 do."""
        for file in files:
            self._client.put_object(
                Bucket=self._config.bucket,
                Key=self._config.key_of(file.path),
                Body=file.body,
                ContentType=file.content_type,
                CacheControl=self._config.cache_control,
            )

    def deploy(self) -> None:
        """Store what has changed, as the task *Deploy everything* does."""
        with plugin_scope(PLUGIN, self._tenant):
            deployment = Deployment(self._config, self._bucket, listed=dict(self._bucket.etags()))
            deployment.deploy_all(run=datetime.now(UTC).isoformat(), report=lambda done, total: None)

    def forget(self) -> None:
        """Make the next deployment store everything."""
        with plugin_scope(PLUGIN, self._tenant):
            SiteObject.objects.all().delete()
