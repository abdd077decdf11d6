"""manage.py tenant and manage.py operator."""

from __future__ import annotations

import io
import json
import secrets
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tenants.models import Tenant
from tests.tenants.people import PASSWORD, PLATFORM_HOST, host_of, make_member, sign_in


def run(*arguments: str, stdin: str | None = None, monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    if monkeypatch is not None:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin or ""))
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def new_slug() -> str:
    return f"t{secrets.token_hex(6)}"


def listed(slug: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in json.loads(run("tenant", "list", "--json")) if one["slug"] == slug
    )
    return found


def test_a_tenant_with_hosts_and_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    slug, email = new_slug(), f"{secrets.token_hex(4)}@example.org"

    said = run(
        *("tenant", "create", slug, "--name", "Acme Ltd", "--plan", "pro", "--time-zone", "Europe/Berlin"),
        *("--host", f"{slug}.test", "--host", f"www.{slug}.test", "--owner", email, "--password-stdin"),
        stdin=f"{PASSWORD}\n",
        monkeypatch=monkeypatch,
    )

    assert f"{email} is owner of {slug}." in said
    one = listed(slug)
    assert (one["name"], one["plan"], one["members"]) == ("Acme Ltd", "pro", 1)
    assert one["hosts"] == [f"{slug}.test", f"www.{slug}.test"]
    body = {"email": email, "password": PASSWORD}
    for host in one["hosts"]:
        answer = Client(headers={"host": host}).post("/api/v1/auth/token", body, "application/json")
        assert answer.status_code == 200


def test_a_password_is_made_up_where_nobody_can_be_asked(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = f"{secrets.token_hex(4)}@example.org"

    said = run(
        *("tenant", "member", "add", "--tenant", tenant.slug, "--email", email, "--role", "editor"),
        stdin="",
        monkeypatch=monkeypatch,
    )

    password = said.split()[-1]
    body = {"email": email, "password": password}
    answer = Client(headers={"host": host_of(tenant)}).post("/api/v1/auth/token", body, "application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "Ä!"], "3 to 50 lower-case letters"),
        (["create", "{slug}"], "There is a tenant"),
        (["create", "{new}", "--host", "{slug}.test"], "is taken"),
        (["create", "{new}", "--host", "a b"], "host name alone"),
        (["create", "{new}", "--host", "platform.test"], "platform itself"),
        (["create", "{new}", "--time-zone", "Europe/Berln"], "Did you mean Europe/Berlin?"),
        (["create", "{new}", "--owner", "nobody"], "no e-mail address"),
        (["suspend", "{new}"], "There is no tenant"),
        (["member", "add", "--tenant", "{new}", "--email", "a@b.org", "--role", "viewer"], "no tenant"),
        (["member", "remove", "--tenant", "{slug}", "--email", "a@b.org"], "no member"),
        (["host", "remove", "{slug}.test", "--tenant", "{slug}"], "the only host"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    tenant: Tenant, arguments: list[str], said: str
) -> None:
    new = new_slug()

    with pytest.raises(CommandError) as refused:
        run("tenant", *(argument.format(slug=tenant.slug, new=new) for argument in arguments))

    assert said in str(refused.value)
    assert new not in run("tenant", "list")


def test_suspend_and_resume(tenant: Tenant) -> None:
    client = Client(headers={"host": host_of(tenant)})

    run("tenant", "suspend", tenant.slug)
    assert (listed(tenant.slug)["status"], client.get("/").status_code) == ("suspended", 503)

    run("tenant", "resume", tenant.slug)
    assert (listed(tenant.slug)["status"], client.get("/").status_code) == ("active", 200)


def test_members_are_listed_and_removed(tenant: Tenant) -> None:
    owner, editor = make_member(tenant, "owner"), make_member(tenant, "editor")

    run("tenant", "member", "remove", "--tenant", tenant.slug, "--email", editor.email.upper())

    said = run("tenant", "member", "list", "--tenant", tenant.slug, "--json")
    assert json.loads(said) == [{"email": owner.email, "role": "owner"}]
    with pytest.raises(CommandError, match="needs an owner"):
        run("tenant", "member", "remove", "--tenant", tenant.slug, "--email", owner.email)


def test_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    email = f"{secrets.token_hex(4)}@example.org"
    run("operator", "create", email, "--password-stdin", stdin=f"{PASSWORD}\n", monkeypatch=monkeypatch)
    client = Client(headers={"host": PLATFORM_HOST})
    client.post("/admin/login/", {"username": email, "password": PASSWORD})
    assert client.get("/api/v1/tenants?limit=1").status_code == 200
    assert email in run("operator", "list")

    run("operator", "remove", email)
    assert client.get("/api/v1/tenants?limit=1").status_code == 401
    with pytest.raises(CommandError, match="no operator"):
        run("operator", "remove", email)


def test_a_weak_password_makes_no_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    email = f"{secrets.token_hex(4)}@example.org"

    with pytest.raises(CommandError, match="too short"):
        run("operator", "create", email, "--password-stdin", stdin="short\n", monkeypatch=monkeypatch)

    assert email not in run("operator", "list")


def test_a_member_with_a_password_keeps_it(tenant: Tenant, other_tenant: Tenant) -> None:
    user = make_member(tenant)

    run("tenant", "member", "add", "--tenant", other_tenant.slug, "--email", user.email, "--role", "viewer")

    assert sign_in(Client(headers={"host": host_of(other_tenant)}), user)


def test_what_stands_round_a_slug_is_no_part_of_it() -> None:
    slug = new_slug()

    run("tenant", "create", f" {slug}\n")

    assert listed(slug)["slug"] == slug
