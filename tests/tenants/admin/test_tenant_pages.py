"""People, hosts, keys and profile through a tenant's admin."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.models import AuditEntry
from tenants.models import ApiKey, Domain, Membership, Tenant
from tests.admin_people import PASSWORD, SignIn, client_at, make_person
from tests.core.admin.test_records import refusal_in

MEMBERS = "/admin/tenants/membership/"
KEYS = "/admin/tenants/apikey/"
DOMAINS = "/admin/tenants/domain/"

PAGES = {
    "/admin/": {"owner", "admin", "editor", "author", "viewer"},
    "/admin/core/record/": {"owner", "admin", "editor", "author", "viewer"},
    "/admin/core/collection/add/": {"owner", "admin"},
    MEMBERS: {"owner", "admin"},
    f"{MEMBERS}add/": {"owner", "admin"},
    DOMAINS: {"owner", "admin"},
    KEYS: {"owner", "admin", "editor", "author", "viewer"},
    "/admin/core/auditentry/": {"owner", "admin"},
}


@pytest.mark.parametrize("role", ["owner", "admin", "editor", "author", "viewer"])
def test_each_role_opens_its_pages_and_no_others(member_of: SignIn, tenant: Tenant, role: str) -> None:
    client = member_of(tenant, role)

    opened = {path for path in PAGES if client.get(path).status_code == 200}

    assert opened == {path for path, roles in PAGES.items() if role in roles}


def test_a_new_member_gets_a_role_and_a_first_password(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "admin")

    client.post(
        f"{MEMBERS}add/",
        {"email": "New@People.Test", "name": "New", "role": "editor", "password": PASSWORD},
    )

    assert Membership.objects.get(user__email="new@people.test").role == "editor"
    signed_in = client_at(f"{in_tenant.slug}.test").post(
        "/admin/login/", {"username": "new@people.test", "password": PASSWORD}
    )
    assert signed_in.status_code == 302
    assert AuditEntry.objects.filter(action="member.added").count() == 1


def test_nobody_gets_into_another_tenant_through_a_first_password(
    member_of: SignIn, in_tenant: Tenant, other_tenant: Tenant
) -> None:
    victim = make_person(tenant=other_tenant, role="owner")
    client = member_of(in_tenant)

    page = client.post(
        f"{MEMBERS}add/",
        {"email": victim.email, "role": "viewer", "password": "attacker knows this 1"},
        follow=True,
    ).content.decode()

    assert "has a password already and keeps it" in refusal_in(page)
    refused = client_at(f"{other_tenant.slug}.test").post(
        "/admin/login/", {"username": victim.email, "password": "attacker knows this 1"}
    )
    assert refused.status_code == 200


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"email": "no address", "role": "viewer"}, "valid email"),
        ({"email": "a@people.test", "role": "king"}, "king"),
    ],
)
def test_a_wrong_member_is_refused_and_the_input_kept(
    member_of: SignIn, in_tenant: Tenant, fields: dict[str, str], says: str
) -> None:
    page = member_of(in_tenant).post(f"{MEMBERS}add/", fields).content.decode()

    assert says in refusal_in(page)
    assert f'value="{fields["email"]}"' in page


def test_the_same_person_is_not_added_twice(member_of: SignIn, in_tenant: Tenant) -> None:
    known = make_person(tenant=in_tenant)

    page = (
        member_of(in_tenant).post(f"{MEMBERS}add/", {"email": known.email, "role": "viewer"}).content.decode()
    )

    assert f"{known.email} is a member already." in refusal_in(page)


def test_the_last_owner_stays(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "owner")
    owner = Membership.objects.get()

    page = client.post(f"{MEMBERS}{owner.pk}/change/", {"role": "viewer"}).content.decode()
    assert "needs an owner" in refusal_in(page)
    page = client.post(f"{MEMBERS}{owner.pk}/delete/", {"post": "yes"}, follow=True).content.decode()
    assert "needs an owner" in refusal_in(page)
    assert Membership.objects.get().role == "owner"


def test_an_admin_cannot_make_an_owner(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "admin")
    membership = Membership.objects.get()

    page = client.post(f"{MEMBERS}{membership.pk}/change/", {"role": "owner"}).content.decode()

    assert "owner.manage" in refusal_in(page)
    membership.refresh_from_db()
    assert membership.role == "admin"


def test_a_removed_member_is_out_at_once(member_of: SignIn, in_tenant: Tenant) -> None:
    owner, leaver = member_of(in_tenant), member_of(in_tenant, "editor")
    assert leaver.get("/admin/").status_code == 200

    owner.post(f"{MEMBERS}{Membership.objects.get(role='editor').pk}/delete/", {"post": "yes"})

    assert leaver.get("/admin/").status_code == 302


def test_a_key_is_shown_once(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    response = client.post(
        f"{KEYS}add/",
        {"name": "Deploy", "owner": "service", "role": "editor", "scopes": "record.*:posts", "days": "30"},
    )

    page = response.content.decode()
    text = re.search(r"tnt_[A-Za-z0-9]{8}_[A-Za-z0-9]+", page)
    assert text is not None
    assert "no-store" in response.headers["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.role, key.scopes) == ("editor", ["record.*:posts"])
    for path in (KEYS, f"{KEYS}{key.pk}/change/"):
        assert text[0] not in client.get(path).content.decode()


def test_a_key_is_replaced_and_revoked(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)
    client.post(f"{KEYS}add/", {"name": "Deploy", "owner": "own", "scopes": "", "days": "30"})
    old = ApiKey.objects.get()

    assert "tnt_" in client.post(f"{KEYS}{old.pk}/rotate/").content.decode()
    assert ApiKey.objects.count() == 2
    client.post(f"{KEYS}{old.pk}/revoke/")
    old.refresh_from_db()
    assert old.revoked_at is not None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"scopes": "nonsense"}, "names no action"),
        ({"owner": "own", "role": "editor"}, "leave it out"),
        ({"days": "9999"}, "730"),
        ({"name": ""}, "required"),
    ],
)
def test_a_wrong_key_is_refused(
    member_of: SignIn, in_tenant: Tenant, fields: dict[str, str], says: str
) -> None:
    given = {"name": "Key", "owner": "service", "role": "viewer", "scopes": "", "days": "30", **fields}

    page = member_of(in_tenant).post(f"{KEYS}add/", given).content.decode()

    assert says in refusal_in(page)
    assert ApiKey.objects.count() == 0


def test_an_editor_sees_own_keys_only(member_of: SignIn, in_tenant: Tenant) -> None:
    owner, editor = member_of(in_tenant), member_of(in_tenant, "editor")
    owner.post(f"{KEYS}add/", {"name": "Of the owner", "owner": "own", "scopes": "", "days": "30"})
    key = ApiKey.objects.get()

    assert "Of the owner" not in editor.get(KEYS).content.decode()
    assert editor.post(f"{KEYS}{key.pk}/revoke/").status_code == 404
    assert editor.post(f"{KEYS}{key.pk}/rotate/").status_code == 404


def test_hosts_come_and_go(member_of: SignIn, in_tenant: Tenant, other_tenant: Tenant) -> None:
    client = member_of(in_tenant)
    host = f"www.{in_tenant.slug}.test"

    client.post(f"{DOMAINS}add/", {"host": host, "is_primary": "on"})
    assert Domain.objects.get(is_primary=True).host == host

    client.post(f"{DOMAINS}{Domain.objects.get(host=host).pk}/delete/", {"post": "yes"})
    assert [domain.host for domain in Domain.objects.all()] == [f"{in_tenant.slug}.test"]

    page = client.post(f"{DOMAINS}add/", {"host": f"{other_tenant.slug}.test"}).content.decode()
    assert "is taken" in refusal_in(page)


def test_the_only_host_stays(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    page = client.post(
        f"{DOMAINS}{Domain.objects.get().pk}/delete/", {"post": "yes"}, follow=True
    ).content.decode()

    assert "add another one first" in refusal_in(page)
    assert Domain.objects.count() == 1


def profile(client: Client, tenant: Tenant, **changes: Any) -> str:
    fields = {"name": tenant.name, "tagline": "", "time_zone": "UTC", "accent_color": "", **changes}
    return client.post(f"/admin/tenants/tenant/{tenant.pk}/change/", fields, follow=True).content.decode()


def test_the_profile_is_changed(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    assert client.get("/admin/tenants/tenant/").headers["Location"].endswith(f"{in_tenant.pk}/change/")
    assert "The profile is saved." in profile(client, in_tenant, name="Renamed", accent_color="#112233")

    in_tenant.refresh_from_db()
    assert (in_tenant.name, in_tenant.accent_color) == ("Renamed", "#112233")


def test_times_are_those_of_the_tenants_clocks_and_lists_are_called_as_in_the_menu(
    member_of: SignIn, in_tenant: Tenant
) -> None:
    client = member_of(in_tenant)
    profile(client, in_tenant, time_zone="Asia/Tokyo")
    member = Membership.objects.get()
    Membership.objects.update(created_at=datetime(2026, 1, 31, 20, 5, tzinfo=UTC))

    page = client.get(MEMBERS).content.decode()
    form = client.get(f"{MEMBERS}{member.pk}/change/").content.decode()

    assert f"<title> People | {in_tenant.name}</title>" in page
    assert "2026-02-01 05:05" in page
    assert "Times are those of Asia/Tokyo." in page
    # Named by the person, not by a key.
    assert f"{member.user.email} as owner" in form
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_wrong_profile_is_refused_at_the_field(member_of: SignIn, in_tenant: Tenant) -> None:
    page = profile(member_of(in_tenant), in_tenant, time_zone="Europe/Berln")

    assert "Did you mean Europe/Berlin?" in refusal_in(page)


def test_another_tenants_rows_are_not_there(
    member_of: SignIn, in_tenant: Tenant, other_tenant: Tenant
) -> None:
    stranger = member_of(other_tenant)
    member_of(in_tenant)
    membership = Membership.objects.get()
    domain = Domain.objects.get()

    for path in (
        f"{MEMBERS}{membership.pk}/",
        f"{DOMAINS}{domain.pk}/",
        f"/admin/tenants/tenant/{in_tenant.pk}/",
    ):
        response = stranger.get(f"{path}change/")
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/"), path
    stranger.get("/admin/")  # shows "doesn't exist", with the ids that were asked for
    for path in (MEMBERS, DOMAINS):
        page = stranger.get(path).content.decode()
        assert str(membership.pk) not in page
        assert domain.host not in page
