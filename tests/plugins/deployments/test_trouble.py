"""What a service can do to a deployer; the wish for a deployment is never lost, and never becomes many."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from plugin_host.deployments.history import History
from plugin_host.testing import Clock, PluginEnabled, PluginScope, RunDue, Tenant
from tests.plugins.deployments.fixtures import Kept, Publish, Runs
from tests.plugins.deployments.peer import (
    DeploymentPeer,
    Fault,
    Project,
    cut,
    hang,
    lost,
    rubbish,
    status,
    well,
)
from tests.plugins.deployments.service import TOKEN, Service


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503), status(409), status(408), rubbish, cut],
    ids=["500", "503", "409", "408", "rubbish", "cut"],
)
def test_what_passes_is_tried_again_and_nothing_is_lost(
    peer: DeploymentPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept, fault: Fault
) -> None:
    peer.fail(fault)
    publish("First")
    (run,) = runs()
    assert (run.ended, run.error != "") == ("dead", True)
    (held_up,) = kept()
    assert (held_up.state, held_up.trouble) == ("waiting", "passing")
    publish("Second")

    runs(6)

    assert len(peer.starts()) == 2
    assert len(peer.deployments) == 1
    (deployment,) = kept()
    assert (deployment.state, deployment.error, deployment.trouble) == ("ready", "", "")
    assert sorted(one.title for one in deployment.changes.all()) == ["First", "Second"]


def test_who_hangs_is_tried_again(
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, name = service.module("client"), service.name.upper()
    patient = getattr(client, name)
    monkeypatch.setattr(client, name, replace(patient, timeout_seconds=0.3))
    peer.fail(hang)
    publish()
    (run,) = runs()
    assert "ReadTimeout" in run.error

    monkeypatch.setattr(client, name, patient)
    runs(5)

    assert [one.state for one in kept()] == ["ready"]


def test_a_limit_is_waited_for_until_it_is_reset(
    peer: DeploymentPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    reset = str(int(time.time()) + 360)
    peer.fail(status(429, X_RateLimit_Limit="6", X_RateLimit_Remaining="0", X_RateLimit_Reset=reset))
    runs(1)
    assert [one.trouble for one in kept()] == ["limited"]
    runs(4)
    assert len(peer.arrived) == 1  # nobody has hammered

    runs(6)

    assert len(peer.starts()) == 2
    assert [one.state for one in kept()] == ["ready"]


def test_a_limit_for_hours_is_waited_for_too(
    peer: DeploymentPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    publish()
    peer.fail(status(429, X_RateLimit_Reset=str(int(time.time()) + 7200)))
    runs()
    clock.advance(minutes=90)
    runs()
    assert len(peer.starts()) == 1

    clock.advance(minutes=40)
    runs(8)

    assert [one.state for one in kept()] == ["ready"]


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_token_is_said_and_waits_for_another_one(
    service: Service,
    peer: DeploymentPeer,
    by_api: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    code: int,
) -> None:
    peer.fail(status(code))
    publish()
    (run,) = runs()
    assert (run.ended, run.reason) == ("dead", "permanent")
    assert "It refuses the access token: make one " in run.error
    assert f"at {service.title} (" in run.error
    assert [(one.state, one.trouble) for one in kept()] == [("waiting", "refused")]
    runs(3)
    assert len(peer.arrived) == 1


def test_a_new_token_is_tried_at_once(
    tenant: Tenant,
    service: Service,
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

    plugin_enabled(service.plugin_id, tenant, secrets={"token": by_api.token})
    publish("Another")  # delivers what the plugin is told of the change, too
    runs(5)

    assert [one.state for one in kept()] == ["ready"]


def test_a_hook_that_is_gone_is_said_without_naming_it(
    service: Service, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    by_hook.hooks.clear()
    publish()
    (run,) = runs()

    assert (run.ended, run.reason) == ("dead", "permanent")
    assert f"The {service.hook_noun} is gone" in run.error
    assert service.hook not in run.error + "".join(run.log) + kept()[0].error


def test_a_project_that_is_gone_is_said(
    service: Service, by_api: Project, publish: Publish, runs: Runs
) -> None:
    by_api.id = "renamed"
    publish()
    (run,) = runs()

    assert (run.ended, run.reason) == ("dead", "permanent")
    assert f"There is no such {service.project_noun}" in run.error


@pytest.mark.parametrize("method", ["by_hook", "by_api"])
def test_a_deployment_whose_answer_was_lost_is_found_and_not_repeated(
    service: Service,
    peer: DeploymentPeer,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    method: str,
    request: pytest.FixtureRequest,
) -> None:
    request.getfixturevalue(method)
    publish("First")
    peer.fail(*[well] * (service.asks_before_starting if method == "by_api" else 0), lost)
    runs()
    publish("Second")
    runs(8)

    # The second one came after the first deployment had begun, so it got its own.
    assert [[one.title for one in found.changes.all()] for found in kept()] == [["Second"], ["First"]]
    assert [found.state for found in kept()] == ["ready", "ready"]
    assert len(peer.starts()) == 2


def test_a_process_that_dies_before_it_writes_the_answer_down_makes_no_second_deployment(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    plugin_scope: PluginScope,
) -> None:
    publish()
    with plugin_scope(service.plugin_id, tenant):
        begun = service.deployments.objects.create()
        History.of(service.plugin_id).begin_try(begun)
    peer.deploy(by_hook, **service.mark(begun.pk))
    runs(5)

    assert peer.starts() == []
    assert [(one.state, one.remote_id) for one in kept()] == [("ready", service.remote_id.format(1))]


def test_without_a_token_a_lost_answer_costs_one_more_deployment_and_no_chain(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    plugin_enabled(service.plugin_id, tenant, secrets=service.secret_hook)
    run_due()
    publish()
    peer.fail(lost)
    runs(10)

    assert len(peer.starts()) == 2
    assert [one.state for one in kept()] == ["started"]


def test_a_failed_build_is_shown_with_its_reason(
    service: Service, peer: DeploymentPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    peer.states = ["queued", "error: Build exited with 1"]
    publish()
    made = runs(4)

    (deployment,) = kept()
    assert (deployment.state, deployment.error) == ("error", "Build exited with 1")
    assert deployment.details_url == service.details_url.format(1)
    assert any("failed: Build exited with 1" in line for run in made for line in run.log)
    assert len(peer.starts()) == 1  # it is not tried again by itself


def test_trouble_while_it_is_followed_ends_nothing(
    peer: DeploymentPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    runs()
    peer.fail(status(502), rubbish, cut)
    runs(12)

    assert [one.state for one in kept()] == ["ready"]
    assert len(peer.starts()) == 1


def test_what_is_never_heard_of_again_is_given_up(
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    clock: Clock,
) -> None:
    peer.states = ["building"]
    publish()
    runs(3)
    clock.advance(hours=3)
    runs()

    said = f"How it went is not known: look at {service.title}."
    assert [(one.state, one.error) for one in kept()] == [("unknown", said)]


def test_no_secret_stands_in_what_is_written(
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    capfd: pytest.CaptureFixture[str],
) -> None:
    peer.fail(status(500), cut, rubbish, status(404))
    publish()
    made = runs(10)

    written = "".join([*(run.error + "".join(run.log) for run in made), *(one.error for one in kept())])
    written += "".join(capfd.readouterr())
    path = urlsplit(service.hook_address).path
    for secret in (path.rpartition("/")[0], service.hook, TOKEN):
        assert secret not in written
