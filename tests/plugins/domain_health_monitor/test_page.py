"""The plugin as people use it: switched on and configured through the admin, seen on its page; two tenants apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from core.actors import system_actor
from core.scope import tenant_scope
from domain_health_monitor.config import CONFIG_SCHEMA, MonitorConfig
from domain_health_monitor.models import StatusChange, WatchedDomain
from plugin_host.models import HealthVerdict
from plugin_host.testing.host import DeliverAll, PluginEnabled
from plugin_host.testing.people import signed_in_client
from plugin_host.testing.schedule import run_due
from tenants.models import Tenant

from .authority import root
from .conftest import Internet
from .sites import answering

ID = "domain-health-monitor"
SETTINGS, PAGE = f"/admin/settings/plugins/{ID}/", f"/admin/plugins/{ID}/"


def page_of(client: Client) -> str:
    answer = client.get(PAGE, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_is_configured_and_switched_on_in_the_admin_and_shows_what_it_finds(
    tenant: Tenant, web: Internet, admin_client: Client
) -> None:
    host = f"{tenant.slug}.test"
    web.domain(host, signed=root().sign(host, days=15))

    admin_client.post(
        f"{SETTINGS}config/", {"config": json.dumps({"confirmations": 1, "path": "/up"})}, follow=True
    )
    shown = admin_client.post(f"{SETTINGS}state/", {"do": "enable"}, follow=True).content.decode()
    assert "Domain health" in shown
    assert "not yet" in page_of(admin_client)
    run_due(tenant)

    page = page_of(admin_client)
    assert f"target={host}" in page
    assert "0 unhealthy, 1 degraded, 0 healthy" in page
    assert "15 days" in page
    assert "see to it that it is renewed" in page
    health = admin_client.get(
        f"{SETTINGS}health/check/", {"check": f"{ID}.domain", "target": host}
    ).content.decode()
    assert "see to it that it is renewed" in health


def test_two_tenants_never_mix(
    tenant: Tenant,
    other_tenant: Tenant,
    web: Internet,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
) -> None:
    sites = {}
    for one, status in ((tenant, 500), (other_tenant, 200)):
        sites[one.slug] = web.domain(f"{one.slug}.test", https=answering(status))
        path = f"/watched-by-{one.slug}"
        plugin_enabled(ID, one, config={"confirmations": 1, "path": path})

    for one in (tenant, other_tenant):
        run_due(one)
        deliver_all(one)

    for one, state, changes in ((tenant, "unhealthy", 1), (other_tenant, "healthy", 0)):
        with tenant_scope(one.pk, slug=one.slug, actor=system_actor("tests")):
            assert list(WatchedDomain.objects.values_list("host", "status")) == [(f"{one.slug}.test", state)]
            assert [verdict.target for verdict in HealthVerdict.objects.filter(plugin=ID)] == [
                f"{one.slug}.test"
            ]
            assert StatusChange.objects.count() == changes
        paths = {head.split(" ")[1] for head in sites[one.slug].heads}
        assert paths == {f"/watched-by-{one.slug}"}
        stranger = other_tenant if one == tenant else tenant
        page = page_of(signed_in_client(one, role="admin"))
        assert (f"{one.slug}.test" in page, stranger.slug in page) == (True, False)


@pytest.mark.parametrize(
    ("config", "status", "said"),
    [
        ({}, "healthy", "answers 200"),
        ({"certificate_warning_days": 200}, "degraded", "see to it that it is renewed"),
        ({"certificate_critical_days": 30}, "unhealthy", "critical days are more than its warning days"),
    ],
)
def test_a_connection_is_tried_with_what_is_typed_in(
    tenant: Tenant,
    web: Internet,
    admin_headers: dict[str, str],
    client: Client,
    config: dict[str, Any],
    status: str,
    said: str,
) -> None:
    web.domain(f"{tenant.slug}.test")

    answer = client.post(
        f"/api/v1/admin/plugins/{ID}/check", {"config": config}, "application/json", headers=admin_headers
    )

    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == status, answer.json()
    assert said in str(answer.json()) or status == "healthy"
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        assert WatchedDomain.objects.count() == 0


def test_every_setting_has_a_default() -> None:
    config = MonitorConfig.from_dict({})

    assert (config.interval_seconds, config.confirmations, config.notify_emails) == (300, 2, ())
    assert all("default" in field and "title" in field for field in CONFIG_SCHEMA["properties"].values())
