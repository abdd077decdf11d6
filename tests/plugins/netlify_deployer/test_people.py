"""What people and programs see: forms, the page, the routes, the health check."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from netlify_deployer import NetlifyDeployer
from netlify_deployer.models import Change, Deployment
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
from tests.plugins.netlify_deployer.conftest import HOOK, TOKEN, Kept, Publish, Runs
from tests.plugins.netlify_deployer.peer import NetlifyPeer, Site, status

FORMS = "/admin/settings/plugins/netlify-deployer/"
PAGE = "/admin/plugins/netlify-deployer/"
ROUTE = "/api/v1/plugins/netlify-deployer/deployments"


def health_of(tenant: Tenant, client_for: ClientFor, run_due: RunDue) -> dict[str, Any]:
    run_due()
    client = client_for(tenant, role="admin")
    client.post("/api/v1/admin/plugins/netlify-deployer/health/run", {}, "application/json")
    run_due()
    found: dict[str, Any] = client.get("/api/v1/admin/plugins/netlify-deployer/health").json()
    return found


def test_somebody_sets_it_up_in_the_admin_and_what_is_published_is_deployed(
    tenant: Tenant,
    admin_client: Client,
    netlify: NetlifyPeer,
    site: Site,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_due: RunDue,
    runs: Runs,
) -> None:
    admin_client.post(f"{FORMS}config/", {"config": json.dumps({"quiet_seconds": 20, "site": "site-mine"})})
    saved = admin_client.post(f"{FORMS}secrets/", {"build_hook": HOOK, "token": TOKEN}, follow=True).text
    on = admin_client.post(f"{FORMS}state/", {"do": "enable"}, follow=True).text
    run_due()
    make_content(title="Slow food")
    deliver_all(tenant)
    runs(7)

    page = admin_client.get(PAGE).text
    assert "Slow food (record.published)" in page
    assert "Ready" in page
    assert 'href="https://deploy1--mine.netlify.app"' in page
    assert 'href="https://app.netlify.com/projects/mine/deploys/deploy1"' in page
    for text in (saved, on, page, admin_client.get(f"{FORMS}secrets/").text):
        assert "hookOfMine123" not in text
        assert TOKEN not in text
    assert len(netlify.starts()) == 1


def test_the_page_deploys_at_once(
    tenant: Tenant, admin_client: Client, netlify: NetlifyPeer, by_hook: Site, run_due: RunDue
) -> None:
    assert "Nothing has been deployed yet." in admin_client.get(PAGE).text

    answer = admin_client.post(PAGE, follow=True)

    assert "A deployment was asked for" in answer.text
    assert "1 change waits for the next deployment" in answer.text
    run_due(waiting=True)
    assert len(netlify.starts()) == 1


def test_what_is_asked_for_right_after_switching_on_is_done(
    tenant: Tenant,
    admin_client: Client,
    netlify: NetlifyPeer,
    site: Site,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
    run_due: RunDue,
) -> None:
    plugin_enabled("netlify-deployer", tenant, secrets={"build_hook": HOOK})

    answer = admin_client.post(PAGE, follow=True)

    assert "A deployment was asked for" in answer.text
    deliver_all(tenant)
    run_due()
    deliver_all(tenant, waiting=True)
    run_due(waiting=True)
    assert len(netlify.starts()) == 1


def test_an_error_is_shown_with_what_to_do(
    admin_client: Client, netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs
) -> None:
    by_hook.hooks.clear()
    publish("<b>Slow</b> food")
    runs()

    page = admin_client.get(PAGE).text
    assert "The build hook is gone" in page
    assert "Somebody has to do something" in page
    assert "&lt;b&gt;Slow&lt;/b&gt; food" in page


def test_three_deployments_cost_as_many_queries_as_one(
    tenant: Tenant, admin_client: Client, by_hook: Site, plugin_scope: PluginScope
) -> None:
    counts = []
    for total in (1, 3):
        with plugin_scope("netlify-deployer", tenant):
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
    netlify: NetlifyPeer,
    by_hook: Site,
    publish: Publish,
    runs: Runs,
) -> None:
    content_id = publish("Slow food")
    runs(7)
    plugin_enabled("netlify-deployer", other_tenant)

    editor, admin = (client_for(tenant, role=role) for role in ("editor", "admin"))
    (found,) = editor.get(ROUTE).json()
    assert (found["state"], found["remote_id"], found["error"]) == ("ready", "deploy1", "")
    assert found["url"] == "https://deploy1--mine.netlify.app"
    (change,) = found["changes"]
    assert (change["content_id"], change["title"]) == (content_id, "Slow food")
    assert client_for(other_tenant, role="admin").get(ROUTE).json() == []
    assert client_for(tenant).get(ROUTE).status_code == 401

    assert editor.post(ROUTE).status_code == 403
    assert admin.post(ROUTE).status_code == 202
    runs()
    assert len(netlify.starts()) == 2


def test_a_failed_build_makes_it_unhealthy_and_a_good_one_heals_it(
    tenant: Tenant,
    client_for: ClientFor,
    run_due: RunDue,
    netlify: NetlifyPeer,
    by_hook: Site,
    publish: Publish,
    runs: Runs,
) -> None:
    assert health_of(tenant, client_for, run_due)["status"] == "healthy"
    netlify.states = ["error: Build script returned 2"]
    publish()
    runs(3)
    bad = health_of(tenant, client_for, run_due)
    assert (bad["status"], "Build script returned 2" in json.dumps(bad)) == ("unhealthy", True)

    netlify.states = ["ready"]
    publish("Better")
    runs(3)
    assert health_of(tenant, client_for, run_due)["status"] == "healthy"


def test_what_is_held_up_makes_it_degraded(
    tenant: Tenant,
    client_for: ClientFor,
    run_due: RunDue,
    netlify: NetlifyPeer,
    by_hook: Site,
    publish: Publish,
    runs: Runs,
) -> None:
    netlify.fail(status(503))
    publish()
    runs(1)

    assert health_of(tenant, client_for, run_due)["status"] == "degraded"


def test_old_deployments_go_away(
    tenant: Tenant, by_hook: Site, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    publish("Old")
    runs(7)
    clock.advance(days=91)
    publish("New")
    runs(7)

    assert [[one.title for one in found.changes.all()] for found in kept()] == [["New"]]


# -- values that are not saved yet -------------------------------------------------------------------------------------


async def check(config: dict[str, Any], **secrets: str) -> str:
    result = await NetlifyDeployer().check_config(config, Secrets("netlify-deployer", secrets))
    assert result.overall_status == "healthy"
    return result.details[0].message


async def test_values_are_tried_without_deploying(netlify: NetlifyPeer, site: Site) -> None:
    known = "Netlify knows the site mine and accepts the token."
    assert await check({"site": "mine.netlify.app"}, build_hook=HOOK, token=TOKEN) == known
    assert await check({"method": "api", "site": "site-mine"}, token=TOKEN) == known
    assert "well-formed" in await check({}, build_hook=HOOK)
    assert netlify.starts() == []


@pytest.mark.parametrize(
    ("config", "secrets", "error", "said"),
    [
        ({}, {}, PluginConfigError, "The build hook is missing"),
        ({"method": "api"}, {"token": TOKEN}, PluginConfigError, "the site (a setting) is missing"),
        (
            {"method": "api", "site": "site-mine"},
            {},
            PluginConfigError,
            "the access token (a secret) is missing",
        ),
        (
            {"method": "api", "site": "site-mine"},
            {"token": "wrong-token"},
            AuthFailed,
            "refuses the access token",
        ),
        ({"method": "api", "site": "other"}, {"token": TOKEN}, PluginError, "no such site"),
    ],
)
async def test_what_is_wrong_with_values_is_said(
    netlify: NetlifyPeer,
    site: Site,
    config: dict[str, Any],
    secrets: dict[str, str],
    error: type[PluginError],
    said: str,
) -> None:
    with pytest.raises(error) as caught:
        await check(config, **secrets)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://evil.example/build_hooks/ab", "http://api.netlify.com/x", "5c23354f454e"]
)
def test_an_address_elsewhere_is_no_hook(
    admin_client: Client, netlify: NetlifyPeer, by_hook: Site, address: str
) -> None:
    page = admin_client.post(f"{FORMS}secrets/", {"build_hook": address})

    assert page.status_code == 200  # shown again, with the fault
    assert address not in page.text
