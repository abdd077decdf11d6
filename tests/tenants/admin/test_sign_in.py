"""Who gets into which admin."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import Tenant
from tests.admin_people import PASSWORD, PLATFORM_HOST, SignIn, client_at, make_person, signed_in_client


def attempt(host: str, email: str, password: str = PASSWORD) -> int:
    """Try to sign in; 302 is in, 200 is the form again."""
    return client_at(host).post("/admin/login/", {"username": email, "password": password}).status_code


def test_a_member_signs_in_at_the_tenants_host_only(tenant: Tenant, other_tenant: Tenant) -> None:
    member = make_person(tenant=tenant, role="viewer")

    assert attempt(f"{tenant.slug}.test", member.email) == 302
    assert attempt(f"{other_tenant.slug}.test", member.email) == 200
    assert attempt(PLATFORM_HOST, member.email) == 200


def test_an_operator_signs_in_at_the_platforms_host_only(tenant: Tenant) -> None:
    operator = make_person(is_staff=True, is_superuser=True)

    assert attempt(PLATFORM_HOST, operator.email) == 302
    assert attempt(f"{tenant.slug}.test", operator.email) == 200


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_does_not_say_whether_the_person_exists(tenant: Tenant, password: str) -> None:
    member = make_person(tenant=tenant)
    client = client_at(f"{tenant.slug}.test")

    def answer(email: str) -> str:
        page = client.post("/admin/login/", {"username": email, "password": password}).content.decode()
        return page.replace(email, "").split("csrfmiddlewaretoken")[0]

    assert answer(member.email) == answer("nobody@people.test")


def test_a_session_of_one_host_is_none_at_another(tenant: Tenant, other_tenant: Tenant) -> None:
    person = make_person(tenant=tenant)
    client = signed_in_client(person, f"{tenant.slug}.test")

    assert client.get("/admin/").status_code == 200
    elsewhere = client.get("/admin/", headers={"host": f"{other_tenant.slug}.test"})
    assert elsewhere.status_code == 302
    assert elsewhere.headers["Location"].startswith("/admin/login/")


def test_staff_flags_mean_nothing_at_a_tenants_host(tenant: Tenant) -> None:
    viewer = make_person(tenant=tenant, role="viewer", is_staff=True, is_superuser=True)
    client = signed_in_client(viewer, f"{tenant.slug}.test")

    assert client.get("/admin/core/collection/add/").status_code == 403
    assert client.get("/admin/tenants/membership/").status_code == 403


def test_without_a_sign_in_every_page_leads_to_the_form(tenant: Tenant) -> None:
    client = client_at(f"{tenant.slug}.test")

    for path in ("/admin/", "/admin/core/record/", "/admin/tenants/membership/", "/admin/search/?s=a"):
        assert client.get(path).headers["Location"].startswith("/admin/login/"), path


def test_a_forged_form_is_refused(tenant: Tenant) -> None:
    person = make_person(tenant=tenant)
    client = signed_in_client(person, f"{tenant.slug}.test")
    client.handler.enforce_csrf_checks = True

    assert client.post("/admin/core/collection/add/", {"name": "forged"}).status_code == 403


def change_password(client: Client, *, old: str = PASSWORD, new: str, again: str | None = None) -> str:
    fields = {"old": old, "new": new, "again": again or new}
    return client.post("/admin/password_change/", fields, follow=True).content.decode()


def test_a_person_changes_the_password_and_signs_in_again(tenant: Tenant) -> None:
    person = make_person(tenant=tenant)
    client = signed_in_client(person, f"{tenant.slug}.test")

    page = change_password(client, new="a quite different one 7")

    assert "Sign in with the new one." in page
    assert client.get("/admin/").status_code == 302
    assert attempt(f"{tenant.slug}.test", person.email) == 200
    assert attempt(f"{tenant.slug}.test", person.email, "a quite different one 7") == 302


def test_a_password_that_does_not_fit_changes_nothing(tenant: Tenant) -> None:
    person = make_person(tenant=tenant)
    client = signed_in_client(person, f"{tenant.slug}.test")

    assert "This is not your password." in change_password(client, old="wrong", new="a quite different one 7")
    assert "The two do not agree." in change_password(client, new="a quite different one 7", again="other")
    assert "too short" in change_password(client, new="short")
    assert client.get("/admin/").status_code == 200


def test_the_search_in_the_menu_keeps_tenants_apart(
    tenant: Tenant, other_tenant: Tenant, member_of: SignIn
) -> None:
    first, second = member_of(tenant), member_of(other_tenant)

    for client in (first, second):
        page = client.get("/admin/search/?s=rec").content.decode()
        assert "/admin/core/record/" in page
