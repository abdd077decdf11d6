"""What CloudFront is told: once, together, and again where it did not hear."""

from __future__ import annotations

import re

import pytest

from plugin_host.testing import DeliverAll, MakeContent, PluginEnabled, RunDue, RunTask, Tenant
from tests.plugins.s3_static_deployer.conftest import KEYS
from tests.plugins.s3_static_deployer.local_aws import Fault, LocalAws, aws_error

PLUGIN = "s3-static-deployer"
CATCH_UP = f"{PLUGIN}.catch-up"


@pytest.fixture
def distribution(aws: LocalAws, tenant: Tenant, plugin_enabled: PluginEnabled) -> str:
    """The distribution of `tenant`, for whom the plugin is on."""
    distribution = aws.make_distribution()
    plugin_enabled(
        PLUGIN,
        tenant,
        config={"bucket": aws.make_bucket(), "distribution_id": distribution, "invalidation_max_paths": 30},
        secrets=KEYS,
    )
    return distribution


def references(aws: LocalAws) -> list[str]:
    """Return the caller reference of each invalidation that was sent, in order."""
    bodies = [one.body.decode() for one in aws.seen if one.path.endswith("/invalidation")]
    return [match[1] for body in bodies if (match := re.search("<CallerReference>(.*?)<", body))]


def test_many_changes_are_one_invalidation(
    tenant: Tenant,
    aws: LocalAws,
    distribution: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    for number in range(3):
        make_content(title=f"Tea {number}", body="Water")
    deliver_all(tenant)
    assert aws.invalidations(distribution) == []

    runs = [run_task(CATCH_UP) for _ in range(2)]

    assert [run.data["invalidations"] for run in runs] == [1, 0]
    (paths,) = aws.invalidations(distribution)
    page = {"/articles/tea-1", "/articles/tea-1/", "/articles/tea-1/index.html"}
    assert {"/", "/index.html", "/feed.xml", *page} < set(paths)
    assert len(paths) == len(set(paths)) <= 30


def test_a_wildcard_takes_the_place_of_too_many(
    tenant: Tenant,
    aws: LocalAws,
    distribution: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    for number in range(12):
        make_content(title=f"Tea {number}", body="Water")
    deliver_all(tenant)

    run_task(CATCH_UP)

    assert aws.invalidations(distribution) == [["/*"]]


@pytest.mark.parametrize(
    "fault",
    [
        aws_error(503, "ServiceUnavailable"),
        Fault(is_after=True),  # it was made, and the answer lost
        Fault(status=200, body=b"<html>hello</html>", is_after=True),
    ],
    ids=["busy", "answer lost", "rubbish"],
)
def test_an_invalidation_that_is_not_confirmed_is_sent_again_as_the_same(
    tenant: Tenant,
    aws: LocalAws,
    distribution: str,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
    run_due: RunDue,
    fault: Fault,
) -> None:
    make_content(title="Green tea", body="Water")
    deliver_all(tenant)
    aws.fail("POST", "/invalidation", fault)
    assert run_task(CATCH_UP).ended == ""
    # What changes meanwhile is the next one's.
    make_content(title="Matcha", body="Powder")
    deliver_all(tenant)

    aws.heal()
    second = next(run for run in run_due(waiting=True) if run.item_id == CATCH_UP)

    assert second.ended == "done"
    first, *rest, last = references(aws)
    assert set(rest) <= {first}
    assert last != first
    sent = aws.invalidations(distribution)
    assert "/articles/matcha" in sent[0] or "/articles/matcha" in sent[-1]


def test_a_distribution_that_is_not_there_is_for_people_to_correct(
    tenant: Tenant,
    aws: LocalAws,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    config = {"bucket": aws.make_bucket(), "distribution_id": "EABCDEFGHIJKLM"}
    plugin_enabled(PLUGIN, tenant, config=config, secrets=KEYS)
    make_content(title="Green tea", body="Water")
    deliver_all(tenant)
    aws.fail(
        "POST",
        "/invalidation",
        aws_error(404, "NoSuchDistribution"),
    )

    run = run_task(CATCH_UP)

    assert run.ended == "dead"
    assert "no CloudFront distribution of that id" in run.error
