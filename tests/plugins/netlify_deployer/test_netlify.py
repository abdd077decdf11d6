"""What is Netlify's own: what the requests say, and how a deploy ends."""

from __future__ import annotations

import pytest

from plugin_host.testing import PluginEnabled, RunDue, Tenant
from tests.plugins.deployments.fixtures import Kept, Publish, Runs
from tests.plugins.deployments.peer import DeploymentPeer, Project
from tests.plugins.deployments.service import TOKEN, Service
from tests.plugins.netlify_deployer.peer import NETLIFY


@pytest.fixture
def service() -> Service:
    return NETLIFY


def test_the_api_builds_the_site(
    tenant: Tenant,
    peer: DeploymentPeer,
    by_api: Project,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    config = {**NETLIFY.config_by_api(), "branch": "main", "clear_cache": True}
    plugin_enabled(NETLIFY.plugin_id, tenant, config=config)
    publish()
    runs(5)

    (deployment,) = kept()
    (start,) = peer.starts()
    assert (start.path, start.token) == ("/api/v1/sites/site-mine/builds", TOKEN)
    assert start.query == {"title": f"Tenantry {deployment.pk}", "branch": "main", "clear_cache": "true"}


def test_a_hook_gets_what_is_configured(
    tenant: Tenant,
    peer: DeploymentPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    config = {"clear_cache": True, "branch": "cms"}
    plugin_enabled(NETLIFY.plugin_id, tenant, config=config, secrets=NETLIFY.secret_hook)
    run_due()
    publish()
    runs()

    (deployment,) = kept()
    (start,) = peer.starts()
    assert start.path == "/build_hooks/hookOfMine123"
    assert start.query == {
        "trigger_title": f"Tenantry {deployment.pk}",
        "trigger_branch": "cms",
        "clear_cache": "true",
    }


@pytest.mark.parametrize(
    ("ends", "state", "error"),
    [
        ("error: Failed during stage 'building site'", "error", "Failed during stage 'building site'"),
        ("error: Canceled build", "canceled", ""),
        ("rejected", "canceled", ""),
        ("processing", "building", ""),
    ],
)
def test_how_a_build_ends_is_shown(
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
    kept: Kept,
    ends: str,
    state: str,
    error: str,
) -> None:
    peer.states = ["queued", ends]
    publish()
    made = runs(4)

    (deployment,) = kept()
    assert (deployment.state, deployment.error) == (state, error)
    assert any("failed: Failed" in line for run in made for line in run.log) is (state == "error")
    assert len(peer.starts()) == 1
