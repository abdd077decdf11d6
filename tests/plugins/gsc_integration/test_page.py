"""The page in the admin, the routes, and the form that tries what is typed in."""

from __future__ import annotations

import html
import json
import re
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client

from plugin_host.testing import MakeContent
from plugin_host.testing.host import PluginEnabled
from plugin_host.testing.schedule import run_task
from tenants.models import Tenant
from tests.plugins.gsc_integration.conftest import Connect
from tests.plugins.gsc_integration.google import Account, Fault, Google, refusal

FETCH = "gsc-integration.fetch"
PAGE = "/admin/plugins/gsc-integration/"
SETTINGS = "/admin/settings/plugins/gsc-integration/"
API = "/api/v1/plugins/gsc-integration"


@pytest.fixture
def tea(
    tenant: Tenant,
    make_content: MakeContent,
    connect: Connect,
    google: Google,
    account: Account,
    site: str,
    last: date,
) -> dict[str, Any]:
    """A record whose page was seen, beside a page of which there is no record, and one of another host."""
    content = make_content(title="Tea", body="Water, leaves, time.")
    google.fill(
        site,
        last,
        10,
        {
            f"https://{tenant.slug}.test/articles/tea": {"green tea": (5, 100, 2.0), "tea <b>": (1, 10, 4.0)},
            f"https://www.{tenant.slug}.test/articles/tea/?utm=mail": {"green tea": (2, 20, 8.0)},
            f"https://shop.{tenant.slug}.test/articles/tea": {"buy tea": (50, 60, 1.0)},
            f"https://{tenant.slug}.test/gone": {"gone": (3, 30, 9.0)},
        },
    )
    connect(tenant, account, site, backfill_days=12)
    assert run_task(tenant, FETCH).ended == "done"
    return content


def test_the_page_shows_figures_and_leads_to_records(
    tea: dict[str, Any], admin_client: Client, last: date
) -> None:
    text = admin_client.get(PAGE).text

    assert "610 clicks, 2200 impressions, position 3.3" in text
    assert f'href="/admin/core/record/{tea["content_id"]}/change/"' in text
    assert f"record={tea['content_id']}" in text
    assert "tea &lt;b&gt;" in text
    assert "Up to date" in text
    charts = [ET.fromstring(one) for one in re.findall(r"<svg class=\"w-full.*?</svg>", text, re.S)]
    assert [chart.findtext("title") for chart in charts] == ["Clicks", "Impressions"]
    described = charts[0].findtext("desc") or ""
    assert "610 in all, 61 at most" in described
    assert last.isoformat() in described
    assert all(chart.get("role") == "img" for chart in charts)


def test_a_records_page_shows_its_own_figures(tea: dict[str, Any], admin_client: Client) -> None:
    text = admin_client.get(PAGE, {"record": tea["content_id"], "days": "7"}).text

    # Eight clicks on each of seven days: both spellings of the address, and not the shop's page.
    assert "56 clicks" in text
    assert "green tea" in text
    assert "buy tea" not in text


@pytest.mark.parametrize("record", ["nothing", "01920000-0000-7000-8000-000000000001"])
def test_a_record_that_is_not_there_is_said(tea: dict[str, Any], admin_client: Client, record: str) -> None:
    answer = admin_client.get(PAGE, {"record": record})

    assert (answer.status_code, "There is no such record." in answer.text) == (404, True)


def test_the_routes_answer_with_the_same_figures(
    tea: dict[str, Any], tenant: Tenant, other_tenant: Tenant, client_for: Any, plugin_enabled: PluginEnabled
) -> None:
    client = client_for(tenant, role="editor")

    found = client.get(f"{API}/records/{tea['content_id']}?days=7").json()

    assert (found["path"], found["total"]["clicks"], len(found["days"])) == ("/articles/tea", 56, 7)
    assert [(one["query"], one["clicks"]) for one in found["queries"]] == [("green tea", 49), ("tea <b>", 7)]
    figures = client.get(f"{API}/figures?days=7").json()
    assert figures["total"]["clicks"] == 7 * 61
    own, www = f"https://{tenant.slug}.test", f"https://www.{tenant.slug}.test"
    assert {one["page"]: one["content_id"] for one in figures["pages"]} == {
        f"{own}/articles/tea": tea["content_id"],
        f"{www}/articles/tea/?utm=mail": tea["content_id"],
        f"https://shop.{tenant.slug}.test/articles/tea": None,
        f"{own}/gone": None,
    }
    assert client.get(f"{API}/figures?days=0").status_code == 422
    assert client_for(other_tenant, role="owner").get(f"{API}/figures").status_code == 404


