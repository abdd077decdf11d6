"""The routes: who gets in, and to which tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from httpx import AsyncClient

from core.actors import system_actor
from core.models import Collection, Record
from core.scope import tenant_scope
from plugin_host.services import pause_plugin, resume_plugin
from plugin_host.testing.host import headers_of_new_member
from tenants.models import Tenant

TASKS = "/api/v1/plugins/task-manager/tasks"


@pytest.fixture
def config() -> dict[str, Any]:
    return {"max_tasks_per_user": 2}


def make_record(tenant: Tenant) -> Record:
    with tenant_scope(tenant.pk, slug=tenant.slug):
        collection = Collection.objects.create(name="notes", title="Notes", schema={})
        record: Record = Record.objects.create(collection=collection, slug="first", title="First")
    return record


def post(client: Client, headers: dict[str, str], **task: Any) -> Any:
    return client.post(TASKS, task, content_type="application/json", headers=headers)


# The tutorial's tests.


async def test_list_tasks_requires_auth(async_client: AsyncClient) -> None:
    resp = await async_client.get(TASKS)

    assert resp.status_code == 401
    assert resp.headers["WWW-Authenticate"].startswith("Bearer")


async def test_create_task(async_client: AsyncClient, auth_headers: dict[str, str]) -> None:
    resp = await async_client.post(TASKS, json={"title": "Write docs"}, headers=auth_headers)

    assert resp.status_code == 201
    assert resp.json()["title"] == "Write docs"


# What a person sees and may.


def test_a_task_is_made_listed_changed_and_deleted(client: Client, auth_headers: dict[str, str]) -> None:
    made = post(client, auth_headers, title="Write docs").json()
    assert made == {**made, "title": "Write docs", "completed": False, "record": None}

    one = f"{TASKS}/{made['id']}"
    assert client.get(TASKS, headers=auth_headers).json() == [made]
    assert client.get(one, headers=auth_headers).json() == made

    changed = client.patch(one, {"completed": True}, content_type="application/json", headers=auth_headers)
    assert changed.json() == made | {"completed": True}

    assert client.delete(one, headers=auth_headers).status_code == 204
    assert client.get(TASKS, headers=auth_headers).json() == []


def test_others_of_the_same_tenant_do_not_see_it(
    client: Client, auth_headers: dict[str, str], admin_headers: dict[str, str]
) -> None:
    made = post(client, auth_headers, title="Mine").json()

    assert client.get(TASKS, headers=admin_headers).json() == []
    assert client.get(f"{TASKS}/{made['id']}", headers=admin_headers).status_code == 404


def test_a_task_may_be_about_a_record(client: Client, auth_headers: dict[str, str], tenant: Tenant) -> None:
    record = make_record(tenant)

    made = post(client, auth_headers, title="Check it", record=str(record.pk))

    assert made.status_code == 201
    assert made.json()["record"] == str(record.pk)


def test_a_record_of_another_tenant_is_none(
    client: Client, auth_headers: dict[str, str], other_tenant: Tenant
) -> None:
    foreign = make_record(other_tenant)

    answers = [
        post(client, auth_headers, title="Check it", record=str(identity))
        for identity in (foreign.pk, uuid4())
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json()["errors"][0]["pointer"] == "/record"
    assert [error["code"] for answer in answers for error in answer.json()["errors"]] == [
        "does_not_exist"
    ] * 2


@pytest.mark.parametrize(
    ("task", "pointer"), [({}, "/title"), ({"title": ""}, "/title"), ({"title": "x" * 256}, "/title")]
)
def test_a_task_needs_a_title(
    client: Client, auth_headers: dict[str, str], task: dict[str, Any], pointer: str
) -> None:
    answer = post(client, auth_headers, **task)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert client.get(TASKS, headers=auth_headers).json() == []


def test_more_than_the_limit_are_refused(
    client: Client, auth_headers: dict[str, str], tenant: Tenant
) -> None:
    answers = [post(client, auth_headers, title=f"Task {number}") for number in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[2].json()["code"] == "task_limit"
    assert answers[2].json()["detail"].startswith("You have 2 tasks, which is the limit")
    # The limit is each person's own.
    assert post(client, headers_of_new_member(tenant, role="editor"), title="Mine").status_code == 201


def test_where_the_plugin_is_off_there_is_no_such_address(other_tenant: Tenant) -> None:
    elsewhere = Client(headers={"host": f"{other_tenant.slug}.test"})

    assert elsewhere.get(TASKS).status_code == 404
    assert elsewhere.get(TASKS, headers=headers_of_new_member(other_tenant, role="owner")).status_code == 404


def test_where_the_plugin_is_paused_routes_say_so_and_come_back(
    client: Client, auth_headers: dict[str, str], tenant: Tenant
) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        until = timezone.now() + timedelta(minutes=5)
        pause_plugin("task-manager", reason="db.internal refused", until=until)

    answer = client.get(TASKS, headers=auth_headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "plugin_paused")
    assert 200 < int(answer.headers["Retry-After"]) <= 300
    # Why is no business of whoever calls.
    assert "db.internal" not in answer.content.decode()
    assert client.get(TASKS).status_code == 503

    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        resume_plugin("task-manager")
    assert client.get(TASKS, headers=auth_headers).status_code == 200
