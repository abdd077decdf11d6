"""Who is let in where: passwords and sessions, tokens, keys."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import current_scope, platform_scope, tenant_scope
from tenants.api_keys import make_key, prefix_of
from tenants.models import ApiKey, Membership, RefreshToken, Role, Session, Tenant, User
from tenants.services.directory import suspend_tenant
from tenants.services.first_passwords import give_first_password
from tenants.services.members import remove_member
from tenants.services.people import set_password
from tenants.tokens import _key, make_access_token, read_access_token
from tests.fixtures import MakeTenant
from tests.tenants.people import (
    PASSWORD,
    PLATFORM_HOST,
    actor_of,
    browser,
    host_of,
    make_key_text,
    make_member,
    make_operator_account,
    make_stranger,
    membership_of,
    program,
    sign_in,
)

ME = "/api/v1/auth/me"


def tokens(tenant: Tenant, user: User) -> dict[str, Any]:
    answer = Client(headers={"host": host_of(tenant)}).post(
        "/api/v1/auth/token", {"email": user.email, "password": PASSWORD}, "application/json"
    )
    assert answer.status_code == 200, answer.content
    pair: dict[str, Any] = answer.json()
    return pair


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["code"]


# ── Sessions ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_member_signs_in_at_the_tenants_host(tenant: Tenant) -> None:
    user = make_member(tenant, Role.AUTHOR)

    me = browser(host_of(tenant), user).get(ME).json()

    assert (me["kind"], me["id"], me["role"], me["tenant"]) == ("user", str(user.pk), "author", tenant.slug)
    assert me["user"]["email"] == user.email


def test_a_cookie_of_another_host_is_no_session(tenant: Tenant, other_tenant: Tenant) -> None:
    user = make_member(tenant)
    make_member(other_tenant, email=user.email)
    client = browser(host_of(tenant), user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value

    for host in (host_of(other_tenant), PLATFORM_HOST):
        other = Client(headers={"host": host})
        other.cookies[settings.SESSION_COOKIE_NAME] = cookie
        assert problem(other.get(ME)) == (401, "unauthenticated")

    assert client.get(ME).status_code == 200


def test_only_members_sign_in_at_a_tenants_host_and_only_operators_at_the_platforms(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    member, operator, stranger = make_member(tenant), make_operator_account(), make_stranger()

    let_in = {
        (host, user.email): sign_in(Client(headers={"host": host}), user)
        for host in (host_of(tenant), host_of(other_tenant), PLATFORM_HOST)
        for user in (member, operator, stranger)
    }

    assert {place for place, worked in let_in.items() if worked} == {
        (host_of(tenant), member.email),
        (PLATFORM_HOST, operator.email),
    }


def test_a_wrong_password_and_an_unknown_address_are_refused_alike(tenant: Tenant) -> None:
    member = make_member(tenant)
    client = Client(headers={"host": host_of(tenant)})

    answers = [
        client.post("/api/v1/auth/token", {"email": email, "password": "wrong"}, "application/json").json()
        for email in (member.email, "nobody@example.org")
    ]

    assert [(answer["status"], answer["code"]) for answer in answers] == [(401, "bad_credentials")] * 2
    assert answers[0]["detail"] == answers[1]["detail"]


def test_signing_in_gives_the_session_a_new_key(tenant: Tenant) -> None:
    user = make_member(tenant)
    client = Client(headers={"host": host_of(tenant)})
    client.cookies[settings.SESSION_COOKIE_NAME] = "0" * 32
    assert sign_in(client, user)

    first = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert first != "0" * 32
    with platform_scope(PlatformWork.SIGN_IN):
        session = Session.objects.get(session_key=first)
    assert (session.tenant_id, session.user_id) == (tenant.pk, user.pk)


def test_a_new_password_ends_every_sign_in(tenant: Tenant) -> None:
    user = make_member(tenant)
    client = browser(host_of(tenant), user)
    pair = tokens(tenant, user)

    set_password(user=user, password="another long enough password")

    assert problem(client.get(ME)) == (401, "unauthenticated")
    assert problem(program(host_of(tenant), pair["access_token"]).get(ME)) == (401, "token_ended")


def test_the_end_of_a_membership_ends_its_sign_ins_there_alone(tenant: Tenant, other_tenant: Tenant) -> None:
    user = make_member(tenant)
    make_member(other_tenant, email=user.email)
    here, there = browser(host_of(tenant), user), browser(host_of(other_tenant), user)
    key = make_key_text(tenant, user)
    pair = tokens(tenant, user)

    with tenant_scope(tenant.pk, actor=system_actor("tests")):
        remove_member(member_id=membership_of(tenant, user).pk)

    assert here.get(ME).status_code == 401
    assert there.get(ME).status_code == 200
    for credentials in (key, pair["access_token"]):
        assert program(host_of(tenant), credentials).get(ME).status_code == 401


def test_sessions_need_the_csrf_token_for_changes(tenant: Tenant) -> None:
    client = browser(host_of(tenant), make_member(tenant, Role.ADMIN), checks_csrf=True)
    body = {"name": "posts", "schema": {}}

    refused = client.post("/api/v1/collections", body, "application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]

    token = (
        client.cookies[settings.CSRF_COOKIE_NAME].value if settings.CSRF_COOKIE_NAME in client.cookies else ""
    )
    client.get("/admin/")
    token = token or client.cookies[settings.CSRF_COOKIE_NAME].value
    host = host_of(tenant)
    answer = client.post(
        "/api/v1/collections",
        body,
        "application/json",
        headers={"X-CSRFToken": token, "Origin": f"http://{host}"},
    )
    assert answer.status_code == 201, answer.content


def test_sign_in_is_throttled(tenant: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "sign_in": "3/h"}
    monkeypatch.setitem(settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES", rates)
    user = make_member(tenant)
    client = Client(headers={"host": host_of(tenant)})

    def attempt() -> Any:
        body = {"email": user.email, "password": "wrong"}
        return client.post("/api/v1/auth/token", body, "application/json")

    assert [attempt().status_code for _ in range(3)] == [401] * 3
    refused = attempt()
    assert problem(refused) == (429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) > 0
    # The form of the administration counts with it.
    assert not sign_in(client, user)


# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_access_token_lets_in_at_its_own_host_only(tenant: Tenant, other_tenant: Tenant) -> None:
    user = make_member(tenant, Role.EDITOR)
    make_member(other_tenant, email=user.email)
    pair = tokens(tenant, user)

    assert program(host_of(tenant), pair["access_token"]).get(ME).json()["role"] == "editor"
    assert problem(program(host_of(other_tenant), pair["access_token"]).get(ME)) == (401, "wrong_tenant")
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == settings.ACCESS_TOKEN_SECONDS


def test_a_refresh_token_works_once_and_a_second_use_ends_the_sign_in(tenant: Tenant) -> None:
    first = tokens(tenant, make_member(tenant))
    client = Client(headers={"host": host_of(tenant)})

    def refresh(token: str) -> Any:
        return client.post("/api/v1/auth/refresh", {"refresh_token": token}, "application/json")

    second = refresh(first["refresh_token"])
    assert second.status_code == 200
    assert program(host_of(tenant), second.json()["access_token"]).get(ME).status_code == 200

    assert problem(refresh(first["refresh_token"])) == (401, "refresh_reused")
    assert refresh(second.json()["refresh_token"]).status_code == 401
    assert problem(program(host_of(tenant), second.json()["access_token"]).get(ME)) == (401, "token_ended")


def test_a_refresh_token_of_another_tenant_is_none(tenant: Tenant, other_tenant: Tenant) -> None:
    pair = tokens(tenant, make_member(tenant))
    body = {"refresh_token": pair["refresh_token"]}

    answer = Client(headers={"host": host_of(other_tenant)}).post(
        "/api/v1/auth/refresh", body, "application/json"
    )

    assert problem(answer) == (401, "refresh_invalid")


def test_signing_out_ends_access_and_refresh(tenant: Tenant) -> None:
    pair = tokens(tenant, make_member(tenant))
    client = program(host_of(tenant), pair["access_token"])

    assert client.post("/api/v1/auth/logout", {}, "application/json").status_code == 204

    assert problem(client.get(ME)) == (401, "token_ended")
    body = {"refresh_token": pair["refresh_token"]}
    anonymous = Client(headers={"host": host_of(tenant)})
    assert anonymous.post("/api/v1/auth/refresh", body, "application/json").status_code == 401


def test_signing_out_of_a_session(tenant: Tenant) -> None:
    client = browser(host_of(tenant), make_member(tenant))

    assert client.post("/api/v1/auth/logout", {}, "application/json").status_code == 204

    assert client.get(ME).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "refresh"},
        {"aud": "somebody"},
        {"iss": "somebody"},
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"tenant": None},
        {"sub": "no id"},
    ],
)
def test_tokens_that_are_not_quite_ours_are_refused(tenant: Tenant, changes: dict[str, Any]) -> None:
    pair = tokens(tenant, make_member(tenant))
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False}) | changes
    forged = jwt.encode({name: value for name, value in claims.items() if value is not None}, _key(), "HS256")

    answer = program(host_of(tenant), forged).get(ME)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_tokens_without_or_with_another_signature_are_refused(tenant: Tenant) -> None:
    pair = tokens(tenant, make_member(tenant))
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False})

    for forged in (
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256"),
        "not.a.token",
        "",
    ):
        assert program(host_of(tenant), forged).get(ME).status_code == 401


def test_a_token_made_for_another_tenant_needs_membership_there(tenant: Tenant, other_tenant: Tenant) -> None:
    claims = read_access_token(tokens(tenant, make_member(tenant))["access_token"])
    moved = type(claims)(user_id=claims.user_id, tenant_id=other_tenant.pk, family=claims.family)

    forged = make_access_token(moved, now=datetime.now(UTC))

    assert problem(program(host_of(other_tenant), forged).get(ME)) == (401, "token_ended")


# ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_lets_in_at_its_own_tenant_only(tenant: Tenant, other_tenant: Tenant) -> None:
    key = make_key_text(tenant, role=Role.EDITOR)

    me = program(host_of(tenant), key).get(ME).json()
    assert (me["kind"], me["role"], me["user"]) == ("key", "editor", None)
    assert problem(program(host_of(other_tenant), key).get(ME)) == (401, "wrong_tenant")


def test_on_a_platform_host_the_key_brings_its_tenant(tenant: Tenant) -> None:
    key = make_key_text(tenant)

    assert program(PLATFORM_HOST, key).get(ME).json()["tenant"] == tenant.slug
    assert program(PLATFORM_HOST, key).get("/api/v1/collections").json()["data"] == []
    assert program(PLATFORM_HOST, key, **{"X-Tenant": "other"}).get(ME).status_code == 404
    assert current_scope() is None


def test_a_persons_key_never_may_more_than_the_person(tenant: Tenant) -> None:
    user = make_member(tenant, Role.ADMIN)
    key = make_key_text(tenant, user)
    client = program(host_of(tenant), key)
    assert client.get(ME).json()["role"] == "admin"

    with tenant_scope(tenant.pk, actor=system_actor("tests")):
        Membership.objects.filter(user=user).update(role=Role.VIEWER)

    assert client.get(ME).json()["role"] == "viewer"
    assert (
        client.post("/api/v1/collections", {"name": "x", "schema": {}}, "application/json").status_code == 403
    )


@pytest.mark.parametrize("fault", ["revoked", "expired", "secret", "checksum", "cut", "other"])
def test_keys_that_are_not_good_are_refused(tenant: Tenant, fault: str) -> None:
    key = make_key_text(tenant)
    with tenant_scope(tenant.pk, actor=system_actor("tests")):
        if fault == "revoked":
            ApiKey.objects.update(revoked_at=datetime.now(UTC))
        if fault == "expired":
            ApiKey.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    if fault == "secret":
        stranger = make_key().text
        key = key[:12] + stranger[12:]
    if fault == "checksum":
        key = key[:-1] + ("a" if key[-1] != "a" else "b")
    if fault == "cut":
        key = key[:-3]
    if fault == "other":
        key = make_key().text

    answer = program(host_of(tenant), key).get(ME)

    expected = "key_malformed" if fault in {"secret", "checksum", "cut"} else "key_invalid"
    assert problem(answer) == (401, expected)
    assert tenant.slug not in answer.json()["detail"]


def test_the_checksum_is_part_of_the_form() -> None:
    key = make_key()

    assert prefix_of(key.text) == key.prefix
    assert len(key.text) == len("tnt_") + 8 + 1 + 43 + 6
    assert prefix_of(key.text.replace("tnt_", "tnx_")) is None


def test_the_last_use_of_a_key_is_written_once_a_minute(tenant: Tenant) -> None:
    client = program(host_of(tenant), make_key_text(tenant))

    def last_use() -> datetime | None:
        with tenant_scope(tenant.pk, actor=system_actor("tests")):
            used: datetime | None = ApiKey.objects.get().last_used_at
            return used

    assert last_use() is None
    client.get(ME)
    first = last_use()
    client.get(ME)
    assert first is not None
    assert last_use() == first


def test_a_suspended_tenants_key_is_told_so_on_the_platform_host(tenant: Tenant) -> None:
    key = make_key_text(tenant)
    with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=system_actor("tests")):
        suspend_tenant(slug=tenant.slug)

    assert problem(program(PLATFORM_HOST, key).get(ME)) == (503, "tenant_suspended")


# ── The platform's host ─────────────────────────────────────────────────────────────────────────────────────────


def test_x_tenant_needs_membership(make_tenant: MakeTenant) -> None:
    home, foreign = make_tenant(), make_tenant()
    operator = make_operator_account()
    make_member(home, Role.EDITOR, email=operator.email)
    client = browser(PLATFORM_HOST, operator)

    assert client.get(ME, headers={"X-Tenant": home.slug}).json()["role"] == "editor"
    assert client.get(ME, headers={"X-Tenant": foreign.slug}).status_code == 404
    assert client.get(ME, headers={"X-Tenant": "nobody"}).status_code == 404
    assert problem(client.get("/api/v1/collections")) == (400, "tenant_needed")
    # The session is the platform's, whatever tenant a request named.
    assert client.get("/admin/").status_code == 200


def test_signing_in_by_token_on_the_platform_host_tells_no_tenants(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    user = make_member(tenant)
    client = Client(headers={"host": PLATFORM_HOST})

    def attempt(**headers: str) -> Any:
        body = {"email": user.email, "password": PASSWORD}
        return client.post("/api/v1/auth/token", body, "application/json", headers=headers)

    assert problem(attempt()) == (400, "tenant_needed")
    pair = attempt(**{"X-Tenant": tenant.slug})
    assert pair.status_code == 200
    for name in (other_tenant.slug, "nobody"):
        assert problem(attempt(**{"X-Tenant": name})) == (401, "bad_credentials")
    assert program(PLATFORM_HOST, pair.json()["access_token"]).get(ME).json()["tenant"] == tenant.slug


def test_refresh_tokens_are_kept_as_hashes(tenant: Tenant) -> None:
    user = make_member(tenant)
    pair = tokens(tenant, user)

    with tenant_scope(tenant.pk, actor=actor_of(user)):
        stored = RefreshToken.objects.get()

    assert pair["refresh_token"].encode() not in bytes(stored.token_hash)
    assert len(bytes(stored.token_hash)) == 32
    assert isinstance(stored.family, uuid.UUID)


@pytest.mark.parametrize("cookie", ['"\\000aaaaaaaaaaaaaaaaa"', "\xe9" * 20, "a" * 5000, "' OR 1=1 --"])
def test_a_cookie_that_is_no_key_is_no_session(tenant: Tenant, cookie: str) -> None:
    client = Client(headers={"host": host_of(tenant)})

    answer = client.get(ME, headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})

    assert problem(answer) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("token", b'{"email": "\\ud800", "password": "x"}'),
        ("token", b'{"email": "a@example.org", "password": "\\ud800"}'),
        ("token", b'{"email": "a\\u0000@example.org", "password": "x"}'),
        ("refresh", b'{"refresh_token": "\\ud800"}'),
        ("logout", b'{"refresh_token": "\\ud800"}'),
    ],
)
def test_characters_that_nobody_can_type_are_refused(tenant: Tenant, path: str, body: bytes) -> None:
    client = Client(headers={"host": host_of(tenant)})

    assert problem(client.post(f"/api/v1/auth/{path}", body, "application/json")) == (400, "malformed_json")


def test_a_persons_key_is_replaced_by_that_person_only(tenant: Tenant) -> None:
    owner, admin = make_member(tenant, Role.OWNER), make_member(tenant, Role.ADMIN)
    own = program(host_of(tenant), make_key_text(tenant, owner)).get(ME).json()
    address = f"/api/v1/api-keys/{own['id']}"
    administration = browser(host_of(tenant), admin)

    refused = administration.post(f"{address}/rotate", {}, "application/json")

    assert problem(refused) == (403, "forbidden")
    assert b"tnt_" not in refused.content
    assert administration.delete(address).status_code == 204


def test_a_password_that_an_administrator_gave_opens_that_tenant_only(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    administrator = make_member(tenant, Role.ADMIN)
    victim = make_member(tenant, Role.VIEWER, email=f"{uuid.uuid4().hex}@example.org")
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=actor_of(administrator)):
        give_first_password(membership=membership_of(tenant, victim), password=PASSWORD)
    # Only now does the other tenant trust that address.
    make_member(other_tenant, Role.OWNER, email=victim.email)

    at_home = browser(host_of(tenant), victim)
    assert at_home.get(ME).status_code == 200
    assert browser(host_of(other_tenant), victim).get(ME).status_code == 401

    # Somebody who knows it may change it, and has no more than before.
    change = {"current_password": PASSWORD, "new_password": f"{PASSWORD} 2"}
    assert at_home.post("/api/v1/auth/password", change, "application/json").status_code == 204
    assert not sign_in(Client(headers={"host": host_of(other_tenant)}), victim, f"{PASSWORD} 2")
    assert sign_in(Client(headers={"host": host_of(tenant)}), victim, f"{PASSWORD} 2")

    # An operator vouches for the person.
    set_password(user=victim, password=PASSWORD)
    assert sign_in(Client(headers={"host": host_of(other_tenant)}), victim)
