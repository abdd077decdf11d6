"""A POST that is sent twice under one key is carried out once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from core.api import idempotency
from core.errors import Conflict
from core.scope import tenant_scope
from core.signals import before_record_create
from tenants.models import Role, Tenant
from tests.core.api.content import make_collection
from tests.tenants.people import host_of, make_key_text, program

RECORDS = "/api/v1/collections/posts/records"
BODY = {"data": {"title": "Once"}}


@pytest.fixture
def api(tenant: Tenant) -> Client:
    """A program that may write, in a tenant with a collection."""
    make_collection(tenant)
    return program(host_of(tenant), make_key_text(tenant, role=Role.ADMIN))


def post(client: Client, key: str, body: Any = BODY, path: str = RECORDS) -> Any:
    return client.post(path, body, "application/json", headers={"Idempotency-Key": key})


def titles(client: Client) -> list[str]:
    return [row["title"] for row in client.get(RECORDS).json()["data"]]


def test_the_first_answer_is_given_again(api: Client) -> None:
    first, second = post(api, "one"), post(api, "one")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    for name in ("ETag", "Location"):
        assert first.headers[name] == second.headers[name]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert titles(api) == ["Once"]


def test_another_key_is_another_request(api: Client) -> None:
    post(api, "one")
    post(api, "two")

    assert titles(api) == ["Once", "Once"]


def test_the_same_key_with_another_body_is_refused(api: Client) -> None:
    post(api, "one")

    refused = post(api, "one", {"data": {"title": "Twice"}})

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_reused")
    assert titles(api) == ["Once"]


def test_keys_of_others_do_not_count(api: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    make_collection(other_tenant)
    colleague = program(host_of(tenant), make_key_text(tenant, role=Role.ADMIN))
    stranger = program(host_of(other_tenant), make_key_text(other_tenant, role=Role.ADMIN))

    ids = {post(client, "one").json()["id"] for client in (api, colleague, stranger)}

    assert len(ids) == 3


def test_a_refusal_is_not_kept(api: Client) -> None:
    def refuse(**kwargs: Any) -> None:
        raise Conflict("Not yet.")

    before_record_create.connect(refuse)
    try:
        assert post(api, "one").status_code == 409
    finally:
        before_record_create.disconnect(refuse)

    assert post(api, "one").status_code == 201


def test_a_fault_of_ours_frees_the_key(api: Client) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError("a fault")

    api.raise_request_exception = False
    before_record_create.connect(fail)
    try:
        assert post(api, "one").status_code == 500
    finally:
        before_record_create.disconnect(fail)

    assert post(api, "one").status_code == 201


def test_the_same_request_at_the_same_moment_waits_for_nobody(api: Client) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def linger(**kwargs: Any) -> None:
        entered.set()
        go_on.wait(30)

    def send() -> None:
        answers.append(post(api, "one"))
        connection.close()

    answers: list[Any] = []
    before_record_create.connect(linger)
    try:
        first = threading.Thread(target=send)
        first.start()
        assert entered.wait(30)
        second = post(api, "one")
    finally:
        go_on.set()
        first.join()
        before_record_create.disconnect(linger)

    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_progress")
    assert [answer.status_code for answer in answers] == [201]
    assert titles(api) == ["Once"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
def test_a_key_that_is_none_is_refused(api: Client, key: str) -> None:
    answer = post(api, key)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")


def test_without_the_shared_server_nothing_is_promised(api: Client, settings: Any) -> None:
    idempotency._client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    try:
        refused = post(api, "one")
    finally:
        idempotency._client.cache_clear()

    assert (refused.status_code, refused.json()["code"]) == (503, "idempotency_unavailable")
    assert titles(api) == []


def test_publishing_twice_under_one_key_makes_one_version(api: Client, tenant: Tenant) -> None:
    where = f"{RECORDS}/{post(api, 'one').json()['id']}/publish"

    first, second = post(api, "two", {}, where), post(api, "two", {}, where)

    assert first.json()["version"] == second.json()["version"] == 2
    with tenant_scope(tenant.pk):
        assert api.get(where.removesuffix("/publish")).json()["version"] == 2
