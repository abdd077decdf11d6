"""Scheduled tasks in a browser: run now, looked at, switched off and on; wide and narrow, light and dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from plugin_host.testing.host import PluginEnabled
from plugin_host.testing.schedule import run_waiting
from tenants.models import Tenant
from tests.admin_people import make_person
from tests.e2e.conftest import OpenPage
from tests.e2e.test_admin_content import sign_in

TASKS = "/admin/settings/plugins/task-manager/tasks/"


@pytest.fixture
def tidy(tenant: Tenant, plugin_enabled: PluginEnabled) -> None:
    plugin_enabled("task-manager", tenant, config={"keep_completed_days": 30})
    run_waiting(tenant)


@pytest.mark.usefixtures("tidy")
def test_an_owner_runs_a_task_and_switches_it_off_and_on(
    tenant: Tenant, site: str, open_page: OpenPage
) -> None:
    owner = make_person(tenant=tenant)
    page = open_page(f"{site}{TASKS}")
    sign_in(page, owner.email)
    expect(page.get_by_role("link", name="Tasks", exact=True).last).to_be_visible()
    expect(page.get_by_text("At 03:30 every day (UTC)")).to_be_visible()

    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("runs as soon as a worker is free")).to_be_visible()
    run_waiting(tenant)
    page.reload()
    expect(page.get_by_text(re.compile(r"Because of: A person \(.+\), attempt 1"))).to_be_visible()
    page.get_by_text("What it gave back").click()
    expect(page.get_by_text('"deleted": 0')).to_be_visible()

    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("Switched off", exact=True)).to_be_visible()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Scheduled", exact=True)).to_be_visible()


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("address", [TASKS, f"{TASKS}task-manager.tidy-up/"])
@pytest.mark.parametrize(("dark", "width"), [(False, 1440), (True, 400)])
def test_the_pages_fit_the_screen(
    tenant: Tenant, site: str, open_page: OpenPage, address: str, dark: bool, width: int
) -> None:
    page = open_page(f"{site}{address}", dark=dark, width=width)
    sign_in(page, make_person(tenant=tenant).email)
    expect(page.get_by_role("button", name="Run now")).to_be_attached()

    assert page.evaluate("document.documentElement.scrollWidth") <= width
