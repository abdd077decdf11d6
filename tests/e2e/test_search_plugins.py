"""The plugins for search metrics in a browser: set up with their forms, tried, switched on, and their pages.

With `SCREENSHOTS=1` the pictures of their READMEs are made anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gsc_integration.syncing import google_today
from plugin_host.http import allow_outbound, use_services
from plugin_host.testing import MakeContent
from plugin_host.testing.schedule import run_task
from tenants.models import Tenant
from tests.admin_people import make_person
from tests.e2e.conftest import OpenPage
from tests.e2e.test_admin_content import sign_in
from tests.plugins.ahrefs_integration.ahrefs import Account, AhrefsPeer
from tests.plugins.ahrefs_integration.conftest import KEY, TOTALS, backlinks, keywords
from tests.plugins.gsc_integration.google import Google, new_account

PLUGINS = Path(__file__).parents[2] / "plugins"
WIDTH = 1100


@pytest.fixture
def google() -> Iterator[Google]:
    with (
        Google() as server,
        allow_outbound(f"127.0.0.1:{server.port}"),
        use_services(google_oauth=server.url, google_search_console=server.url),
    ):
        yield server


@pytest.fixture
def ahrefs() -> Iterator[AhrefsPeer]:
    with (
        AhrefsPeer() as server,
        allow_outbound(f"127.0.0.1:{server.port}"),
        use_services(ahrefs=server.url),
    ):
        yield server


def picture(page: Page, plugin: str, name: str) -> None:
    """Keep a picture of a page where that is asked for."""
    if os.environ.get("SCREENSHOTS") == "1":
        page.screenshot(path=PLUGINS / plugin / f"{name}.png")


def set_up(page: Page, secret: tuple[str, str], target: tuple[str, str], *, said: str, plugin: str) -> None:
    """Save the secret, try the configuration, save it and switch the plugin on."""
    page.get_by_role("link", name="Secrets").click()
    page.locator(f'[name="{secret[0]}"]').fill(secret[1])
    page.get_by_role("button", name="Save secrets").click()
    expect(page.locator(".secret-set")).to_be_visible()

    page.get_by_role("link", name="Configuration").click()
    page.locator(f'[name="rjf§{target[0]}"]').fill(target[1])
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#trial-result").get_by_text(said)).to_be_visible()
    picture(page, plugin, "configuration")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.get_by_text("is saved.")).to_be_visible()

    page.get_by_role("link", name="Overview").last.click()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text(" is on.")).to_be_visible()


def test_search_console_is_set_up_and_shows_a_records_figures(
    tenant: Tenant, site: str, open_page: OpenPage, google: Google, make_content: MakeContent
) -> None:
    for title in ("Tea", "Rice"):
        make_content(title=title, body="Water, and time.")
    account, property_name = new_account("reader"), f"sc-domain:{tenant.slug}.test"
    google.let_in(account, property_name)
    last = google_today() - timedelta(days=3)
    for back in range(100):
        google.data[property_name][last - timedelta(days=back)] = {
            f"https://{tenant.slug}.test/articles/tea": {
                "how to make tea": (40 + (back * 7) % 23, 700, 2.1),
                "green tea": (12 + back % 5, 300, 4.0),
            },
            f"https://{tenant.slug}.test/articles/rice": {"rice with water": (9, 120, 6.3)},
        }
    page = open_page(f"{site}/admin/settings/plugins/gsc-integration/", width=WIDTH)
    sign_in(page, make_person(tenant=tenant).email)

    set_up(
        page,
        ("service_account_key", account.key_file()),
        ("property", property_name),
        said=f"{account.email} may read {property_name}",
        plugin="gsc_integration",
    )
    assert run_task(tenant, "gsc-integration.fetch").ended == "done"

    page.goto(f"{site}/admin/plugins/gsc-integration/?days=90")
    expect(page.get_by_text("Up to date")).to_be_visible()
    expect(page.get_by_role("img", name="Clicks")).to_be_visible()
    picture(page, "gsc_integration", "figures")
    page.get_by_role("link", name="Tea", exact=True).click()
    expect(page.get_by_role("heading", name="Tea")).to_be_visible()
    expect(page.get_by_text("rice with water")).to_have_count(0)
    page.get_by_role("link", name="The record").click()
    expect(page.locator('[value="Tea"]').first).to_be_visible()


def test_ahrefs_is_set_up_and_shows_a_records_keywords(
    tenant: Tenant, site: str, open_page: OpenPage, ahrefs: AhrefsPeer, make_content: MakeContent
) -> None:
    make_content(title="Tea", body="Water, and time.")
    target = f"{tenant.slug}.test"
    ahrefs.accounts[KEY] = Account(limit=100_000, used=1_500)
    ahrefs.rows["keywords"][target] = keywords(tenant, 12)
    ahrefs.rows["backlinks"][target] = backlinks(tenant, 12)
    ahrefs.totals[target] = dict(TOTALS)
    page = open_page(f"{site}/admin/settings/plugins/ahrefs-integration/", width=WIDTH)
    sign_in(page, make_person(tenant=tenant).email)

    set_up(
        page,
        ("api_key", KEY),
        ("target", target),
        said="98,500 API units left",
        plugin="ahrefs_integration",
    )
    assert run_task(tenant, "ahrefs-integration.fetch").ended == "done"

    page.goto(f"{site}/admin/plugins/ahrefs-integration/")
    expect(page.get_by_text("Up to date")).to_be_visible()
    expect(page.get_by_role("img", name="Linking domains")).to_be_visible()
    picture(page, "ahrefs_integration", "figures")
    page.get_by_role("link", name="Tea", exact=True).first.click()
    expect(page.get_by_role("heading", name="Tea")).to_be_visible()
