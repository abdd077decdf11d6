"""How often somebody may ask."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from django.test import Client

from tenants import throttling
from tenants.models import Tenant
from tenants.throttling import Limit, client_address, count_use
from tests.tenants.people import host_of, make_key_text, program

ME = "/api/v1/auth/me"


@pytest.fixture
def rates(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set limits for one test."""

    def set_rates(**wanted: str) -> None:
        known = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
        monkeypatch.setitem(settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES", {**known, **wanted})

    return set_rates


def test_each_caller_has_a_limit_of_its_own(tenant: Tenant, rates: Any) -> None:
    rates(caller="2/h")
    one, other = (program(host_of(tenant), make_key_text(tenant)) for _ in range(2))

    answers = [one.get(ME) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=1", "r=0", "r=0"]
    assert answers[0].headers["RateLimit-Policy"] == '"caller";q=2;w=3600'
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600
    assert answers[2].headers["Content-Type"] == "application/problem+json"
    assert other.get(ME).status_code == 200


def test_the_same_address_at_two_tenants_counts_apart(
    tenant: Tenant, other_tenant: Tenant, rates: Any
) -> None:
    rates(anonymous="1/h")
    body = {"refresh_token": "x"}

    def status(one: Tenant) -> int:
        client = Client(headers={"host": host_of(one)})
        return client.post("/api/v1/auth/refresh", body, "application/json").status_code

    assert [status(tenant), status(tenant), status(other_tenant)] == [401, 429, 401]


def test_a_window_ends() -> None:
    limit = Limit(name="tests", count=1, seconds=60)
    who = secrets.token_hex(8)

    first, second = count_use(limit, who, clock=lambda: 1000.0), count_use(limit, who, clock=lambda: 1019.9)
    later = count_use(limit, who, clock=lambda: 1020.0)

    assert [usage.used for usage in (first, second, later)] == [1, 2, 1]
    assert [usage.is_exceeded for usage in (first, second, later)] == [False, True, False]
    assert (first.reset_seconds, later.reset_seconds) == (20, 60)


def test_without_the_shared_server_each_process_counts_for_itself(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(throttling, "_shared", throttling._SharedCounters())
    limit, who = Limit(name="tests", count=1, seconds=60), secrets.token_hex(8)

    usages = [count_use(limit, who, clock=lambda: 1000.0) for _ in range(2)]

    assert [usage.used for usage in usages] == [1, 2]


def test_a_forwarded_address_counts_behind_a_proxy_only(rf: Any, settings: Any) -> None:
    request = rf.get("/", headers={"X-Forwarded-For": "6.6.6.6, 7.7.7.7"})

    assert client_address(request) == "127.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client_address(request) == "7.7.7.7"


def test_one_password_is_not_tried_on_many_accounts(tenant: Tenant, rates: Any) -> None:
    rates(sign_in="1/h")
    client = Client(headers={"host": host_of(tenant)}, REMOTE_ADDR=f"2001:db8::{secrets.token_hex(2)}")

    def status() -> int:
        wanted = {"email": f"{secrets.token_hex(6)}@example.org", "password": "x"}
        return client.post("/api/v1/auth/token", wanted, "application/json").status_code

    assert [status() for _ in range(11)] == [401] * 10 + [429]
