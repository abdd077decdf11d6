"""What people and programs see: forms, the page, the routes, the health check."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from plugin_host.base import Secrets
from plugin_host.errors import AuthFailed, PluginConfigError, PluginError
from plugin_host.registry import loaded_plugins
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
from tests.plugins.deployments.fixtures import Kept, Publish, Runs
from tests.plugins.deployments.peer import DeploymentPeer, Project, status
from tests.plugins.deployments.service import TOKEN, Service


def forms(service: Service) -> str:
    return f"/admin/settings/plugins/{service.plugin_id}/"


def page_of(service: Service) -> str:
    return f"/admin/plugins/{service.plugin_id}/"


def health_of(service: Service, tenant: Tenant, client_for: ClientFor, run_due: RunDue) -> dict[str, Any]:
    run_due()
    client = client_for(tenant, role="admin")
    address = f"/api/v1/admin/plugins/{service.plugin_id}/health"
    client.post(f"{address}/run", {}, "application/json")
    run_due()
    found: dict[str, Any] = client.get(address).json()
    return found


def test_somebody_sets_it_up_in_the_admin_and_what_is_published_is_deployed(
    tenant: Tenant,
    admin_client: Client,
    service: Service,
    peer: DeploymentPeer,
    project: Project,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_due: RunDue,
    runs: Runs,
) -> None:
    address = forms(service)
    config = {"quiet_seconds": 20, "longest_wait_seconds": 60, **service.config_by_hook}
    admin_client.post(f"{address}config/", {"config": json.dumps(config)})
    secrets = {**service.secret_hook, "token": TOKEN}
    saved = admin_client.post(f"{address}secrets/", secrets, follow=True).text
    on = admin_client.post(f"{address}state/", {"do": "enable"}, follow=True).text
    run_due()
    make_content(title="Slow food")
    deliver_all(tenant)
    runs(5)

    page = admin_client.get(page_of(service)).text
    assert f"{service.title} deployments" in page
    assert "Slow food (record.published)" in page
    assert "Ready" in page
    assert f'href="{service.url.format(1)}"' in page
    assert f'href="{service.details_url.format(1)}"' in page
    for text in (saved, on, page, admin_client.get(f"{address}secrets/").text):
        assert service.hook not in text
        assert TOKEN not in text
    assert len(peer.starts()) == 1


def test_the_page_deploys_at_once(
    admin_client: Client, service: Service, peer: DeploymentPeer, by_hook: Project, run_due: RunDue
) -> None:
    assert "Nothing has been deployed yet." in admin_client.get(page_of(service)).text

    answer = admin_client.post(page_of(service), follow=True)

    assert "A deployment was asked for" in answer.text
    assert "1 change waits for the next deployment" in answer.text
    run_due(waiting=True)
    assert len(peer.starts()) == 1


def test_what_is_asked_for_right_after_switching_on_is_done(
    tenant: Tenant,
    admin_client: Client,
    service: Service,
    peer: DeploymentPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
    run_due: RunDue,
) -> None:
    plugin_enabled(service.plugin_id, tenant, secrets=service.secret_hook)

    answer = admin_client.post(page_of(service), follow=True)

    assert "A deployment was asked for" in answer.text
    deliver_all(tenant)
    run_due()
    deliver_all(tenant, waiting=True)
    run_due(waiting=True)
    assert len(peer.starts()) == 1


def test_an_error_is_shown_with_what_to_do(
    admin_client: Client, service: Service, by_hook: Project, publish: Publish, runs: Runs
) -> None:
    by_hook.hooks.clear()
    publish("<b>Slow</b> food")
    runs()

    page = admin_client.get(page_of(service)).text
    assert f"The {service.hook_noun} is gone" in page
    assert "Somebody has to do something" in page
    assert "&lt;b&gt;Slow&lt;/b&gt; food" in page


def test_three_deployments_cost_as_many_queries_as_one(
    tenant: Tenant, admin_client: Client, service: Service, by_hook: Project, plugin_scope: PluginScope
) -> None:
    counts = []
    for total in (1, 3):
        with plugin_scope(service.plugin_id, tenant):
            while service.deployments.objects.count() < total:
                made = service.deployments.objects.create(state="ready")
                service.changes.objects.create(key=made.pk, event="manual", deployment=made)
        admin_client.get(page_of(service))
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(page_of(service))
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_the_route_lists_and_deploys(
    tenant: Tenant,
    other_tenant: Tenant,
    client_for: ClientFor,
    plugin_enabled: PluginEnabled,
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
) -> None:
    route = f"/api/v1/plugins/{service.plugin_id}/deployments"
    content_id = publish("Slow food")
    runs(5)
    plugin_enabled(service.plugin_id, other_tenant)

    editor, admin = (client_for(tenant, role=role) for role in ("editor", "admin"))
    (found,) = editor.get(route).json()
    assert (found["state"], found["remote_id"]) == ("ready", service.remote_id.format(1))
    assert (found["url"], found["error"]) == (service.url.format(1), "")
    (change,) = found["changes"]
    assert (change["content_id"], change["title"]) == (content_id, "Slow food")
    assert client_for(other_tenant, role="admin").get(route).json() == []
    assert client_for(tenant).get(route).status_code == 401

    assert editor.post(route).status_code == 403
    assert admin.post(route).status_code == 202
    runs()
    assert len(peer.starts()) == 2


def test_a_failed_build_makes_it_unhealthy_and_a_good_one_heals_it(
    tenant: Tenant,
    client_for: ClientFor,
    run_due: RunDue,
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
) -> None:
    assert health_of(service, tenant, client_for, run_due)["status"] == "healthy"
    peer.states = ["error: Build exited with 1"]
    publish()
    runs(3)
    bad = health_of(service, tenant, client_for, run_due)
    assert (bad["status"], "Build exited with 1" in json.dumps(bad)) == ("unhealthy", True)

    peer.states = ["ready"]
    publish("Better")
    runs(3)
    assert health_of(service, tenant, client_for, run_due)["status"] == "healthy"


def test_what_is_held_up_makes_it_degraded(
    tenant: Tenant,
    client_for: ClientFor,
    run_due: RunDue,
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    publish: Publish,
    runs: Runs,
) -> None:
    peer.fail(status(503))
    publish()
    runs(1)

    assert health_of(service, tenant, client_for, run_due)["status"] == "degraded"


def test_old_deployments_go_away(
    by_hook: Project, publish: Publish, runs: Runs, kept: Kept, clock: Clock
) -> None:
    publish("Old")
    runs(5)
    clock.advance(days=91)
    publish("New")
    runs(5)

    assert [[one.title for one in found.changes.all()] for found in kept()] == [["New"]]


# -- values that are not saved yet -------------------------------------------------------------------------------------


async def check(service: Service, config: dict[str, Any], **secrets: str) -> str:
    cls: Any = loaded_plugins().get(service.plugin_id).cls
    result = await cls().check_config(config, Secrets(service.plugin_id, secrets))
    assert result.overall_status == "healthy"
    return str(result.details[0].message)


async def test_values_are_tried_without_deploying(
    service: Service, peer: DeploymentPeer, project: Project
) -> None:
    known = f"{service.title} knows the {service.project_noun} mine and accepts the token."
    by_hook = service.config_by_hook
    assert await check(service, by_hook, **service.secret_hook, token=TOKEN) == known
    assert await check(service, service.config_by_api(), token=TOKEN) == known
    assert "well-formed" in await check(service, {}, **service.secret_hook)
    assert peer.starts() == []


@pytest.mark.parametrize("what", ["hook", "project", "token", "wrong token", "other project"])
async def test_what_is_wrong_with_values_is_said(
    service: Service, peer: DeploymentPeer, project: Project, what: str
) -> None:
    by_api, setting = service.config_by_api(), service.project_setting
    wrong: dict[str, tuple[dict[str, Any], str, type[PluginError], str]] = {
        "hook": ({}, "", PluginConfigError, f"The {service.hook_noun} is missing"),
        "project": ({"method": "api"}, TOKEN, PluginConfigError, f"the {setting} (a setting) is missing"),
        "token": (by_api, "", PluginConfigError, "the access token (a secret) is missing"),
        "wrong token": (by_api, "wrong-token", AuthFailed, "refuses the access token"),
        "other project": (
            {**by_api, setting: "other"},
            TOKEN,
            PluginError,
            f"no such {service.project_noun}",
        ),
    }
    config, token, error, said = wrong[what]

    with pytest.raises(error) as caught:
        await check(service, config, **({"token": token} if token else {}))

    assert said in str(caught.value)


@pytest.mark.parametrize("part", ["another host", "no TLS", "the id alone"])
def test_an_address_elsewhere_is_no_hook(
    admin_client: Client, service: Service, by_hook: Project, part: str
) -> None:
    address = urlsplit(service.hook_address)
    wrong = {
        "another host": address._replace(netloc="evil.example").geturl(),
        "no TLS": address._replace(scheme="http").geturl(),
        "the id alone": service.hook,
    }[part]

    page = admin_client.post(f"{forms(service)}secrets/", {service.hook_secret: wrong})

    assert page.status_code == 200  # shown again, with the fault
    assert wrong not in page.text
