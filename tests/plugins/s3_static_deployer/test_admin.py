"""People: they set it up with forms, see what was deployed, and are told what is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cms_project.demo.content import content_folder, seed_content
from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host import content
from plugin_host.testing import (
    ClientFor,
    DeliverAll,
    MakeContent,
    PluginScope,
    RunDue,
    RunTask,
    Tenant,
)
from tests.plugins.s3_static_deployer.conftest import KEYS
from tests.plugins.s3_static_deployer.local_aws import LocalAws, aws_error

PLUGIN = "s3-static-deployer"
SETTINGS = f"/admin/settings/plugins/{PLUGIN}/"
PAGE = f"/admin/plugins/{PLUGIN}/"


def test_an_administrator_sets_it_up_with_forms_and_the_site_is_deployed(
    tenant: Tenant,
    admin_client: Client,
    aws: LocalAws,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_due: RunDue,
) -> None:
    bucket, distribution = aws.make_bucket(), aws.make_distribution()
    make_content(title="Before", body="Published before the plugin was there")
    assert admin_client.get(PAGE).status_code == 404
    admin_client.post(f"{SETTINGS}secrets/", KEYS)
    typed = json.dumps({"bucket": bucket, "region": "eu-central-1", "distribution_id": distribution})

    tried = admin_client.post(f"{SETTINGS}config/", {"config": typed, "do": "try"}).text
    for said in ("The bucket is there", "may store and delete objects", "The distribution is there"):
        assert said in tried
    assert aws.keys(bucket) == set()  # the probe is gone again
    assert admin_client.post(f"{SETTINGS}config/", {"config": typed}).status_code == 302
    admin_client.post(f"{SETTINGS}state/", {"do": "enable"})

    # What a worker does by itself: the plugin's tasks are learnt, the deployment that it asks for is run.
    run_due()
    deliver_all(tenant, waiting=True)
    run_due(now=datetime.now(UTC) + timedelta(minutes=10))
    assert {"index.html", "articles/before/index.html", "feed.xml"} < aws.keys(bucket)

    make_content(title="After", body="Published now")
    deliver_all(tenant)
    assert "articles/after/index.html" in aws.keys(bucket)
    page = admin_client.get(PAGE).text
    found = aws.cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    for said in (f"{bucket}/", "articles/after/index.html", "Deploy everything", f"sent as {found[0]['Id']}"):
        assert said in page
    assert not any(secret in page for secret in KEYS.values())


@pytest.mark.parametrize(
    ("method", "fault", "said"),
    [
        ("GET", aws_error(404, "NoSuchBucket"), "There is no bucket of that name"),
        ("GET", aws_error(403, "InvalidAccessKeyId"), "Write a new one"),
        ("PUT", aws_error(403, "AccessDenied"), "The keys may not do that"),
        ("POST", aws_error(403, "AccessDenied"), "The keys may not do that"),
    ],
    ids=["no bucket", "keys", "may not store", "may not delete"],
)
def test_trying_says_what_is_wrong(
    tenant: Tenant, client_for: ClientFor, aws: LocalAws, bucket: str, method: str, fault: Any, said: str
) -> None:
    aws.fail(method, bucket, fault)

    found = (
        client_for(tenant, role="admin")
        .post(f"/api/v1/admin/plugins/{PLUGIN}/check", {}, content_type="application/json")
        .json()
    )

    assert (found["status"], said in json.dumps(found)) == ("unhealthy", True)


def test_trying_finds_out_that_there_is_no_such_distribution(
    tenant: Tenant, client_for: ClientFor, aws: LocalAws, bucket: str
) -> None:
    found = (
        client_for(tenant, role="admin")
        .post(
            f"/api/v1/admin/plugins/{PLUGIN}/check",
            {"config": {"distribution_id": "EABCDEFGHIJKLM"}},
            content_type="application/json",
        )
        .json()
    )

    assert (found["status"], "no CloudFront distribution of that id" in json.dumps(found)) == (
        "unhealthy",
        True,
    )


def test_the_check_sees_bucket_keys_and_the_last_deployment(
    tenant: Tenant, client_for: ClientFor, aws: LocalAws, bucket: str, run_due: RunDue, run_task: RunTask
) -> None:
    client = client_for(tenant, role="admin")

    def health() -> dict[str, Any]:
        run_due(now=datetime.now(UTC) + timedelta(hours=1))
        found: dict[str, Any] = client.get(f"/api/v1/admin/plugins/{PLUGIN}/health").json()
        return found

    assert health()["status"] == "healthy"
    aws.fail("PUT", bucket, aws_error(403, "AccessDenied"))
    aws.fail("GET", bucket, aws_error(403, "SignatureDoesNotMatch"))
    assert run_task(f"{PLUGIN}.deploy-all").ended == "dead"
    found = client.post(f"/api/v1/admin/plugins/{PLUGIN}/health/run", {}, content_type="application/json")
    run_due()
    found = client.get(f"/api/v1/admin/plugins/{PLUGIN}/health")

    text = json.dumps(found.json())
    assert found.json()["status"] == "unhealthy"
    assert "does not belong to the access key id" in text


def test_the_page_is_for_people_of_the_tenant(
    tenant: Tenant, other_tenant: Tenant, aws: LocalAws, bucket: str, client: Client, admin_client: Client
) -> None:
    answer = client.get(PAGE)

    assert (answer.status_code, "/login" in answer.headers["Location"]) == (302, True)
    assert "Nothing yet" in admin_client.get(PAGE).text


def test_a_whole_site_is_deployed_through_its_deliveries(
    tenant: Tenant, aws: LocalAws, bucket: str, deliver_all: DeliverAll, plugin_scope: PluginScope
) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        count = seed_content(
            folder=content_folder("acme"), articles_title="Articles", articles_description="All of them"
        )
    runs = [
        run for run in deliver_all(tenant) if run.hook == "dvp_content_published" and run.plugin == PLUGIN
    ]

    assert {run.ended for run in runs} == {"done"}
    assert len(runs) > count
    with plugin_scope(PLUGIN, tenant):
        expected = sorted(content.site_file(path).body for path in content.site_paths())
    assert sorted(aws.bodies(bucket).values()) == expected
