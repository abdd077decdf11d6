"""What Netlify can do to the plugin; the wish for a deployment is never lost, and never becomes many."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from netlify_deployer import client
from netlify_deployer.models import Deployment
from plugin_host.deployments.history import History
from plugin_host.testing import Clock, PluginEnabled, PluginScope, RunDue, Tenant
from tests.plugins.netlify_deployer.conftest import HOOK, TOKEN, Kept, Publish, Runs
from tests.plugins.netlify_deployer.peer import Fault, NetlifyPeer, Site, cut, hang, lost, rubbish, status


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503), status(409), status(408), rubbish, cut],
    ids=["500", "503", "409", "408", "rubbish", "cut"],
)
def test_what_passes_is_tried_again_and_nothing_is_lost(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept, fault: Fault
) -> None:
    netlify.fail(fault)
    publish("First")
    (run,) = runs()
    assert (run.ended, run.error != "") == ("dead", True)
    (held_up,) = kept()
    assert (held_up.state, held_up.trouble) == ("waiting", "passing")
    publish("Second")

    runs(8)

    assert len(netlify.starts()) == 2
    assert len(netlify.deploys) == 1
    (deployment,) = kept()
    assert (deployment.state, deployment.error, deployment.trouble) == ("ready", "", "")
    assert sorted(one.title for one in deployment.changes.all()) == ["First", "Second"]


def test_who_hangs_is_tried_again(
    netlify: NetlifyPeer,
    by_hook: Site,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "NETLIFY", replace(client.NETLIFY, timeout_seconds=0.3))
    netlify.fail(hang)
    publish()
    (run,) = runs()
    assert "ReadTimeout" in run.error

    monkeypatch.undo()
    runs(8)

    assert [one.state for one in kept()] == ["ready"]


def test_a_limit_is_waited_for_until_it_is_reset(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    netlify.fail(
        status(
            429,
            X_RateLimit_Limit="6",
            X_RateLimit_Remaining="0",
            X_RateLimit_Reset=str(int(time.time()) + 360),
        )
    )
    runs(1)
    assert [one.trouble for one in kept()] == ["limited"]
    runs(4)
    assert len(netlify.arrived) == 1  # nobody has hammered

    runs(8)

    assert len(netlify.starts()) == 2
    assert [one.state for one in kept()] == ["ready"]


def test_a_limit_for_hours_is_waited_for_too(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    publish()
    netlify.fail(status(429, X_RateLimit_Reset=str(int(time.time()) + 7200)))
    runs()
    clock.advance(minutes=90)
    runs()
    assert len(netlify.starts()) == 1

    clock.advance(minutes=40)
    runs(8)

    assert [one.state for one in kept()] == ["ready"]


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_token_is_said_and_waits_for_another_one(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_api: Site,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    code: int,
) -> None:
    netlify.fail(status(code))
    publish()
    (run,) = runs()
    assert (run.ended, run.reason) == ("dead", "permanent")
    assert "make one at Netlify (User settings" in run.error
    assert [(one.state, one.trouble) for one in kept()] == [("waiting", "refused")]
    runs(3)
    assert len(netlify.arrived) == 1


def test_a_new_token_is_tried_at_once(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_api: Site,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    by_api.token = "a-newer-token-0123456789"
    publish()
    runs()
    assert [one.trouble for one in kept()] == ["refused"]

    plugin_enabled("netlify-deployer", tenant, secrets={"token": by_api.token})
    publish("Another")  # delivers what the plugin is told of the change, too
    runs(8)

    assert [one.state for one in kept()] == ["ready"]


def test_a_hook_that_is_gone_is_said_without_naming_it(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept
) -> None:
    by_hook.hooks.clear()
    publish()
    (run,) = runs()

    assert (run.ended, run.reason) == ("dead", "permanent")
    assert "The build hook is gone" in run.error
    assert "hookOfMine123" not in run.error + "".join(run.log) + kept()[0].error


def test_a_site_that_is_gone_is_said(
    tenant: Tenant, netlify: NetlifyPeer, by_api: Site, publish: Publish, runs: Runs
) -> None:
    by_api.id = "site-renamed"
    publish()
    (run,) = runs()

    assert (run.ended, run.reason) == ("dead", "permanent")
    assert "There is no such site or deploy" in run.error


@pytest.mark.parametrize("method", ["by_hook", "by_api"])
def test_a_deployment_whose_answer_was_lost_is_found_and_not_repeated(
    netlify: NetlifyPeer,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    method: str,
    request: pytest.FixtureRequest,
) -> None:
    request.getfixturevalue(method)
    publish("First")
    netlify.fail(lost)
    runs()
    publish("Second")
    runs(8)

    # The second one came after the first deployment had begun, so it got its own.
    assert [[one.title for one in found.changes.all()] for found in kept()] == [["Second"], ["First"]]
    assert [found.state for found in kept()] == ["ready", "ready"]
    assert len(netlify.starts()) == 2


def test_a_process_that_dies_before_it_writes_the_answer_down_makes_no_second_deployment(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_hook: Site,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    plugin_scope: PluginScope,
) -> None:
    publish()
    with plugin_scope("netlify-deployer", tenant):
        History.of("netlify-deployer").begin_try(begun := Deployment.objects.create())
    netlify.deploy(by_hook, title=f"Tenantry {begun.pk}")
    runs(8)

    assert netlify.starts() == []
    assert [(one.state, one.remote_id) for one in kept()] == [("ready", "deploy1")]


def test_without_a_token_a_lost_answer_costs_one_more_deployment_and_no_chain(
    tenant: Tenant,
    netlify: NetlifyPeer,
    site: Site,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    plugin_enabled("netlify-deployer", tenant, secrets={"build_hook": HOOK})
    run_due()
    publish()
    netlify.fail(lost)
    runs(10)

    assert len(netlify.starts()) == 2
    assert [one.state for one in kept()] == ["started"]


@pytest.mark.parametrize(
    ("ends", "state", "error"),
    [
        ("error: Failed during stage 'building site'", "error", "Failed during stage 'building site'"),
        ("error: Canceled build", "canceled", ""),
        ("rejected", "canceled", ""),
    ],
)
def test_how_a_build_ends_is_shown(
    netlify: NetlifyPeer,
    by_hook: Site,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    ends: str,
    state: str,
    error: str,
) -> None:
    netlify.states = ["enqueued", ends]
    publish()
    made = runs(4)

    (deployment,) = kept()
    assert (deployment.state, deployment.error) == (state, error)
    assert deployment.details_url == "https://app.netlify.com/projects/mine/deploys/deploy1"
    assert any("failed: Failed" in line for run in made for line in run.log) is (state == "error")
    assert len(netlify.starts()) == 1  # it is not tried again by itself


def test_trouble_while_it_is_followed_ends_nothing(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    runs()
    netlify.fail(status(502), rubbish, cut)
    runs(12)

    assert [one.state for one in kept()] == ["ready"]
    assert len(netlify.starts()) == 1


def test_what_is_never_heard_of_again_is_given_up(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    netlify.states = ["building"]
    publish()
    runs(3)
    clock.advance(hours=3)
    runs()

    assert [(one.state, one.error) for one in kept()] == [
        ("unknown", "How it went is not known: look at Netlify.")
    ]


def test_no_secret_stands_in_what_is_written(
    netlify: NetlifyPeer,
    by_hook: Site,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    capfd: pytest.CaptureFixture[str],
) -> None:
    netlify.fail(status(500), cut, rubbish, status(404))
    publish()
    made = runs(10)

    written = "".join([*(run.error + "".join(run.log) for run in made), *(one.error for one in kept())])
    written += "".join(capfd.readouterr())
    assert "build_hooks/hook" not in written
    for secret in ("hookOfMine123", TOKEN):
        assert secret not in written
