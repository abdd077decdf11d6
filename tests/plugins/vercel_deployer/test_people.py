"""What people and programs see: forms, the page, the routes, the health check."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from plugin_host.base import Secrets
from plugin_host.errors import AuthFailed, PluginConfigError, PluginError
from plugin_host.testing import (
    ClientFor,
    Clock,
    DeliverAll,
    MakeContent,
    PluginEnabled,
    PluginScope,
    RunDue,
    Tenant,
)
from tests.plugins.vercel_deployer.conftest import HOOK, TOKEN, Kept, Publish, Runs
from tests.plugins.vercel_deployer.peer import Project, VercelPeer, status
from vercel_deployer import VercelDeployer
from vercel_deployer.models import Change, Deployment

FORMS = "/admin/settings/plugins/vercel-deployer/"
PAGE = "/admin/plugins/vercel-deployer/"
ROUTE = "/api/v1/plugins/vercel-deployer/deployments"


def health_of(tenant: Tenant, client_for: ClientFor, run_due: RunDue) -> dict[str, Any]:
    run_due()
    client = client_for(tenant, role="admin")
    client.post("/api/v1/admin/plugins/vercel-deployer/health/run", {}, "application/json")
    run_due()
    found: dict[str, Any] = client.get("/api/v1/admin/plugins/vercel-deployer/health").json()
    return found


def test_somebody_sets_it_up_in_the_admin_and_what_is_published_is_deployed(
    tenant: Tenant,
    admin_client: Client,
    vercel: VercelPeer,
    project: Project,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_due: RunDue,
    runs: Runs,
) -> None:
    admin_client.post(
        f"{FORMS}config/", {"config": json.dumps({"quiet_seconds": 20, "longest_wait_seconds": 60})}
    )
    saved = admin_client.post(f"{FORMS}secrets/", {"deploy_hook": HOOK, "token": TOKEN}, follow=True).text
    on = admin_client.post(f"{FORMS}state/", {"do": "enable"}, follow=True).text
    run_due()
    make_content(title="Slow food")
    deliver_all(tenant)
    runs(5)

    page = admin_client.get(PAGE).text
    assert "Slow food (record.published)" in page
    assert "Ready" in page
    assert 'href="https://mine-1.vercel.app"' in page
    assert 'href="https://vercel.com/acme/mine/1"' in page
    for text in (saved, on, page, admin_client.get(f"{FORMS}secrets/").text):
        assert "hookOfMine" not in text
        assert TOKEN not in text
    assert len(vercel.starts()) == 1


def test_the_page_deploys_at_once(
    tenant: Tenant, admin_client: Client, vercel: VercelPeer, by_hook: Project, run_due: RunDue
) -> None:
    assert "Nothing has been deployed yet." in admin_client.get(PAGE).text

    answer = admin_client.post(PAGE, follow=True)

    assert "A deployment was asked for" in answer.text
    assert "1 change waits for the next deployment" in answer.text
    run_due(waiting=True)
    assert len(vercel.starts()) == 1


def test_what_is_asked_for_right_after_switching_on_is_done(
    tenant: Tenant,
    admin_client: Client,
    vercel: VercelPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
    run_due: RunDue,
) -> None:
    plugin_enabled("vercel-deployer", tenant, secrets={"deploy_hook": HOOK})

    answer = admin_client.post(PAGE, follow=True)

    assert "A deployment was asked for" in answer.text
    deliver_all(tenant)
    run_due()
    deliver_all(tenant, waiting=True)
    run_due(waiting=True)
    assert len(vercel.starts()) == 1


def test_an_error_is_shown_with_what_to_do(
    admin_client: Client, vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs
) -> None:
    by_hook.hooks.clear()
    publish("<b>Slow</b> food")
    runs()

    page = admin_client.get(PAGE).text
    assert "The deploy hook is gone" in page
    assert "Somebody has to do something" in page
    assert "&lt;b&gt;Slow&lt;/b&gt; food" in page


def test_three_deployments_cost_as_many_queries_as_one(
    tenant: Tenant, admin_client: Client, by_hook: Project, plugin_scope: PluginScope
) -> None:
    counts = []
    for total in (1, 3):
        with plugin_scope("vercel-deployer", tenant):
            while Deployment.objects.count() < total:
                made = Deployment.objects.create(state="ready")
                Change.objects.create(key=made.pk, event="manual", deployment=made)
        admin_client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(PAGE)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_the_route_lists_and_deploys(
    tenant: Tenant,
    other_tenant: Tenant,
    client_for: ClientFor,
    plugin_enabled: PluginEnabled,
    vercel: VercelPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
) -> None:
    content_id = publish("Slow food")
    runs(5)
    plugin_enabled("vercel-deployer", other_tenant)

    editor, admin = (client_for(tenant, role=role) for role in ("editor", "admin"))
    (found,) = editor.get(ROUTE).json()
    assert (found["state"], found["remote_id"], found["error"]) == ("ready", "dpl_1", "")
    assert found["url"] == "https://mine-1.vercel.app"
    (change,) = found["changes"]
    assert (change["content_id"], change["title"]) == (content_id, "Slow food")
    assert client_for(other_tenant, role="admin").get(ROUTE).json() == []
    assert client_for(tenant).get(ROUTE).status_code == 401

    assert editor.post(ROUTE).status_code == 403
    assert admin.post(ROUTE).status_code == 202
    runs()
    assert len(vercel.starts()) == 2


def test_a_failed_build_makes_it_unhealthy_and_a_good_one_heals_it(
    tenant: Tenant,
    client_for: ClientFor,
    run_due: RunDue,
    vercel: VercelPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
) -> None:
    assert health_of(tenant, client_for, run_due)["status"] == "healthy"
    vercel.states = ["ERROR"]
    publish()
    runs(3)
    bad = health_of(tenant, client_for, run_due)
    assert (bad["status"], "next build" in json.dumps(bad)) == ("unhealthy", True)

    vercel.states = ["READY"]
    publish("Better")
    runs(3)
    assert health_of(tenant, client_for, run_due)["status"] == "healthy"


def test_what_is_held_up_makes_it_degraded(
    tenant: Tenant,
    client_for: ClientFor,
    run_due: RunDue,
    vercel: VercelPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
) -> None:
    vercel.fail(status(503))
    publish()
    runs(1)

    assert health_of(tenant, client_for, run_due)["status"] == "degraded"


def test_old_deployments_go_away(
    tenant: Tenant, by_hook: Project, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    publish("Old")
    runs(5)
    clock.advance(days=91)
    publish("New")
    runs(5)

    assert [[one.title for one in found.changes.all()] for found in kept()] == [["New"]]


# -- values that are not saved yet -------------------------------------------------------------------------------------


async def check(config: dict[str, Any], **secrets: str) -> str:
    result = await VercelDeployer().check_config(config, Secrets("vercel-deployer", secrets))
    assert result.overall_status == "healthy"
    return result.details[0].message


async def test_values_are_tried_without_deploying(vercel: VercelPeer, project: Project) -> None:
    known = "Vercel knows the project mine and accepts the token."
    assert await check({}, deploy_hook=HOOK, token=TOKEN) == known
    assert await check({"method": "api", "project": "prj_mine"}, token=TOKEN) == known
    assert "well-formed" in await check({}, deploy_hook=HOOK)
    assert vercel.starts() == []


@pytest.mark.parametrize(
    ("config", "secrets", "error", "said"),
    [
        ({}, {}, PluginConfigError, "The deploy hook is missing"),
        ({"method": "api"}, {"token": TOKEN}, PluginConfigError, "the project (a setting) is missing"),
        (
            {"method": "api", "project": "mine"},
            {},
            PluginConfigError,
            "the access token (a secret) is missing",
        ),
        (
            {"method": "api", "project": "mine"},
            {"token": "wrong-token"},
            AuthFailed,
            "refuses the access token",
        ),
        ({"method": "api", "project": "other"}, {"token": TOKEN}, PluginError, "no such project"),
    ],
)
async def test_what_is_wrong_with_values_is_said(
    vercel: VercelPeer,
    project: Project,
    config: dict[str, Any],
    secrets: dict[str, str],
    error: type[PluginError],
    said: str,
) -> None:
    with pytest.raises(error) as caught:
        await check(config, **secrets)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://evil.example/v1/integrations/deploy/a/b", "http://api.vercel.com/x", "prj_1/Zx81kQ"]
)
def test_an_address_elsewhere_is_no_hook(
    admin_client: Client, vercel: VercelPeer, by_hook: Project, address: str
) -> None:
    page = admin_client.post(f"{FORMS}secrets/", {"deploy_hook": address})

    assert page.status_code == 200  # shown again, with the fault
    assert address not in page.text