def test_another_tenants_record_has_no_figures_here(
    tea: dict[str, Any],
    other_tenant: Tenant,
    client_for: Any,
    connect: Connect,
    accounts: tuple[Account, Account],
    site: str,
) -> None:
    connect(other_tenant, accounts[1], site)
    client = client_for(other_tenant, role="owner")

    assert client.get(f"{API}/records/{tea['content_id']}").status_code == 404
    assert client.get(f"{API}/figures").json()["days"] == []


def test_an_administrator_sets_it_up_with_forms(
    tenant: Tenant, admin_client: Client, google: Google, account: Account, site: str, last: date
) -> None:
    google.let_in(account, site)
    google.fill(site, last, 3, {f"https://{tenant.slug}.test/": {"home": (1, 2, 3.0)}})
    assert admin_client.get(PAGE).status_code == 404
    admin_client.post(f"{SETTINGS}secrets/", {"service_account_key": account.key_file()})
    typed = json.dumps({"property": site, "backfill_days": 5, "hour": 5})

    tried = admin_client.post(f"{SETTINGS}config/", {"config": typed, "do": "try"})
    assert f"{account.email} may read {site} (siteRestrictedUser)." in tried.text
    assert admin_client.post(f"{SETTINGS}config/", {"config": typed}).status_code == 302
    admin_client.post(f"{SETTINGS}state/", {"do": "enable"})

    assert run_task(tenant, FETCH).ended == "done"
    assert "Up to date" in admin_client.get(PAGE).text


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], "may see no property at all"),
        (
            ["sc-domain:other.example", "https://www.other.example/"],
            "It may see: https://www.other.example/, sc-domain",
        ),
    ],
    ids=["none", "others"],
)
def test_trying_says_which_properties_there_are(
    tenant: Tenant,
    connect: Connect,
    google: Google,
    account: Account,
    client_for: Any,
    others: list[str],
    said: str,
) -> None:
    connect(tenant, account, "sc-domain:example.com")
    google.access[account.email] = dict.fromkeys(others, "siteFullUser")

    found = (
        client_for(tenant, role="admin")
        .post("/api/v1/admin/plugins/gsc-integration/check", {}, content_type="application/json")
        .json()
    )

    assert found["status"] == "unhealthy"
    assert said in found["message"]
    assert account.email in found["message"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("{no json}", "The service account's key is no JSON. Make a key of type JSON"),
        ('{"type": "authorized_user"}', "its type must be service_account, not authorized_user"),
        ('{"type": "service_account"}', "has no client_email and no private_key"),
    ],
    ids=["no-json", "another-type", "empty"],
)
def test_trying_says_what_is_wrong_with_a_key(
    tenant: Tenant, admin_client: Client, google: Google, site: str, key: str, said: str
) -> None:
    saved = admin_client.post(f"{SETTINGS}secrets/", {"service_account_key": key}, follow=True)
    assert saved.status_code == 200

    tried = admin_client.post(
        f"{SETTINGS}config/", {"config": json.dumps({"property": site}), "do": "try"}
    ).text

    assert said in html.unescape(tried)
    assert google.requests == []


def test_a_failed_run_stands_on_the_page(
    tea: dict[str, Any], tenant: Tenant, admin_client: Client, google: Google
) -> None:
    google.fault("query", refusal(403, "forbidden"), Fault())

    run_task(tenant, FETCH)

    text = admin_client.get(PAGE).text
    assert "The last run failed" in text
    assert "Add the address as a user of the property" in text
