"""The main path of an editor, in a browser."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from core.actors import system_actor
from core.models import Record
from core.scope import tenant_scope
from core.services.collections import create_collection
from tenants.models import Tenant
from tests.admin_people import PASSWORD, make_person
from tests.e2e.conftest import OpenPage

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 40},
        "body": {"type": "string", "x-widget": "markdown"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["title"],
}


def sign_in(page: Page, email: str) -> None:
    """Fill in the form that stands before every page of the admin."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_an_editor_writes_and_publishes(tenant: Tenant, site: str, open_page: OpenPage) -> None:
    with tenant_scope(tenant.id, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="posts", title="Posts", schema=SCHEMA)
    editor = make_person(tenant=tenant, role="editor")

    page = open_page(f"{site}/admin/")
    sign_in(page, editor.email)
    page.get_by_role("link", name="Posts").first.click()
    page.goto(f"{site}/admin/core/record/add/?collection=posts")
    title = page.locator('input[name="rjf§title"]')
    body, text = page.locator('textarea[name="rjf§body"]'), "# Heading\n\nA *text* with [a link](/x)."
    body.fill(text)
    page.get_by_role("button", name="Save draft").click()

    expect(page.locator(".json-form .rjf-error-text")).to_be_visible()
    expect(body).to_have_value(text)

    title.fill("Written in a browser")
    page.get_by_role("button", name="Add item").click()
    page.locator('input[name="rjf§tags§0"]').fill("first")
    page.get_by_role("button", name="Save and publish").click()
    expect(page.get_by_text("is published.")).to_be_visible()

    with tenant_scope(tenant.id, slug=tenant.slug, actor=system_actor("tests")):
        record = Record.objects.get()
    assert record.data["tags"] == ["first"]

    page.goto(f"{site}/posts/{record.slug}")
    expect(page.get_by_role("heading", name="Written in a browser")).to_be_visible()
    expect(page.locator("em", has_text="text")).to_be_visible()


def test_the_pages_fit_narrow_screens_in_both_themes(tenant: Tenant, site: str, open_page: OpenPage) -> None:
    with tenant_scope(tenant.id, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="posts", title="Posts", schema=SCHEMA)
    owner = make_person(tenant=tenant)

    for dark in (False, True):
        page = open_page(f"{site}/admin/", dark=dark, width=390)
        sign_in(page, owner.email)
        for path in ("", "core/record/", "core/record/add/?collection=posts", "core/collection/add/"):
            page.goto(f"{site}/admin/{path}")
            page.wait_for_load_state("networkidle")
            overflow = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert overflow <= 0, path
            is_dark = page.evaluate("document.documentElement.classList.contains('dark')")
            assert is_dark is dark
