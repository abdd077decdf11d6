"""API keys over HTTP: made, shown once, ended, replaced; never more than their owner may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.models import AuditEntry
from core.scope import tenant_scope
from tenants.models import ApiKey, Role, Tenant
from tenants.permissions import ACTIONS
from tests.tenants.people import browser, host_of, make_key_text, make_member, program

KEYS = "/api/v1/api-keys"
JSON = "application/json"
ME = "/api/v1/auth/me"


def make(client: Client, **fields: Any) -> Any:
    return client.post(KEYS, {"name": "CI", **fields}, JSON)


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    """An administrator's browser."""
    return browser(host_of(tenant), make_member(tenant, Role.ADMIN))


def test_a_key_is_shown_once_and_kept_as_a_hash(admin: Client, tenant: Tenant) -> None:
    answer = make(admin)
    made = answer.json()

    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert made["key"].startswith(f"{made['prefix']}_")
    assert made["scopes"] == ["record.read:*"]
    life = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert life == timedelta(days=90)
    shown = admin.get(f"{KEYS}/{made['id']}")
    assert "key" not in shown.json()
    assert made["key"] not in shown.text + admin.get(KEYS).text
    with tenant_scope(tenant.pk):
        stored = ApiKey.objects.get()
        audit = AuditEntry.objects.get(action="key.created")
    assert made["key"].encode() not in bytes(stored.secret_hash)
    assert made["key"] not in f"{audit.summary}{audit.detail}"
    assert program(host_of(tenant), made["key"]).get(ME).json()["role"] == "admin"


def test_one_may_have_ones_own_keys_and_no_others(admin: Client, tenant: Tenant) -> None:
    author = browser(host_of(tenant), make_member(tenant, Role.AUTHOR))
    foreign = make(admin).json()["id"]
    own = make(author).json()

    assert [key["id"] for key in author.get(KEYS).json()["data"]] == [own["id"]]
    assert len(admin.get(KEYS).json()["data"]) == 2
    for answer in (
        author.get(f"{KEYS}/{foreign}"),
        author.delete(f"{KEYS}/{foreign}"),
        author.post(f"{KEYS}/{foreign}/rotate", {}, JSON),
    ):
        assert answer.status_code == 404
    assert make(author, for_service=True).status_code == 403
    assert admin.delete(f"{KEYS}/{own['id']}").status_code == 204
    assert program(host_of(tenant), own["key"]).get(ME).status_code == 401


def test_a_services_key_has_at_most_its_makers_role(admin: Client, tenant: Tenant) -> None:
    assert make(admin, for_service=True, role="editor").json()["role"] == "editor"
    assert make(admin, for_service=True).json()["role"] == "viewer"
    assert make(admin, for_service=True, role="owner").status_code == 422
    refused = make(admin, role="viewer")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/role")


def test_keys_make_no_keys(tenant: Tenant) -> None:
    owner = make_member(tenant, Role.OWNER)
    for text in (make_key_text(tenant, owner), make_key_text(tenant, role=Role.ADMIN)):
        client = program(host_of(tenant), text)
        for fields in ({}, {"for_service": True}):
            answer = make(client, **fields)
            assert answer.status_code == 403
            assert "a person has to sign in" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"scopes": ["record.reed:*"]}, "/scopes"),
        ({"scopes": "record.read:*"}, "/scopes"),
        ({"scopes": ["record.read:*"] * 51}, "/scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires": "2999-01-01T00:00:00Z"}, "/expires"),
    ],
)
def test_what_cannot_be_is_pointed_at(admin: Client, fields: dict[str, Any], pointer: str) -> None:
    answer = make(admin, **fields)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert admin.get(KEYS).json()["data"] == []


@pytest.mark.parametrize(
    ("scope", "meant"), [("task.run:*", "schedule.run"), ("record.reed:*", "record.read"), ("x:*", None)]
)
def test_an_unknown_scope_is_told_which_there_are(admin: Client, scope: str, meant: str | None) -> None:
    (fault,) = make(admin, scopes=[scope]).json()["errors"]

    told = f" Did you mean '{meant}'?" if meant else ""
    assert fault["message"].startswith(f"'{scope}' names no action.{told} Write an action and a collection")
    named = fault["message"].partition("The actions are: ")[2].removesuffix(".").split(", ")
    # Those that only a person who has signed in may do are not offered.
    assert named == [action for action, rule in ACTIONS.items() if rule.keys]


def test_a_key_without_an_end_has_to_be_asked_for(admin: Client) -> None:
    assert make(admin, never_expires=True).json()["expires_at"] is None


def test_a_key_is_replaced_with_and_without_overlap(admin: Client, tenant: Tenant) -> None:
    old = make(admin, scopes=["record.*:*"]).json()
    first = admin.post(f"{KEYS}/{old['id']}/rotate", {"overlap_seconds": 3600}, JSON).json()
    second = admin.post(f"{KEYS}/{first['id']}/rotate", {}, JSON).json()

    working = [program(host_of(tenant), one["key"]).get(ME).status_code for one in (old, first, second)]
    assert working == [200, 401, 200]
    assert second["scopes"] == ["record.*:*"]
    ends = datetime.fromisoformat(admin.get(f"{KEYS}/{old['id']}").json()["expires_at"])
    assert ends < datetime.now(UTC) + timedelta(seconds=3700)
    again = admin.post(f"{KEYS}/{first['id']}/rotate", {}, JSON)
    assert (again.status_code, again.json()["code"]) == (409, "key_ended")
