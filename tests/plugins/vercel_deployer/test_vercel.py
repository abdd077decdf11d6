"""What is Vercel's own: what the requests say, and which deployment is repeated."""

from __future__ import annotations

from typing import Any

import pytest

from plugin_host.testing import PluginEnabled, RunDue, Tenant
from tests.plugins.deployments.fixtures import Kept, Publish, Runs
from tests.plugins.deployments.peer import DeploymentPeer, Project
from tests.plugins.deployments.service import TOKEN, Service
from tests.plugins.vercel_deployer.peer import VERCEL


@pytest.fixture
def service() -> Service:
    return VERCEL


def test_the_api_repeats_the_last_deployment_with_the_newest_commit(
    peer: DeploymentPeer, by_api: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    runs(4)

    (deployment,) = kept()
    (start,) = peer.starts()
    assert start.query == {"forceNew": "1"}
    assert start.body == {
        "name": "mine",
        "project": "prj_mine",
        "deploymentId": "dpl_1",
        "withLatestCommit": True,
        "meta": {"tenantryDeployment": str(deployment.pk)},
        "target": "production",
    }


@pytest.mark.parametrize(
    ("config", "query"), [({}, {}), ({"without_build_cache": True}, {"buildCache": "false"})]
)
def test_a_hook_gets_what_is_configured(
    tenant: Tenant,
    peer: DeploymentPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    config: dict[str, Any],
    query: dict[str, str],
) -> None:
    plugin_enabled(VERCEL.plugin_id, tenant, config=config, secrets=VERCEL.secret_hook)
    run_due()
    publish()
    runs()

    (start,) = peer.starts()
    assert (start.path, start.query) == ("/v1/integrations/deploy/prj_mine/hookOfMine", query)


def test_the_project_of_a_team_is_asked_for_with_the_team(
    tenant: Tenant,
    peer: DeploymentPeer,
    by_api: Project,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    by_api.team_id = "team_T"
    plugin_enabled(VERCEL.plugin_id, tenant, config={**VERCEL.config_by_api(), "team_id": "team_T"})
    publish()
    runs(5)

    assert [one.state for one in kept()] == ["ready"]
    assert {(one.token, one.query.get("teamId")) for one in peer.arrived} == {(TOKEN, "team_T")}


def test_a_project_without_a_deployment_cannot_repeat_one(
    peer: DeploymentPeer, by_api: Project, publish: Publish, runs: Runs
) -> None:
    peer.deployments.clear()
    publish()
    (run,) = runs()

    assert "deploy it once at Vercel, or use a deploy hook" in run.error
