"""Against SeaweedFS: another S3 server, which checks signatures, checksums and who may do what."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from plugin_host import content
from plugin_host.base import Secrets
from plugin_host.http import use_services
from plugin_host.testing import (
    DeliverAll,
    DeliveryRun,
    MakeContent,
    PluginEnabled,
    PluginScope,
    RunTask,
    Tenant,
)
from s3_static_deployer.bucket import Bucket, StoredFile
from s3_static_deployer.client import s3_client
from s3_static_deployer.config import DeployerConfig
from tests.plugins.s3_static_deployer.local_aws import seaweed_process

PLUGIN = "s3-static-deployer"
_pause = threading.Event()
OWNER = {"access_key_id": "OWNEROFALL0000000001", "secret_access_key": "owner+secret/of+all"}
ONE = {"access_key_id": "AKIDTENANTONE0000001", "secret_access_key": "first+secret/of+one"}
TWO = {"access_key_id": "AKIDTENANTTWO0000002", "secret_access_key": "other+secret/of+two"}


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of SeaweedFS that may do everything; the keys of each tenant may use the tenant's bucket alone."""
    keys = {
        OWNER["access_key_id"]: (OWNER["secret_access_key"], ["Admin", "Read", "Write", "List"]),
        ONE["access_key_id"]: (
            ONE["secret_access_key"],
            ["Read:site-one", "Write:site-one", "List:site-one"],
        ),
        TWO["access_key_id"]: (
            TWO["secret_access_key"],
            ["Read:site-two", "Write:site-two", "List:site-two"],
        ),
    }
    folder: Path = tmp_path_factory.mktemp("seaweed")
    with seaweed_process(folder, keys) as address, use_services(s3=address):
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id=OWNER["access_key_id"],
            aws_secret_access_key=OWNER["secret_access_key"],
        )
        for bucket in ("site-one", "site-two"):
            until_made(client, bucket)
        yield client
        client.close()


def until_made(client: Any, bucket: str) -> None:
    """Make a bucket, as soon as the server and its store are up."""
    for _ in range(200):
        try:
            client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="mine.txt", Body=b"by hand")
        except (ClientError, BotoCoreError):
            _pause.wait(0.2)
        else:
            return
    pytest.fail("SeaweedFS does not answer.")


def bodies(client: Any, bucket: str) -> dict[str, bytes]:
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", ())]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def run_of(runs: list[DeliveryRun]) -> DeliveryRun:
    return next(run for run in runs if run.plugin == PLUGIN and run.hook == "dvp_content_published")


def test_two_tenants_deploy_with_keys_that_open_their_own_bucket_alone(
    tenant: Tenant,
    other_tenant: Tenant,
    seaweed: Any,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
    plugin_scope: PluginScope,
) -> None:
    plugin_enabled(PLUGIN, tenant, config={"bucket": "site-one"}, secrets=ONE)
    plugin_enabled(PLUGIN, other_tenant, config={"bucket": "site-one"}, secrets=TWO)
    make_content(title="Mine", body="My own text")
    make_content(tenant=other_tenant, title="Theirs", body="Their own text")

    assert run_of(deliver_all(tenant, waiting=True)).ended == "done"
    # The other tenant's keys do not open this bucket.
    refused = run_of(deliver_all(other_tenant, waiting=True))
    assert (refused.ended, "403 AccessDenied" in refused.error) == ("dead", True)
    plugin_enabled(PLUGIN, other_tenant, config={"bucket": "site-two"})
    make_content(tenant=other_tenant, title="Theirs again", body="Their own text")
    assert run_of(deliver_all(other_tenant, waiting=True)).ended == "done"

    for one, bucket in ((tenant, "site-one"), (other_tenant, "site-two")):
        with plugin_scope(PLUGIN, one):
            expected = sorted(content.site_file(path).body for path in content.site_paths())
        stored = bodies(seaweed, bucket)
        assert stored.pop("mine.txt") == b"by hand"
        if one is tenant:
            assert sorted(stored.values()) == expected
        else:
            # What was published while the bucket was wrong comes with the next comparison.
            assert set(stored.values()) < set(expected)
    head = seaweed.head_object(Bucket="site-one", Key="articles/mine/index.html")
    assert (head["ContentType"], head["CacheControl"]) == ("text/html; charset=utf-8", "public, max-age=60")
    result = run_task(f"{PLUGIN}.deploy-all").data
    assert (result["stored"], result["removed"]) == (0, 0)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({**ONE, "secret_access_key": "not+the+secret"}, "SignatureDoesNotMatch"),
        ({**ONE, "access_key_id": "AKIDOFNOBODY00000001"}, "InvalidAccessKeyId"),
    ],
    ids=["wrong secret", "unknown key"],
)
def test_wrong_keys_are_for_people_to_renew(
    tenant: Tenant,
    seaweed: Any,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    keys: dict[str, str],
    code: str,
) -> None:
    plugin_enabled(PLUGIN, tenant, config={"bucket": "site-one"}, secrets=keys)
    make_content(title="Tea", body="Water")

    run = run_of(deliver_all(tenant))

    assert (run.ended, code in run.error) == ("dead", True)
    assert not any(secret in run.error for secret in keys.values())


def test_files_in_parts_and_deletions_are_understood(seaweed: Any) -> None:
    config = DeployerConfig.from_dict({"bucket": "site-two", "prefix": "large"})
    bucket = Bucket(s3_client(Secrets(PLUGIN, TWO), region="us-east-1", connections=6), config)
    file = StoredFile(
        key="large/sitemap.xml",
        body=b"<url>" * 2_000_000,
        content_type="application/xml",
        cache_control="no-cache",
    )

    etag = bucket.store(file, file.sha256)

    assert seaweed.get_object(Bucket="site-two", Key=file.key)["Body"].read() == file.body
    assert dict(bucket.etags()) == {file.key: etag}
    assert bucket.etag_of_own(file.key) == etag
    assert bucket.etag_of_own("mine.txt") is None
    bucket.remove([file.key, "large/never-there"])
    assert dict(bucket.etags()) == {}
    bucket.try_out("probe")
    bucket.close()
