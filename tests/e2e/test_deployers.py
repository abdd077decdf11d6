"""The deployers in a browser: configured in their forms, and their pages.

With SCREENSHOTS=1 the READMEs get new pictures.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from plugin_host.registry import loaded_plugins
from plugin_host.testing import PluginEnabled, PluginScope, Tenant
from tests.admin_people import make_person
from tests.e2e.conftest import OpenPage
from tests.e2e.test_admin_content import sign_in

DEPLOYERS = {
    "vercel-deployer": ("deploy_hook", "https://api.vercel.com/v1/integrations/deploy/prj_mine/hookOfMine"),
    "netlify-deployer": ("build_hook", "https://api.netlify.com/build_hooks/5c23354f454e1350f8543e78"),
}


def picture(page: object, plugin_id: str, name: str) -> None:
    """Keep a picture for the README, where somebody wants new ones."""
    folder = loaded_plugins().get(plugin_id).path
    if os.environ.get("SCREENSHOTS") and folder is not None:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)  # type: ignore[attr-defined]  # Playwright's


def fill_history(plugin_id: str) -> None:
    package = __import__(f"{plugin_id.replace('-', '_')}.models", fromlist=["Deployment", "Change"])
    now = timezone.now()
    at_work = {"error": "", "details_url": "https://example.org/details", "url": "https://site.example.org"}
    rows = [
        ("error", 95, 50, {**at_work, "url": "", "error": 'Command "npm run build" exited with 1'}),
        ("ready", 60, 74, at_work),
        ("building", 0, 0, at_work),
    ]
    for number, (state, minutes, seconds, fields) in enumerate(rows):
        asked_at = now - timedelta(minutes=minutes, seconds=20)
        made = package.Deployment.objects.create(
            state=state,
            asked_at=asked_at,
            finished_at=asked_at + timedelta(seconds=seconds) if seconds else None,
            remote_id=f"dpl_{number}",
            **fields,
        )
        for title in ("Slow food", "Opening hours")[: 1 + number % 2]:
            key = package.Change().pk
            package.Change.objects.create(key=key, event="record.published", title=title, deployment=made)
    package.Change.objects.create(key=package.Change().pk, event="record.published", title="Christmas menu")


@pytest.mark.parametrize("plugin_id", list(DEPLOYERS))
def test_a_deployer_is_configured_and_shows_its_deployments(
    tenant: Tenant,
    site: str,
    open_page: OpenPage,
    plugin_enabled: PluginEnabled,
    plugin_scope: PluginScope,
    plugin_id: str,
) -> None:
    name, address = DEPLOYERS[plugin_id]
    plugin_enabled(plugin_id, tenant)
    with plugin_scope(plugin_id, tenant):
        fill_history(plugin_id)
    page = open_page(f"{site}/admin/", width=1100)
    sign_in(page, make_person(tenant=tenant).email)

    page.goto(f"{site}/admin/settings/plugins/{plugin_id}/secrets/")
    page.locator(f'input[name="{name}"]').fill(address)
    page.get_by_role("button", name="Save secrets").click()
    expect(page.locator(".secret-set")).to_be_visible()
    assert address not in page.content()

    page.goto(f"{site}/admin/settings/plugins/{plugin_id}/config/")
    quiet = page.locator('input[name="rjf§quiet_seconds"]')
    expect(quiet).to_have_value("30")
    quiet.fill("45")
    page.get_by_role("button", name="Save configuration").click()
    expect(page.get_by_text("is saved.")).to_be_visible()
    expect(quiet).to_have_value("45")
    picture(page, plugin_id, "settings")

    page.goto(f"{site}/admin/plugins/{plugin_id}/")
    expect(page.get_by_text("1 change waits for the next deployment")).to_be_visible()
    expect(page.get_by_text('Command "npm run build" exited with 1')).to_be_visible()
    picture(page, plugin_id, "page")
    page.get_by_role("button", name="Deploy now").click()
    expect(page.get_by_text("2 changes wait for the next deployment")).to_be_visible()
