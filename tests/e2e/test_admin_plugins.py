"""Plugins in a browser: switched on, configured wrongly and rightly, and their own pages."""

from __future__ import annotations

from playwright.sync_api import expect

from plugin_host.testing.host import PluginEnabled
from tenants.models import Tenant
from tests.admin_people import make_person
from tests.e2e.conftest import OpenPage
from tests.e2e.test_admin_content import sign_in

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def test_an_owner_configures_a_plugin_and_switches_it_on(
    tenant: Tenant, site: str, open_page: OpenPage
) -> None:
    owner = make_person(tenant=tenant)
    page = open_page(f"{site}/admin/settings/plugins/")
    sign_in(page, owner.email)

    page.locator("#plugin-webhooks").get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Configuration, Endpoints:")).to_be_visible()

    page.get_by_role("link", name="Configuration").click()
    page.get_by_role("button", name="Add item").first.click()
    # By their labels, as those who hear the page find them.
    page.get_by_label("Name", exact=True).fill("crm")
    address = page.get_by_label("Address", exact=True)
    expect(page.get_by_label("Collapse Endpoints")).to_be_visible()
    address.fill("no address")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.locator(".json-form .rjf-error-text").first).to_be_visible()
    expect(address).to_have_value("no address")

    address.fill("https://listener.example.org/in")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.get_by_text("is saved.")).to_be_visible()
    expect(address).to_have_value("https://listener.example.org/in")

    page.get_by_role("link", name="Secrets").click()
    page.locator('input[name="signing_secret"]').fill(SECRET)
    page.get_by_role("button", name="Save secrets").click()
    expect(page.locator(".secret-set")).to_be_visible()
    assert SECRET not in page.content()

    page.get_by_role("link", name="Overview").last.click()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Webhooks is on.")).to_be_visible()
    expect(page).to_have_title(f"Overview | Webhooks | {tenant.name}")

    # To the plugin's own page and back, on a narrow screen, which it does not outgrow.
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_role("link", name="Open Webhooks").click()
    expect(page.get_by_role("cell", name="https://listener.example.org/in")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("once more")).to_have_count(0)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("link", name="Overview").last).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="Menu").press("Enter")
    expect(page.get_by_role("link", name="All plugins")).to_be_visible()


def test_a_plugins_own_page_is_styled_in_both_themes(
    tenant: Tenant, site: str, open_page: OpenPage, plugin_enabled: PluginEnabled
) -> None:
    owner = make_person(tenant=tenant)
    plugin_enabled("task-manager", tenant)
    sizes, colors = set(), set()

    for dark in (False, True):
        page = open_page(f"{site}/admin/plugins/task-manager/", dark=dark)
        sign_in(page, owner.email)
        heading = page.locator("h1.text-2xl")
        expect(heading).to_have_text("Task Manager")
        sizes.add(heading.evaluate("element => getComputedStyle(element).fontSize"))
        colors.add(heading.evaluate("element => getComputedStyle(element).color"))
        expect(page.get_by_role("link", name="Tasks")).to_be_visible()

    assert sizes == {"24px"}
    assert len(colors) == 2
