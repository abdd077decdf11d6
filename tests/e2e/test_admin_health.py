"""Health in a browser, without scripts, in both themes, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthSeverity, HealthStatus
from plugin_host.registry import PluginRegistry
from plugin_host.services import enable_plugin
from tenants.models import Tenant
from tests.admin_people import make_person
from tests.e2e.conftest import OpenPage
from tests.e2e.test_admin_content import sign_in
from tests.plugin_host.health.history import past_results
from tests.plugin_host.health.watchers import Watcher
from tests.plugin_host.installing import no_plugins

__all__ = ["no_plugins"]

HEALTHY, DEGRADED, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY


@pytest.fixture
def checked(no_plugins: object, tenant: Tenant) -> Iterator[Tenant]:
    """A tenant whose plugin has watched three things for a while."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        PluginRegistry().register(Watcher)
        enable_plugin("watcher")
        site = HealthCheckDefinition(
            "watcher.site", "Website answers", "www.example.org", HealthSeverity.CRITICAL
        )
        waves = [120 + 80 * (place % 7) + (900 if 150 < place < 170 else 0) for place in range(280)]
        past_results(site, [HEALTHY] * 150 + [DEGRADED] * 12 + [UNHEALTHY] * 8 + [HEALTHY] * 110, ms=waves)
        past_results(HealthCheckDefinition("watcher.mail", "Mail server", "mx.example.org"), [UNHEALTHY] * 9)
        past_results(HealthCheckDefinition("watcher.dns", "Name server", "ns.example.org"), [DEGRADED] * 3)
        yield tenant


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_history_is_drawn_in_both_themes_wide_and_narrow(
    checked: Tenant, site: str, open_page: OpenPage, width: int, dark: bool
) -> None:
    owner = make_person(tenant=checked)
    page = open_page(f"{site}/admin/settings/plugins/watcher/health/", dark=dark, width=width)
    sign_in(page, owner.email)

    assert page.locator(".health-cards h3").all_inner_texts() == [
        "Mail server",
        "Name server",
        "Website answers",
    ]
    page.get_by_role("link", name="Website answers").click()
    expect(page.get_by_text("The last 24 hours: 260 healthy, 12 degraded, 8 unhealthy")).to_be_visible()
    band = page.locator(".health-band").bounding_box()
    assert band is not None
    assert band["width"] > 200
    # Nothing makes the page wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    fills = page.locator(".health-band .health-unhealthy").first.evaluate("one => getComputedStyle(one).fill")
    assert fills.startswith("oklch")
