"""Records over HTTP: written, read, published, with history."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tenants.models import Role, Tenant
from tests.core.api.content import make_collection, make_record
from tests.tenants.people import (
    PLATFORM_HOST,
    browser,
    host_of,
    make_key_text,
    make_member,
    make_operator_account,
    program,
)

RECORDS = "/api/v1/collections/posts/records"
JSON = "application/json"


@pytest.fixture
def api(tenant: Tenant) -> Client:
    """A program that may write everything, in a tenant with a collection."""
    make_collection(tenant)
    return program(host_of(tenant), make_key_text(tenant, role=Role.ADMIN))


def created(api: Client, title: str = "Hello", **fields: Any) -> dict[str, Any]:
    answer = api.post(RECORDS, {"data": {"title": title}, **fields}, JSON)
    assert answer.status_code == 201, answer.content
    record: dict[str, Any] = answer.json()
    return record


def pointers(answer: Any) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def test_a_record_from_draft_to_page_and_back(api: Client, tenant: Tenant) -> None:
    answer = api.post(RECORDS, {"data": {"title": "First", "body": "*Hi*"}}, JSON)
    record = answer.json()
    where = f"{RECORDS}/{record['id']}"
    assert (answer.status_code, answer.headers["Location"], answer.headers["ETag"]) == (201, where, '"1"')
    assert (record["status"], record["slug"], record["version"]) == ("draft", "first", 1)

    public = Client(headers={"host": host_of(tenant)})
    assert public.get("/api/v1/content/posts/first").status_code == 404

    published = api.post(f"{where}/publish", {"comment": "go"}, JSON).json()
    assert (published["status"], published["version"]) == ("published", 2)
    assert public.get("/api/v1/content/posts/first").json()["data"]["body"] == "*Hi*"

    changed = api.patch(where, {"data": {"body": "Later"}}, JSON).json()
    assert (changed["status"], changed["data"]) == ("changed", {"title": "First", "body": "Later"})
    assert public.get("/api/v1/content/posts/first").json()["data"]["body"] == "*Hi*"

    assert api.post(f"{where}/unpublish", {}, JSON).json()["status"] == "draft"
    assert public.get("/api/v1/content/posts/first").status_code == 404

    history = api.get(f"{where}/revisions").json()["data"]
    assert [(one["version"], one["action"]) for one in history] == [
        (4, "unpublished"),
        (3, "updated"),
        (2, "published"),
        (1, "created"),
    ]
    assert history[2]["comment"] == "go"
    assert api.get(f"{where}/revisions/1").json()["data"] == {"title": "First", "body": "*Hi*"}
    restored = api.post(f"{where}/revisions/1/restore", {}, JSON).json()
    assert (restored["data"]["body"], restored["version"]) == ("*Hi*", 5)

    assert api.delete(where).status_code == 204
    assert api.get(where).status_code == 404


def test_put_replaces_and_patch_merges(api: Client) -> None:
    where = f"{RECORDS}/{created(api, 'One')['id']}"
    api.patch(where, {"data": {"views": 3}}, JSON)

    patched = api.patch(where, {"data": {"views": None, "featured": True}}, "application/merge-patch+json")
    assert patched.json()["data"] == {"title": "One", "featured": True}

    assert api.put(where, {"data": {"title": "Two"}}, JSON).json()["data"] == {"title": "Two"}


def test_faults_are_pointed_at(api: Client) -> None:
    wrong_fields = api.post(RECORDS, {"data": {"titel": "x", "views": "many"}}, JSON)
    assert wrong_fields.status_code == 422
    assert set(pointers(wrong_fields)) == {
        ("/data/title", "required"),
        ("/data/titel", "unknown"),
        ("/data/views", "type"),
    }
    assert "'title'" in wrong_fields.text

    unknown = api.post(RECORDS, {"data": {"title": "x"}, "sulg": "x"}, JSON)
    assert (unknown.status_code, pointers(unknown)) == (422, [("/sulg", "unknown")])
    assert "'slug'" in unknown.json()["detail"]

    assert api.post(RECORDS, [], JSON).status_code == 422
    assert pointers(api.post(RECORDS, {}, JSON)) == [("/data", "required")]
    assert api.get(RECORDS).json()["data"] == []


def test_malformed_json_is_400_with_its_place(api: Client) -> None:
    answer = api.post(RECORDS, '{"data": {"title": "x"', JSON)

    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed_json"
    assert "line 1, column 23" in answer.json()["detail"]


def test_other_faults_of_the_request(api: Client, settings: Any) -> None:
    assert api.post(RECORDS, "title=x", "application/x-www-form-urlencoded").status_code == 415
    refused = api.delete(RECORDS)
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert api.post(RECORDS, {"data": {"title": "x" * 1001}}, JSON).status_code == 413
    assert api.get("/api/v1/nothing").json()["code"] == "not_found"
    assert api.get(f"{RECORDS}/no-id").status_code == 404


def test_versions_guard_changes(api: Client) -> None:
    where = f"{RECORDS}/{created(api)['id']}"

    read = api.get(where)
    assert api.get(where, headers={"If-None-Match": read.headers["ETag"]}).status_code == 304

    changed = api.patch(where, {"data": {"views": 1}}, JSON, headers={"If-Match": read.headers["ETag"]})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    stale = api.patch(where, {"data": {"views": 2}}, JSON, headers={"If-Match": read.headers["ETag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    for method in ("put", "delete"):
        refused = getattr(api, method)(where, {"data": {"title": "x"}}, JSON, headers={"If-Match": '"1"'})
        assert refused.status_code == 412
    assert api.get(where).json()["data"]["views"] == 1


def test_a_collection_may_insist_on_versions(tenant: Tenant) -> None:
    make_collection(tenant, requires_if_match=True)
    record = make_record(tenant)
    api = program(host_of(tenant), make_key_text(tenant))
    where = f"{RECORDS}/{record.pk}"

    refused = api.patch(where, {"data": {"views": 2}}, JSON)
    assert (refused.status_code, refused.json()["code"]) == (428, "precondition_required")
    assert api.post(f"{where}/publish", {}, JSON).status_code == 428
    assert api.patch(where, {"data": {"views": 2}}, JSON, headers={"If-Match": '"1"'}).status_code == 200


def test_lists_are_paged_by_key(api: Client, tenant: Tenant) -> None:
    for number in range(5):
        make_record(tenant, f"Post {number}")

    first = api.get(RECORDS, {"limit": "2", "sort": "title", "total": "true"}).json()
    second = api.get(RECORDS, {"limit": "2", "sort": "title", "cursor": first["next"]}).json()
    third = api.get(RECORDS, {"limit": "2", "sort": "title", "cursor": second["next"]}).json()
    back = api.get(RECORDS, {"limit": "2", "sort": "title", "cursor": third["previous"]}).json()

    titles = [[row["title"] for row in page["data"]] for page in (first, second, third, back)]
    assert titles == [["Post 0", "Post 1"], ["Post 2", "Post 3"], ["Post 4"], ["Post 2", "Post 3"]]
    assert (first["total"], first["previous"], third["next"], second["total"]) == (5, None, None, None)
    assert back["previous"] is not None

    etag = api.get(RECORDS).headers["ETag"]
    assert api.get(RECORDS, headers={"If-None-Match": etag}).status_code == 304


def test_lists_are_filtered(api: Client, tenant: Tenant) -> None:
    make_record(tenant, "Red", views=1, tags=["a", "b"], featured=True, day="2026-01-31")
    make_record(tenant, "Green", views=5, tags=["b"], featured=False, day="2026-02-01")
    make_record(tenant, "Blue")

    def titles(**parameters: str) -> list[str]:
        answer = api.get(RECORDS, {"sort": "title", **parameters})
        assert answer.status_code == 200, answer.content
        return [row["title"] for row in answer.json()["data"]]

    assert titles(views__gte="2") == ["Green"]
    assert titles(views="1") == ["Red"]
    assert titles(views__in="1,5") == ["Green", "Red"]
    assert titles(tags__contains="b") == ["Green", "Red"]
    assert titles(tags__contains="a") == ["Red"]
    assert titles(featured="true") == ["Red"]
    assert titles(day__range="2026-01-01,2026-01-31") == ["Red"]
    assert titles(views__isnull="true") == ["Blue"]
    assert titles(title__icontains="re") == ["Green", "Red"]
    assert titles(status="draft", q="blu") == ["Blue"]
    assert titles(status="published") == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("veiws=1", "'views'"),
        ("views__gtee=1", "'gte'"),
        ("views=many", "no number"),
        ("body=x", "x-index"),
        ("limit=0", "1 to 200"),
        ("limit=201", "1 to 200"),
        ("limit=²", "1 to 200"),
        ("sort=views", "Sort by one of"),
        ("cursor=abc", "begin at the first page"),
        ("total=yes", "true or false"),
        ("status=gone", "status is one of"),
        ("created_at__gte=soon", "no date"),
        ("author=me", "no id"),
        ("title__contains=x", "icontains"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(api: Client, query: str, said: str) -> None:
    answer = api.get(f"{RECORDS}?{query}")

    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_parameters_are_refused_where_there_are_none(api: Client) -> None:
    answer = api.get("/api/v1/auth/me?verbose=1")

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")


def test_a_list_costs_the_same_for_one_row_and_for_three(
    api: Client, tenant: Tenant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_record(tenant, "One")
    api.get(RECORDS)  # notes the use of the key, warms the caches
    with django_assert_num_queries(3):  # key, collection, page
        api.get(RECORDS)
    make_record(tenant, "Two")
    make_record(tenant, "Three")
    with django_assert_num_queries(3):
        api.get(RECORDS)


def test_roles(tenant: Tenant) -> None:
    make_collection(tenant)
    own = {role: browser(host_of(tenant), make_member(tenant, role)) for role in Role.values}
    record = make_record(tenant)
    where = f"{RECORDS}/{record.pk}"

    assert {role: own[role].get(where).status_code for role in own} == dict.fromkeys(Role.values, 200)
    creates = {role: own[role].post(RECORDS, {"data": {"title": role}}, JSON) for role in own}
    assert {role: answer.status_code for role, answer in creates.items()} == {
        **dict.fromkeys(Role.values, 201),
        "viewer": 403,
    }
    assert "viewer" in creates["viewer"].json()["detail"]
    changes = {role: own[role].patch(where, {"title": role}, JSON).status_code for role in own}
    assert changes == {"owner": 200, "admin": 200, "editor": 200, "author": 403, "viewer": 403}
    mine = f"{RECORDS}/{creates['author'].json()['id']}"
    assert own["author"].patch(mine, {"title": "Mine"}, JSON).status_code == 200
    assert own["author"].post(f"{mine}/publish", {}, JSON).status_code == 200
    assert own["author"].delete(mine).status_code == 204


def test_an_authors_key_writes_in_the_authors_name(tenant: Tenant) -> None:
    make_collection(tenant)
    author = make_member(tenant, Role.AUTHOR)
    api = program(host_of(tenant), make_key_text(tenant, author))

    record = created(api)

    assert record["author"] == str(author.pk)
    assert api.patch(f"{RECORDS}/{record['id']}", {"title": "Mine"}, JSON).status_code == 200


def test_scopes_narrow_a_key(tenant: Tenant) -> None:
    make_collection(tenant)
    make_collection(tenant, "notes")
    api = program(host_of(tenant), make_key_text(tenant, scopes=["record.create:posts", "record.read*:*"]))

    assert api.post(RECORDS, {"data": {"title": "x"}}, JSON).status_code == 201
    refused = api.post("/api/v1/collections/notes/records", {"data": {"title": "x"}}, JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "record.create:notes" in refused.json()["detail"]
    assert api.get("/api/v1/collections/notes/records").status_code == 200


def test_without_credentials_there_is_no_way_in(tenant: Tenant) -> None:
    make_collection(tenant)
    answer = Client(headers={"host": host_of(tenant)}).get(RECORDS)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["correlation_id"] == str(uuid.UUID(answer.headers["X-Correlation-ID"]))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_beyond_the_edge_of_time_is_refused(api: Client, moment: str) -> None:
    where = f"{RECORDS}/{created(api)['id']}"

    answer = api.post(f"{where}/publish", {"published_at": moment}, JSON)

    assert answer.status_code == 422
    assert pointers(answer) == [("/published_at", "format")]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (RECORDS, ["title", "next", "half \ud800", str(uuid.uuid4())]),
        (RECORDS, ["title", "next", "nul \0", str(uuid.uuid4())]),
        (RECORDS, ["title", ["next"], "a", str(uuid.uuid4())]),
        (RECORDS, ["title", "next", None, str(uuid.uuid4())]),
        ("/api/v1/content/posts", ["title", "next", "half \ud800", str(uuid.uuid4())]),
        ("/api/v1/content/posts", ["title", "next", "nul \0", str(uuid.uuid4())]),
        ("/api/v1/content/posts", ["title", ["next"], "a", str(uuid.uuid4())]),
        ("/api/v1/content/posts", ["title", {}, "a", str(uuid.uuid4())]),
    ],
)
def test_a_forged_cursor_is_refused(api: Client, path: str, place: list[Any]) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")

    answer = api.get(path, {"sort": "title", "cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")


def test_a_forged_cursor_of_numbers_is_refused(api: Client) -> None:
    where = f"{RECORDS}/{created(api)['id']}/revisions"
    cursor = base64.urlsafe_b64encode(f'["-version","next",1e999,"{uuid.uuid4()}"]'.encode()).decode()

    assert api.get(where, {"cursor": cursor}).status_code == 400


def test_content_on_a_platform_host_is_of_the_keys_tenant(tenant: Tenant) -> None:
    make_collection(tenant)
    key = make_key_text(tenant, role=Role.ADMIN)
    created(program(host_of(tenant), key))
    platform = program(PLATFORM_HOST, key)
    record = platform.get(RECORDS).json()["data"][0]
    platform.post(f"{RECORDS}/{record['id']}/publish", {}, JSON)

    for path in ("/api/v1/content/posts", "/api/v1/content/posts/hello"):
        assert platform.get(path).status_code == 200
        assert Client(headers={"host": PLATFORM_HOST}).get(path).status_code == 401
        operator = browser(PLATFORM_HOST, make_operator_account()).get(path)
        assert (operator.status_code, operator.json()["code"]) == (400, "tenant_needed")
