"""What Vercel can do to the plugin; the wish for a deployment is never lost, and never becomes many."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from plugin_host.deployments.history import History
from plugin_host.testing import Clock, PluginEnabled, PluginScope, RunDue, Tenant
from tests.plugins.vercel_deployer.conftest import HOOK, TOKEN, Kept, Publish, Runs
from tests.plugins.vercel_deployer.peer import Fault, Project, VercelPeer, cut, hang, lost, rubbish, status
from vercel_deployer import client
from vercel_deployer.models import Deployment


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503), status(409), status(408), rubbish, cut],
    ids=["500", "503", "409", "408", "rubbish", "cut"],
)
def test_what_passes_is_tried_again_and_nothing_is_lost(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept, fault: Fault
) -> None:
    vercel.fail(fault)
    publish("First")
    (run,) = runs()
    assert (run.ended, run.error != "") == ("dead", True)
    (held_up,) = kept()
    assert (held_up.state, held_up.trouble) == ("waiting", "passing")
    publish("Second")

    runs(6)

    assert len(vercel.starts()) == 2
    assert len(vercel.deployments) == 1
    (deployment,) = kept()
    assert (deployment.state, deployment.error, deployment.trouble) == ("ready", "", "")
    assert sorted(one.title for one in deployment.changes.all()) == ["First", "Second"]


def test_who_hangs_is_tried_again(
    vercel: VercelPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "VERCEL", replace(client.VERCEL, timeout_seconds=0.3))
    vercel.fail(hang)
    publish()
    (run,) = runs()
    assert "ReadTimeout" in run.error

    monkeypatch.undo()
    runs(5)

    assert [one.state for one in kept()] == ["ready"]


def test_a_limit_is_waited_for_until_it_is_reset(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    vercel.fail(
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
    assert len(vercel.arrived) == 1  # nobody has hammered

    runs(6)

    assert len(vercel.starts()) == 2
    assert [one.state for one in kept()] == ["ready"]


def test_a_limit_for_hours_is_waited_for_too(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    publish()
    vercel.fail(status(429, X_RateLimit_Reset=str(int(time.time()) + 7200)))
    runs()
    clock.advance(minutes=90)
    runs()
    assert len(vercel.starts()) == 1

    clock.advance(minutes=40)
    runs(8)

    assert [one.state for one in kept()] == ["ready"]


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_token_is_said_and_waits_for_another_one(
    tenant: Tenant,
    vercel: VercelPeer,
    by_api: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    code: int,
) -> None:
    vercel.fail(status(code))
    publish()
    (run,) = runs()
    assert (run.ended, run.reason) == ("dead", "permanent")
    assert "make one for the right team at Vercel" in run.error
    assert [(one.state, one.trouble) for one in kept()] == [("waiting", "refused")]
    runs(3)
    assert len(vercel.arrived) == 1


def test_a_new_token_is_tried_at_once(
    tenant: Tenant,
    vercel: VercelPeer,
    by_api: Project,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    by_api.token = "a-newer-token-0123456789"
    publish()
    runs()
    assert [one.trouble for one in kept()] == ["refused"]

    plugin_enabled("vercel-deployer", tenant, secrets={"token": by_api.token})
    publish("Another")  # delivers what the plugin is told of the change, too
    runs(4)

    assert [one.state for one in kept()] == ["ready"]


def test_a_hook_that_is_gone_is_said_without_naming_it(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    by_hook.hooks.clear()
    publish()
    (run,) = runs()

    assert (run.ended, run.reason) == ("dead", "permanent")
    assert "The deploy hook is gone" in run.error
    assert "hookOfMine" not in run.error + "".join(run.log) + kept()[0].error


def test_a_project_that_is_gone_is_said(
    tenant: Tenant, vercel: VercelPeer, by_api: Project, publish: Publish, runs: Runs
) -> None:
    by_api.name = "renamed"
    publish()
    (run,) = runs()

    assert (run.ended, run.reason) == ("dead", "permanent")
    assert "There is no such project" in run.error


def test_a_project_without_a_deployment_cannot_repeat_one(
    vercel: VercelPeer, by_api: Project, publish: Publish, runs: Runs
) -> None:
    vercel.deployments.clear()
    publish()
    (run,) = runs()

    assert "deploy it once at Vercel, or use a deploy hook" in run.error


@pytest.mark.parametrize("method", ["by_hook", "by_api"])
def test_a_deployment_whose_answer_was_lost_is_found_and_not_repeated(
    vercel: VercelPeer, publish: Publish, runs: Runs, kept: Kept, method: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(method)
    listed = 1 if method == "by_api" else 0
    publish("First")
    vercel.faults = [*[_pass] * listed, lost]
    runs()
    publish("Second")
    runs(8)

    # The second one came after the first deployment had begun, so it got its own.
    assert [[one.title for one in found.changes.all()] for found in kept()] == [["Second"], ["First"]]
    assert [found.state for found in kept()] == ["ready", "ready"]
    assert len(vercel.starts()) == 2


def test_a_process_that_dies_before_it_writes_the_answer_down_makes_no_second_deployment(
    tenant: Tenant,
    vercel: VercelPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    plugin_scope: PluginScope,
) -> None:
    publish()
    with plugin_scope("vercel-deployer", tenant):
        History.of("vercel-deployer").begin_try(Deployment.objects.create())
    vercel.deploy(by_hook, meta={"deployHookId": "hookOfMine"})
    runs(5)

    assert vercel.starts() == []
    assert [(one.state, one.remote_id) for one in kept()] == [("ready", "dpl_1")]


def test_without_a_token_a_lost_answer_costs_one_more_deployment_and_no_chain(
    tenant: Tenant,
    vercel: VercelPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    plugin_enabled("vercel-deployer", tenant, secrets={"deploy_hook": HOOK})
    run_due()
    publish()
    vercel.fail(lost)
    runs(10)

    assert len(vercel.starts()) == 2
    assert [one.state for one in kept()] == ["started"]


def test_a_failed_build_is_shown_with_its_reason(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    vercel.states = ["QUEUED", "ERROR"]
    publish()
    made = runs(4)

    (deployment,) = kept()
    assert (deployment.state, deployment.error) == ("error", 'Command "next build" exited with 1')
    assert deployment.details_url == "https://vercel.com/acme/mine/1"
    assert any("failed: Command" in line for run in made for line in run.log)
    assert len(vercel.starts()) == 1  # it is not tried again by itself


def test_trouble_while_it_is_followed_ends_nothing(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    runs()
    vercel.fail(status(502), rubbish, cut)
    runs(12)

    assert [one.state for one in kept()] == ["ready"]
    assert len(vercel.starts()) == 1


def test_what_is_never_heard_of_again_is_given_up(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    vercel.states = ["BUILDING"]
    publish()
    runs(3)
    clock.advance(hours=3)
    runs()

    assert [(one.state, one.error) for one in kept()] == [
        ("unknown", "How it went is not known: look at Vercel.")
    ]


def test_no_secret_stands_in_what_is_written(
    vercel: VercelPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    capfd: pytest.CaptureFixture[str],
) -> None:
    vercel.fail(status(500), cut, rubbish, status(404))
    publish()
    made = runs(10)

    written = "".join([*(run.error + "".join(run.log) for run in made), *(one.error for one in kept())])
    written += "".join(capfd.readouterr())
    assert "integrations/deploy" not in written
    for secret in ("hookOfMine", TOKEN):
        assert secret not in written


def _pass(handler: object) -> None:
    """Answer as without a fault."""
    handler.answer_well()  # type: ignore[attr-defined]  # see the peer
