"""The comparison of everything: it stores what is missing, goes on where it stopped, and leaves others' files alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.db.models import Q

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.publishing import unpublish_record
from plugin_host import content
from plugin_host.base import Secrets
from plugin_host.services import disable_plugin
from plugin_host.testing import DeliverAll, MakeContent, PluginEnabled, PluginScope, RunDue, RunTask, Tenant
from s3_static_deployer.bucket import Bucket, StoredFile
from s3_static_deployer.client import s3_client
from s3_static_deployer.config import DeployerConfig
from s3_static_deployer.ledger import Ledger
from s3_static_deployer.models import SiteObject
from tests.plugins.s3_static_deployer.conftest import KEYS
from tests.plugins.s3_static_deployer.local_aws import LocalAws, SeenRequest, aws_error

PLUGIN = "s3-static-deployer"
DEPLOY_ALL = f"{PLUGIN}.deploy-all"


def figures(data: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(data[name] for name in ("stored", "redirected", "removed", "unchanged"))


@pytest.fixture
def bucket(aws: LocalAws, tenant: Tenant, plugin_enabled: PluginEnabled, make_content: MakeContent) -> str:
    """The bucket of `tenant`, who had five pages before the plugin was switched on; four uploads at the same time."""
    for number in range(5):
        make_content(title=f"Tea {number}", body="Water")
    name = aws.make_bucket()
    plugin_enabled(PLUGIN, tenant, config={"bucket": name, "parallel_uploads": 4}, secrets=KEYS)
    return name


def test_everything_is_stored_compared_and_put_right(
    tenant: Tenant, aws: LocalAws, bucket: str, run_task: RunTask, plugin_scope: PluginScope
) -> None:
    aws.s3.put_object(Bucket=bucket, Key="mine.txt", Body=b"by hand")

    assert figures(run_task(DEPLOY_ALL).data) == (12, 0, 0, 0)
    with plugin_scope(PLUGIN, tenant):
        expected = {file.body for file in map(content.site_file, content.site_paths())}
    assert {body for key, body in aws.bodies(bucket).items() if key != "mine.txt"} == expected
    assert aws.most_at_once <= 4

    aws.forget()
    assert figures(run_task(DEPLOY_ALL).data) == (0, 0, 0, 12)
    assert [request.method for request in aws.seen] == ["GET"]

    # Somebody has been in the bucket.
    aws.s3.delete_object(Bucket=bucket, Key="articles/tea-1/index.html")
    aws.s3.put_object(Bucket=bucket, Key="articles/tea-2/index.html", Body=b"vandals")
    assert figures(run_task(DEPLOY_ALL).data) == (2, 0, 0, 10)
    assert b"vandals" not in aws.object(bucket, "articles/tea-2/index.html")["Body"]
    assert "mine.txt" in aws.keys(bucket)


def test_what_went_while_the_plugin_was_off_goes_and_others_files_stay(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    run_task: RunTask,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
) -> None:
    extra = [make_content(title=f"Coffee {number}", body="Beans") for number in range(2)]
    deliver_all(tenant)
    run_task(DEPLOY_ALL)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        disable_plugin(PLUGIN)
        for one in extra:
            unpublish_record(record_id=one["content_id"])
    plugin_enabled(PLUGIN, tenant)
    # Not the plugin's any more: somebody has put a file of their own there.
    aws.s3.put_object(Bucket=bucket, Key="articles/coffee-1/index.html", Body=b"by hand")

    result = run_task(DEPLOY_ALL)

    assert figures(result.data)[2] == 1
    assert "articles/coffee-0/index.html" not in aws.keys(bucket)
    assert aws.object(bucket, "articles/coffee-1/index.html")["Body"] == b"by hand"


def test_an_interrupted_deployment_goes_on_where_it_stopped(
    tenant: Tenant, aws: LocalAws, bucket: str, run_task: RunTask, run_due: RunDue
) -> None:
    aws.fail("PUT", "/sitemap.xml", aws_error(500, "InternalError"))

    first = run_task(DEPLOY_ALL)

    assert (first.ended, "sitemap.xml" in first.error) == ("", True)
    stored = aws.keys(bucket)
    assert "sitemap.xml" not in stored
    aws.heal()
    aws.forget()
    second = next(run for run in run_due(waiting=True) if run.item_id == DEPLOY_ALL)
    assert (second.ended, second.attempt) == ("done", 2)
    assert set(aws.puts(bucket)).isdisjoint(stored)
    assert len(aws.keys(bucket)) == 12


def test_no_more_uploads_run_at_once_than_the_tenant_wants(
    tenant: Tenant, aws: LocalAws, bucket: str, run_task: RunTask
) -> None:
    all_there = threading.Barrier(4)

    def wait_for_the_others(request: SeenRequest) -> None:
        if request.method == "PUT":
            all_there.wait(timeout=30)  # breaks, and fails the test, where fewer than four come together

    aws.on_request(wait_for_the_others)
    assert run_task(DEPLOY_ALL).ended == "done"  # twelve files: three times four

    assert aws.most_at_once == 4


def test_a_page_that_changes_while_it_is_deployed_is_the_new_one_in_the_end(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    run_task: RunTask,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    plugin_scope: PluginScope,
) -> None:
    with plugin_scope(PLUGIN, tenant):
        page = next(one for one in content.list("articles") if one["slug"] == "tea-3")
    changed = threading.Event()

    def change_meanwhile(request: SeenRequest) -> None:
        if request.method == "PUT" and "/tea-3/" in request.path and not changed.is_set():
            changed.set()
            worker = threading.Thread(target=publish_and_deliver)
            worker.start()
            worker.join()

    def publish_and_deliver() -> None:
        make_content(page["content_id"], body="The text of the last moment")
        deliver_all(tenant)
        connections.close_all()

    aws.on_request(change_meanwhile)
    run_task(DEPLOY_ALL)

    assert b"The text of the last moment" in aws.object(bucket, "articles/tea-3/index.html")["Body"]
    with plugin_scope(PLUGIN, tenant):
        assert not SiteObject.objects.filter(is_stale=True).exists()


def test_large_files_are_sent_in_parts(aws: LocalAws) -> None:
    name = aws.make_bucket()
    config = DeployerConfig.from_dict({"bucket": name})
    bucket = Bucket(s3_client(Secrets("s3-static-deployer", KEYS), region="us-east-1", connections=4), config)
    file = StoredFile(
        key="sitemap.xml",
        body=b"<url>" * 2_000_000,
        content_type="application/xml; charset=utf-8",
        cache_control="public, max-age=60",
    )

    etag = bucket.store(file, file.sha256)
    bucket.close()

    stored = aws.object(name, "sitemap.xml")
    assert (stored["Body"] == file.body, stored["ETag"], stored["ContentType"]) == (
        True,
        etag,
        file.content_type,
    )
    assert stored["Metadata"] == {"tenantry-sha256": file.sha256}
    assert len(aws.puts(name)) == 2


def test_what_a_dead_worker_has_left_is_done_by_another(
    tenant: Tenant, aws: LocalAws, bucket: str, run_task: RunTask, plugin_scope: PluginScope
) -> None:
    run_task(DEPLOY_ALL)
    key = "articles/tea-1/index.html"
    with plugin_scope(PLUGIN, tenant):
        ledger = Ledger(DeployerConfig.from_dict({"bucket": bucket}))
        ledger.mark(["/articles/tea-1"])
        assert len(ledger.take(["/articles/tea-1"])) == 1  # and here it dies, in the middle of storing
    aws.s3.put_object(Bucket=bucket, Key=key, Body=b"half")

    # As long as it may be at work it is left alone.
    assert run_task(f"{PLUGIN}.catch-up").data["stored"] == 0
    with plugin_scope(PLUGIN, tenant):
        SiteObject.objects.update(worked_on_until=datetime.now(UTC) - timedelta(seconds=1))
    assert run_task(f"{PLUGIN}.catch-up").data["stored"] == 1

    assert aws.object(bucket, key)["Body"] != b"half"
    with plugin_scope(PLUGIN, tenant):
        assert not SiteObject.objects.filter(Q(is_stale=True) | Q(is_sure=False)).exists()
