"""What S3 may answer, and what becomes of it: people are told, or it is tried again, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest

import s3_static_deployer.client
from core.actors import system_actor
from core.scope import tenant_scope
from core.services.publishing import unpublish_record
from plugin_host.testing import DeliverAll, DeliveryRun, MakeContent, RunTask, Tenant
from tests.plugins.s3_static_deployer.conftest import KEYS
from tests.plugins.s3_static_deployer.local_aws import Fault, LocalAws, aws_error

PLUGIN = "s3-static-deployer"


@pytest.fixture(autouse=True)
def _little_patience() -> Iterator[None]:
    """Wait one second for an answer, not thirty."""
    with patch.object(s3_static_deployer.client, "READ_TIMEOUT_SECONDS", 1):
        yield


def run_of(runs: list[DeliveryRun]) -> DeliveryRun:
    (run,) = [run for run in runs if run.plugin == PLUGIN and run.hook.startswith("dvp_content_")]
    return run


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (aws_error(403, "InvalidAccessKeyId"), "Write a new one"),
        (aws_error(403, "SignatureDoesNotMatch"), "does not belong to the access key id"),
        (aws_error(400, "ExpiredToken"), "session token has expired"),
        (aws_error(403, "AccessDenied"), "The keys may not do that"),
        (
            aws_error(
                403,
                "AccessDenied",
                "User: arn:aws:iam::1:user/x is not authorized to perform: s3:PutObject on it",
            ),
            "lack the permission s3:PutObject",
        ),
        (aws_error(401, "Unauthorized"), "The keys may not do that"),
        (aws_error(404, "NoSuchBucket"), "There is no bucket of that name"),
        (aws_error(301, "PermanentRedirect"), "in another region"),
        (aws_error(400, "AccessControlListNotSupported"), "Leave the ACL empty"),
    ],
    ids=[
        "unknown key",
        "wrong secret",
        "expired",
        "denied",
        "denied with reason",
        "401",
        "no bucket",
        "region",
        "acl",
    ],
)
def test_what_people_must_mend_ends_and_says_so(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    fault: Fault,
    advice: str,
) -> None:
    aws.fail("PUT", "", fault)
    make_content(title="Green tea", body="Water")

    run = run_of(deliver_all(tenant))

    assert (run.ended, advice in run.error) == ("dead", True)
    assert not any(secret in run.error for secret in KEYS.values())


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (aws_error(503, "SlowDown"), 0),
        (aws_error(503, "SlowDown", **{"retry-after": "600"}), 600),
        (aws_error(429, "TooManyRequests", **{"retry-after": "600"}), 600),
        (aws_error(409, "OperationAborted"), 0),
    ],
    ids=["503", "503 with a time", "429", "409"],
)
def test_who_asks_to_wait_is_asked_later(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    fault: Fault,
    seconds: int,
) -> None:
    aws.fail("PUT", "", fault)
    make_content(title="Green tea", body="Water")

    run = run_of(deliver_all(tenant))

    assert (run.ended, "it asks to wait" in run.error, run.wait_seconds >= seconds) == ("", True, True)


@pytest.mark.parametrize(
    "fault",
    [
        aws_error(500, "InternalError"),
        Fault(status=502, body=b"<html>Bad gateway</html>"),
        Fault(),
        Fault(is_after=True),
        Fault(status=500, body=b"<?xml version='1.0'?><Err", is_cut=True),
        Fault(is_hanging=True),
        Fault(status=200, body=b"<html>Welcome to the hotel</html>", headers={"content-type": "text/html"}),
        Fault(status=500, body=b"\x00\xff rubbish"),
        aws_error(400, "RequestTimeout"),
    ],
    ids=[
        "500",
        "502",
        "cut",
        "cut after storing",
        "cut in the body",
        "hang",
        "hotel",
        "rubbish",
        "lost request",
    ],
)
def test_whatever_passes_is_tried_again_and_nothing_is_lost(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
    fault: Fault,
) -> None:
    aws.fail("PUT", "green-tea", fault)
    page = make_content(title="Green tea", body="Water")

    run = run_of(deliver_all(tenant))
    assert (run.ended, run.error != "") == ("", True)
    assert not any(secret in run.error for secret in KEYS.values())

    aws.heal()
    make_content(page["content_id"], body="Water and leaves")
    deliver_all(tenant, waiting=True)

    assert b"Water and leaves" in aws.object(bucket, "articles/green-tea/index.html")["Body"]
    assert b"green-tea" in aws.object(bucket, "sitemap.xml")["Body"]
    assert len(aws.keys(bucket)) == 8


def test_a_passing_fault_is_overcome_inside_the_run(
    tenant: Tenant, aws: LocalAws, bucket: str, make_content: MakeContent, deliver_all: DeliverAll
) -> None:
    aws.fail("PUT", "green-tea", aws_error(500, "InternalError"), times=1)
    make_content(title="Green tea", body="Water")

    assert run_of(deliver_all(tenant)).ended == "done"
    assert aws.puts(bucket).count("articles/green-tea/index.html") == 2


def test_what_a_dead_delivery_has_left_is_done_by_the_task(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    aws.fail("PUT", "", aws_error(403, "AccessDenied"))
    make_content(title="Green tea", body="Water")
    assert run_of(deliver_all(tenant)).ended == "dead"
    aws.heal()

    assert run_task(f"{PLUGIN}.catch-up").ended == "done"

    assert len(aws.keys(bucket)) == 8


def test_a_deletion_that_is_refused_is_not_taken_for_done(
    tenant: Tenant,
    aws: LocalAws,
    bucket: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    page = make_content(title="Green tea", body="Water")
    deliver_all(tenant)
    refused = (
        b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Error><Key>articles/green-tea/index.html</Key>'
        b"<Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>"
    )
    aws.fail("POST", "", Fault(status=200, body=refused, headers={"content-type": "application/xml"}))
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        unpublish_record(record_id=page["content_id"])

    run = run_of(deliver_all(tenant))

    assert (run.ended, "deleting articles/green-tea/index.html" in run.error) == ("dead", True)
    aws.heal()
    assert run_task(f"{PLUGIN}.catch-up").ended == "done"
    assert "articles/green-tea/index.html" not in aws.keys(bucket)
