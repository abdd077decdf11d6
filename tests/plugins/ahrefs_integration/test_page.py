"""The page in the admin, the routes, and the form that tries what is typed in."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client

from ahrefs_integration.syncing import utc_today
from plugin_host.testing import MakeContent
from plugin_host.testing.schedule import run_task
from tenants.models import Tenant
from tests.plugins.ahrefs_integration.ahrefs import Account, AhrefsPeer, Fault
from tests.plugins.ahrefs_integration.conftest import KEY, OTHER_KEY, Connect

FETCH = "ahrefs-integration.fetch"
PAGE = "/admin/plugins/ahrefs-integration/"
SETTINGS = "/admin/settings/plugins/ahrefs-integration/"
API = "/api/v1/plugins/ahrefs-integration"


@pytest.fixture
def tea(tenant: Tenant, make_content: MakeContent, connect: Connect, filled: AhrefsPeer) -> dict[str, Any]:
    content = make_content(title="Tea", body="Water, leaves, time.")
    shop = dict(filled.rows["keywords"][f"{tenant.slug}.test"][0])
    shop |= {"keyword": "buy <b>", "best_position_url": f"https://shop.{tenant.slug}.test/articles/tea"}
    filled.rows["keywords"][f"{tenant.slug}.test"].append(shop)
    connect(tenant, features=["keywords", "backlinks", "rankings"], project_id=77)
    assert run_task(tenant, FETCH).ended == "done"
    return content


def test_the_page_shows_figures_and_leads_to_records(tea: dict[str, Any], admin_client: Client) -> None:
    text = admin_client.get(PAGE).text

    assert "Up to date" in text
    assert "API units until 2099-01-01" in text
    assert f'href="/admin/core/record/{tea["content_id"]}/change/"' in text
    assert "buy &lt;b&gt;" in text
    assert "500 links from 40 domains; 900 from 70 in all time." in text
    assert "tea &lt;here&gt;" in text
    charts = [ET.fromstring(one) for one in re.findall(r"<svg class=\"w-full.*?</svg>", text, re.S)]
    assert [chart.findtext("title") for chart in charts] == ["Estimated visits a month", "Linking domains"]
    assert "40 at most" in (charts[1].findtext("desc") or "")


def test_a_records_page_shows_its_own_keywords(tea: dict[str, Any], admin_client: Client) -> None:
    text = admin_client.get(PAGE, {"record": tea["content_id"]}).text

    assert "tea 0003" in text
    assert "buy" not in text
    assert "Rankings" in text
    assert admin_client.get(PAGE, {"record": "nothing"}).status_code == 404


def test_the_routes_answer_with_the_same_figures(
    tea: dict[str, Any], tenant: Tenant, other_tenant: Tenant, client_for: Any, connect: Connect
) -> None:
    client = client_for(tenant, role="editor")

    figures = client.get(f"{API}/figures").json()

    assert (len(figures["keywords"]["rows"]), len(figures["backlinks"]["rows"])) == (31, 12)
    assert {row["content_id"] for row in figures["keywords"]["rows"]} == {tea["content_id"], None}
    assert figures["units"]["until"] == "2099-01-01"
    record = client.get(f"{API}/records/{tea['content_id']}").json()
    assert (record["path"], len(record["keywords"])) == ("/articles/tea", 30)
    assert [row["keyword"] for row in record["rankings"]] == ["tea"]
    connect(other_tenant, OTHER_KEY, target=f"{tenant.slug}.test")
    theirs = client_for(other_tenant, role="owner")
    assert theirs.get(f"{API}/records/{tea['content_id']}").status_code == 404
    assert theirs.get(f"{API}/figures").json()["keywords"] == {"day": None, "rows": []}


def test_an_administrator_sets_it_up_with_forms(
    tenant: Tenant, admin_client: Client, filled: AhrefsPeer
) -> None:
    filled.accounts[KEY] = Account(limit=10_000, used=100)
    admin_client.post(f"{SETTINGS}secrets/", {"api_key": KEY})
    typed = json.dumps({"target": f"{tenant.slug}.test", "rows": 5, "features": ["keywords", "rankings"]})

    without = admin_client.post(f"{SETTINGS}config/", {"config": typed, "do": "try"})
    assert "Rankings need the number of a Rank Tracker project" in without.text
    typed = json.dumps(json.loads(typed) | {"project_id": 77})
    tried = admin_client.post(f"{SETTINGS}config/", {"config": typed, "do": "try"})
    assert "Lite, billed yearly: 9,900 API units left." in tried.text
    assert admin_client.post(f"{SETTINGS}config/", {"config": typed}).status_code == 302
    admin_client.post(f"{SETTINGS}state/", {"do": "enable"})

    assert run_task(tenant, FETCH).ended == "done"
    assert "Up to date" in admin_client.get(PAGE).text


@pytest.mark.parametrize(
    ("account", "status", "said"),
    [
        (Account(limit=1000, used=990), "degraded", "no API units are left until 2099-01-01"),
        (Account(expires=f"{utc_today() + timedelta(days=9)}T00:00:00Z"), "degraded", "make a new one"),
        (Account(), "healthy", "no limit of API units"),
    ],
    ids=["no-units", "ends-soon", "good"],
)
def test_the_check_tells_of_units_and_of_the_keys_end(
    tenant: Tenant,
    connect: Connect,
    ahrefs: AhrefsPeer,
    client_for: Any,
    account: Account,
    status: str,
    said: str,
) -> None:
    ahrefs.accounts[KEY] = account
    connect(tenant)

    address = "/api/v1/admin/plugins/ahrefs-integration/check"
    found = client_for(tenant, role="admin").post(address, {}, content_type="application/json").json()

    assert found["status"] == status
    assert said in found["message"]


def test_a_spent_budget_stands_on_the_page(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer, admin_client: Client
) -> None:
    connect(tenant, units_per_month=100)
    run_task(tenant, FETCH)

    text = admin_client.get(PAGE).text

    assert "The budget of API units is spent" in text
    assert "or with a higher budget" in text
    assert "not all of them yet" in text
    filled.fault("limits-and-usage", Fault(status=401))
    run_task(tenant, FETCH)
    assert "does not take the API key" in admin_client.get(PAGE).text
