"""The log over HTTP: in an order in which nothing is skipped."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.actors import system_actor
from core.models import Event
from core.scope import tenant_scope
from core.services import event_log
from core.services.event_log import place_events
from core.services.publishing import publish_record
from tenants.models import Role, Tenant
from tests.core.api.content import make_collection, make_record
from tests.fixtures import MakeTenant
from tests.tenants.people import host_of, make_key_text, make_member, program

EVENTS = "/api/v1/events"


@pytest.fixture
def api(tenant: Tenant) -> Client:
    """A program that may read the log, in a tenant with a collection."""
    make_collection(tenant)
    return program(host_of(tenant), make_key_text(tenant, role=Role.ADMIN, scopes=["event.read:*"]))


def make_event(tenant: Tenant, kind: str = "record.published", **fields: Any) -> Event:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        event: Event = Event.objects.create(type=kind, actor="system:tests", **fields)
        return event


def read(api: Client, **parameters: Any) -> list[str]:
    answer = api.get(EVENTS, parameters)
    assert answer.status_code == 200, answer.content
    return [event["id"] for event in answer.json()["data"]]


def test_an_entry_says_what_happened_to_what_and_by_whom(api: Client, tenant: Tenant) -> None:
    record = make_record(tenant, "Slow food")
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        publish_record(record_id=record.pk)

    created, published = api.get(EVENTS, {"type": "record.*"}).json()["data"]

    assert (created["type"], created["version"]) == ("record.created", 1)
    assert published | {"type": "record.published", "collection": "posts", "version": 2} == published
    assert (published["record_id"], published["actor"]) == (str(record.pk), "system:tests")
    assert published["payload"]["data"] == {"title": "Slow food"}
    assert published["occurred_at"].endswith("Z")


def test_an_event_that_commits_late_is_read_late_and_not_skipped(api: Client, tenant: Tenant) -> None:
    """Whatever its id and time: the reader is past them when it becomes visible."""
    is_written, may_commit = threading.Event(), threading.Event()
    late: list[str] = []

    def write_slowly() -> None:
        with transaction.atomic():
            late.append(str(make_event(tenant).pk))
            is_written.set()
            assert may_commit.wait(20)
        connection.close()

    slow = threading.Thread(target=write_slowly)
    slow.start()
    assert is_written.wait(20)
    quick = str(make_event(tenant).pk)

    first = read(api)
    may_commit.set()
    slow.join(20)
    then = read(api, after=first[-1])

    assert late[0] < quick
    assert (first, then) == ([quick], late)
    assert read(api) == [quick, *late]


def test_events_of_a_record_stand_in_the_order_of_its_versions(api: Client, tenant: Tenant) -> None:
    """Though the clock of the machine that wrote the later one is behind."""
    record_id = uuid4()
    now = timezone.now()
    second = make_event(tenant, record_id=record_id, record_version=2, created_at=now - timedelta(seconds=5))
    first = make_event(tenant, record_id=record_id, record_version=1, created_at=now)

    assert read(api) == [str(first.pk), str(second.pk)]


def test_readers_at_the_same_time_see_one_order(api: Client, tenant: Tenant) -> None:
    made = [str(make_event(tenant).pk) for _ in range(5)]
    start = threading.Barrier(3)
    seen: list[list[str]] = []

    def look() -> None:
        start.wait(20)
        seen.append(read(api))
        connection.close()

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)

    assert seen == [seen[0]] * 3
    assert sorted(seen[0]) == sorted(made)


def test_pages_lead_through_the_whole_log_and_on_from_its_end(api: Client, tenant: Tenant) -> None:
    made = [str(make_event(tenant).pk) for _ in range(5)]
    found: list[str] = []
    parameters: dict[str, Any] = {"limit": 2}
    while True:
        page = api.get(EVENTS, parameters).json()
        found += [event["id"] for event in page["data"]]
        if page["next"] is None:
            break
        parameters["cursor"] = page["next"]

    assert sorted(found) == sorted(made)
    assert read(api, after=found[-1]) == []
    more = str(make_event(tenant).pk)
    assert read(api, after=found[-1]) == [more]
    assert api.get(EVENTS, {"total": "true", "after": found[2]}).json()["total"] == 3


def test_after_takes_an_event_that_nobody_has_read_yet(
    api: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "BATCH", 1)
    monkeypatch.setattr(place_events, "__kwdefaults__", {"limit": 1})
    made = [make_event(tenant) for _ in range(4)]
    in_order = [str(event.pk) for event in sorted(made, key=lambda event: (event.created_at, event.pk))]

    assert read(api, after=in_order[1]) == in_order[2:]


def test_a_filter_reads_on_until_every_event_has_its_place(
    api: Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_events, "__kwdefaults__", {"limit": 1})
    for _ in range(3):
        make_event(tenant, "record.updated")
    wanted = str(make_event(tenant).pk)

    assert read(api, type="record.published") == [wanted]


@pytest.mark.parametrize(
    ("parameters", "types"),
    [
        ({"type": "record.deleted"}, ["record.deleted"]),
        ({"type": "record.deleted,plugin.enabled"}, ["plugin.enabled", "record.deleted"]),
        ({"type": "record.*"}, ["record.deleted", "record.published"]),
        ({"type": "rec.*"}, []),
        ({"collection": "posts"}, ["record.deleted"]),
    ],
)
def test_filters(api: Client, tenant: Tenant, parameters: dict[str, str], types: list[str]) -> None:
    make_event(tenant)
    make_event(tenant, "record.deleted", collection_name="posts")
    make_event(tenant, "plugin.enabled")

    assert sorted(event["type"] for event in api.get(EVENTS, parameters).json()["data"]) == types


@pytest.mark.parametrize(
    ("parameters", "pointer", "code"),
    [
        ({"after": "yesterday"}, "?after", "bad_parameter"),
        ({"after": str(uuid4())}, "?after", "event_not_found"),
        ({"type": "Record Published"}, "?type", "bad_parameter"),
        ({"cursor": "x"}, "?cursor", "bad_parameter"),
        ({"limit": "0"}, "?limit", "bad_parameter"),
        ({"since": "x"}, "?since", "unknown_parameter"),
        ({"sort": "id"}, "?sort", "unknown_parameter"),
    ],
)
def test_what_makes_no_sense_is_refused(
    api: Client, parameters: dict[str, str], pointer: str, code: str
) -> None:
    answer = api.get(EVENTS, parameters)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_an_event_of_another_tenant_is_no_place_to_begin(
    api: Client, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    theirs = make_event(make_tenant())
    mine = str(make_event(tenant).pk)

    assert read(api) == [mine]
    assert api.get(EVENTS, {"after": str(theirs.pk)}).json()["errors"][0]["code"] == "event_not_found"


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.EDITOR, 403), (Role.AUTHOR, 403), (Role.VIEWER, 403)],
)
def test_owners_and_administrators_may_read_it(tenant: Tenant, role: Role, status: int) -> None:
    key = make_key_text(tenant, make_member(tenant, role))

    assert program(host_of(tenant), key).get(EVENTS).status_code == status


@pytest.mark.parametrize(
    ("scope", "parameters", "status"),
    [
        ("event.read:*", {}, 200),
        ("record.read:*", {}, 403),
        ("event.read:posts", {}, 403),
        ("event.read:posts", {"collection": "posts"}, 200),
        ("event.read:posts", {"collection": "pages"}, 403),
        ("event.read:posts", {"collection": "*"}, 403),
        ("event.read:posts", {"collection": ""}, 403),
    ],
)
def test_a_key_reads_what_its_scope_names(
    tenant: Tenant, scope: str, parameters: dict[str, str], status: int
) -> None:
    key = make_key_text(tenant, role=Role.ADMIN, scopes=[scope])

    assert program(host_of(tenant), key).get(EVENTS, parameters).status_code == status


def test_without_credentials_there_is_nothing(tenant: Tenant) -> None:
    assert Client(headers={"host": host_of(tenant)}).get(EVENTS).status_code == 401


def test_a_page_that_has_not_changed_is_not_sent_again(api: Client, tenant: Tenant) -> None:
    make_event(tenant)
    etag = api.get(EVENTS)["ETag"]
    assert api.get(EVENTS, headers={"if-none-match": etag}).status_code == 304

    make_event(tenant)
    assert api.get(EVENTS, headers={"if-none-match": etag}).status_code == 200


def test_as_many_queries_whatever_the_page(
    api: Client, tenant: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_event(tenant)
    read(api)
    with django_assert_num_queries(5):
        assert len(read(api)) == 1
    for _ in range(2):
        make_event(tenant)
    read(api)
    with django_assert_num_queries(5):
        assert len(read(api)) == 3
