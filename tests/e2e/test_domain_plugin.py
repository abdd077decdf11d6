"""The domain health monitor in a browser: set up with its form, tried, switched on, and its page.

With `SCREENSHOTS=1` the pictures of its README are made anew.
"""

from __future__ import annotations

from playwright.sync_api import expect

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.testing.schedule import run_due
from tenants.models import Tenant
from tenants.services.directory import add_domain
from tests.admin_people import make_person
from tests.e2e.conftest import OpenPage
from tests.e2e.test_admin_content import sign_in
from tests.e2e.test_search_plugins import WIDTH, picture
from tests.plugins.domain_health_monitor.authority import root
from tests.plugins.domain_health_monitor.conftest import Internet, web
from tests.plugins.domain_health_monitor.sites import answering

__all__ = ["web"]

ID, FOLDER = "domain-health-monitor", "domain_health_monitor"


def test_domains_are_watched_and_those_in_trouble_stand_first(
    tenant: Tenant, site: str, open_page: OpenPage, web: Internet
) -> None:
    first, ending, failing = (f"{name}{tenant.slug}.test" for name in ("", "shop.", "www."))
    local = f"{tenant.slug}.localhost"  # where the browser is
    web.domain(first)
    web.domain(local)
    web.domain(ending, signed=root().sign(ending, days=12))
    web.domain(failing, https=answering(503))
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        for host in (ending, failing):
            add_domain(host=host)
    page = open_page(f"{site}/admin/settings/plugins/{ID}/", width=WIDTH)
    sign_in(page, make_person(tenant=tenant).email)

    page.get_by_role("link", name="Configuration").click()
    page.locator('[name="rjf§confirmations"]').fill("1")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#trial-result").get_by_text("answers 503")).to_be_visible()
    picture(page, FOLDER, "configuration")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.get_by_text("is saved.")).to_be_visible()
    page.get_by_role("link", name="Overview").last.click()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text(" is on.")).to_be_visible()
    run_due(tenant)

    page.goto(f"{site}/admin/plugins/{ID}/")
    expect(page.get_by_text("1 unhealthy, 1 degraded, 2 healthy")).to_be_visible()
    rows = page.locator("table").first.locator("tbody tr")
    assert [row.locator("a").inner_text() for row in rows.all()] == [failing, ending, local, first]
    picture(page, FOLDER, "domains")
    page.get_by_role("link", name=ending).click()
    expect(page.get_by_text("see to it that it is renewed").first).to_be_visible()
