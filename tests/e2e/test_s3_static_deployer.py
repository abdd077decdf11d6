"""The S3 deployer's form in a browser. With README_SCREENSHOTS=1 the picture of its README is made anew."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import expect

from cms_project.environment import PROJECT
from tenants.models import Tenant
from tests.admin_people import make_person
from tests.e2e.conftest import OpenPage
from tests.e2e.test_admin_content import sign_in

PICTURE = Path(PROJECT) / "plugins/s3_static_deployer/config-form.png"


def test_an_owner_fills_in_the_form(tenant: Tenant, site: str, open_page: OpenPage) -> None:
    owner = make_person(tenant=tenant)
    page = open_page(f"{site}/admin/settings/plugins/s3-static-deployer/config/", width=1100)
    sign_in(page, owner.email)

    page.locator('input[name="rjf§bucket"]').fill("my-site")
    page.locator('input[name="rjf§region"]').fill("eu-central-1")
    page.locator('input[name="rjf§distribution_id"]').fill("E2QWRUHAPOMQZL")
    page.get_by_role("button", name="Save configuration").click()

    expect(page.get_by_text("is saved.")).to_be_visible()
    expect(page.locator('input[name="rjf§bucket"]')).to_have_value("my-site")
    if os.environ.get("README_SCREENSHOTS"):
        page.set_viewport_size({"width": 1100, "height": 1500})
        page.screenshot(path=PICTURE)
