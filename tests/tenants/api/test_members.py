"""The tenant, its members and hosts over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from core.models import AuditEntry
from core.scope import tenant_scope
from tenants.models import Role, Tenant
from tests.tenants.people import PLATFORM_HOST, browser, host_of, make_member, make_operator_account

MEMBERS = "/api/v1/tenant/members"
HOSTS = "/api/v1/tenant/hosts"
JSON = "application/json"


@pytest.fixture
def owner(tenant: Tenant) -> Client:
    """The owner's browser."""
    return browser(host_of(tenant), make_member(tenant, Role.OWNER))


def add(client: Client, email: str = "new@example.org", role: str = "editor", **fields: Any) -> Any:
    return client.post(MEMBERS, {"email": email, "role": role, **fields}, JSON)


def test_members_come_change_and_go(owner: Client, tenant: Tenant) -> None:
    answer = add(owner, "New@Example.org", name="Nora")
    member = answer.json()
    where = f"{MEMBERS}/{member['id']}"

    assert (answer.status_code, member["user"]["email"], member["role"]) == (201, "new@example.org", "editor")
    assert owner.get(where).json() == member
    assert owner.patch(where, {"role": "admin"}, JSON).json()["role"] == "admin"
    assert [one["role"] for one in owner.get(f"{MEMBERS}?sort=created_at").json()["data"]] == [
        "owner",
        "admin",
    ]
    assert owner.delete(where).status_code == 204
    assert owner.get(where).status_code == 404
    with tenant_scope(tenant.pk):
        actions = AuditEntry.objects.filter(action__startswith="member.", summary="new@example.org")
        noted = [*actions.order_by("id").values_list("action", flat=True)]
    assert noted == ["member.added", "member.role_changed", "member.removed"]


def test_faults_of_a_new_member(owner: Client) -> None:
    assert add(owner).status_code == 201
    again = add(owner)
    assert (again.status_code, again.json()["code"]) == (409, "member_exists")
    for fields, pointer in (({"email": "nobody"}, "/email"), ({"role": "king"}, "/role")):
        answer = add(owner, **fields)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_only_owners_make_and_unmake_owners(owner: Client, tenant: Tenant) -> None:
    admin = browser(host_of(tenant), make_member(tenant, Role.ADMIN))
    (first,) = (one for one in owner.get(MEMBERS).json()["data"] if one["role"] == "owner")

    assert add(admin, role="owner").status_code == 403
    assert admin.delete(f"{MEMBERS}/{first['id']}").status_code == 403
    assert admin.patch(f"{MEMBERS}/{first['id']}", {"role": "viewer"}, JSON).status_code == 403
    refused = owner.delete(f"{MEMBERS}/{first['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    assert add(owner, role="owner").status_code == 201
    assert owner.delete(f"{MEMBERS}/{first['id']}").status_code == 204


def test_members_are_no_business_of_editors(tenant: Tenant) -> None:
    editor = browser(host_of(tenant), make_member(tenant, Role.EDITOR))

    assert editor.get(MEMBERS).status_code == 403
    assert add(editor).status_code == 403


def test_the_profile_is_shown_and_changed(owner: Client, tenant: Tenant) -> None:
    assert owner.get("/api/v1/tenant").json()["slug"] == tenant.slug

    changed = owner.patch("/api/v1/tenant", {"name": "New name", "accent_color": "#123abc"}, JSON).json()
    assert (changed["name"], changed["accent_color"]) == ("New name", "#123abc")
    assert "New name" in Client(headers={"host": host_of(tenant)}).get("/").text

    for fields, pointer in (
        ({"time_zone": "Moon/Base"}, "/time_zone"),
        ({"accent_color": "red"}, "/accent_color"),
        ({"slug": "other"}, "/slug"),
    ):
        answer = owner.patch("/api/v1/tenant", fields, JSON)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_hosts_come_and_go(owner: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    new = f"www.{host_of(tenant)}"
    assert owner.post(HOSTS, {"host": new, "is_primary": True}, JSON).status_code == 201
    assert Client(headers={"host": new}).get("/").status_code == 200
    assert {one["host"]: one["is_primary"] for one in owner.get(HOSTS).json()["data"]} == {
        host_of(tenant): False,
        new: True,
    }
    taken = owner.post(HOSTS, {"host": host_of(other_tenant)}, JSON)
    assert (taken.status_code, taken.json()["code"]) == (409, "host_taken")
    assert other_tenant.name not in taken.text
    assert owner.delete(f"{HOSTS}/{host_of(other_tenant)}").status_code == 404
    assert owner.delete(f"{HOSTS}/{new}").status_code == 204
    assert Client(headers={"host": new}).get("/").status_code == 404
    assert owner.delete(f"{HOSTS}/{host_of(tenant)}").json()["code"] == "last_domain"


def test_operators_make_and_close_tenants(tenant: Tenant, owner: Client) -> None:
    operator = browser(PLATFORM_HOST, make_operator_account())
    slug = f"n{tenant.slug}"

    made = operator.post("/api/v1/tenants", {"slug": slug, "hosts": [f"{slug}.test"]}, JSON)
    assert made.status_code == 201, made.content
    site = Client(headers={"host": f"{slug}.test"})
    assert site.get("/").status_code == 200
    assert operator.post(f"/api/v1/tenants/{slug}/suspend", {}, JSON).json()["status"] == "suspended"
    assert site.get("/").status_code == 503
    assert operator.post(f"/api/v1/tenants/{slug}/resume", {}, JSON).json()["status"] == "active"
    assert operator.get("/api/v1/tenants/nobody").status_code == 404
    # Nobody else knows of it.
    for client in (owner, Client(headers={"host": host_of(tenant)})):
        assert client.get("/api/v1/tenants").status_code == 404
    assert Client(headers={"host": PLATFORM_HOST}).get("/api/v1/tenants").status_code == 401


def test_explain_says_which_rule_decides(tenant: Tenant) -> None:
    viewer = browser(host_of(tenant), make_member(tenant, Role.VIEWER))

    denied = viewer.get("/api/v1/explain?action=record.create&collection=posts").json()
    assert denied["allowed"] is False
    assert "record.create" in denied["rule"]
    assert viewer.get("/api/v1/explain?action=record.read").json()["allowed"] is True
    assert viewer.get("/api/v1/explain?action=record.reed").status_code == 400
