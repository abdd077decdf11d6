"""Pages of published records: filters, order, cursors, and the indexes that they use under the tenant role."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from core.api.delivery import ITEM_BY_ID, ITEM_BY_SLUG
from core.errors import Malformed
from core.ids import uuid7
from core.platform_work import PlatformWork
from core.scope import platform_scope
from core.selectors.collection_shapes import collection_shape
from core.selectors.published import Page, parse_page_request, published_page
from core.services.collections import create_collection, update_collection_schema
from core.services.publishing import publish_record, unpublish_record
from core.services.records import create_record, update_record
from tenants.models import Tenant

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "x-index": True},
        "rating": {"type": "number", "x-index": True},
        "day": {"type": "string", "format": "date", "x-index": True},
        "tags": {"type": "array", "items": {"type": "string"}, "x-index": True},
        "featured": {"type": "boolean", "x-index": True},
        "body": {"type": "string"},
    },
    "required": ["kind"],
}
START = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS: list[dict[str, Any]] = [
    {"kind": "a", "rating": 1, "day": "2026-01-05", "tags": ["x", "y"], "featured": True},
    {"kind": "b", "rating": 2.5, "day": "2026-02-05", "tags": ["y"]},
    {"kind": "a", "rating": 3, "featured": False},
    {"kind": "c", "day": "2026-03-05"},
    {"kind": "a", "rating": 2.5, "tags": []},
]


@pytest.fixture(autouse=True)
def published(in_tenant: Tenant) -> None:
    """Five published items, `item-0` the oldest, and a draft beside them."""
    create_collection(name="things", schema=SCHEMA)
    for number, data in enumerate(ITEMS):
        record = create_record(collection="things", data=data, slug=f"item-{number}", title=f"Item {number}")
        publish_record(record_id=record.pk, published_at=START + timedelta(days=number))
    create_record(collection="things", data={"kind": "a"}, slug="draft", title="Draft")


def page(**parameters: str) -> Page:
    shape = collection_shape("things")
    assert shape is not None
    return published_page(parse_page_request(shape, parameters))


def slugs(**parameters: str) -> str:
    """Return the numbers of the items found, in order: "210"."""
    return "".join(
        json.loads(document)["slug"].removeprefix("item-") for document in page(**parameters).documents
    )


def test_newest_comes_first_and_no_draft_at_all() -> None:
    assert slugs() == "43210"


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"kind": "a"}, "420"),
        ({"kind": "a", "rating": "2.5"}, "4"),
        ({"kind__in": "b,c"}, "31"),
        ({"rating__gte": "2.5"}, "421"),
        ({"rating__lt": "2.5"}, "0"),
        ({"rating__range": "1,2.5"}, "410"),
        ({"rating__isnull": "true"}, "3"),
        ({"rating__isnull": "false"}, "4210"),
        ({"day__gte": "2026-02-05"}, "31"),
        ({"day": "2026-03-05T00:00:00Z"}, "3"),
        ({"tags": "y"}, "10"),
        ({"tags__contains": "x"}, "0"),
        ({"featured": "true"}, "0"),
        ({"featured": "false"}, "2"),
        ({"title__icontains": "ITEM 3"}, "3"),
        ({"title__icontains": "%"}, ""),
        ({"kind__startswith": "b"}, "1"),
        ({"slug": "item-2"}, "2"),
        ({"published_at__gte": "2026-01-04"}, "43"),
        ({"published_at__range": "2026-01-02,2026-01-03"}, "21"),
        ({"kind": "z"}, ""),
        ({"sort": "published_at"}, "01234"),
        ({"sort": "-title"}, "43210"),
        ({"sort": "kind", "kind__in": "b,c"}, "13"),
    ],
)
def test_filters_and_orders(parameters: dict[str, str], found: str) -> None:
    assert slugs(**parameters) == found


def test_sorting_by_a_field_puts_records_without_it_last() -> None:
    ascending, descending = slugs(sort="rating"), slugs(sort="-rating")
    assert (ascending[0], set(ascending[1:3]), ascending[3:]) == ("0", {"1", "4"}, "23")
    assert (descending[0], set(descending[1:3]), descending[3:]) == ("2", {"1", "4"}, "03")


@pytest.mark.parametrize("sort", ["-published_at", "title", "kind", "rating", "-rating", "day", "-day"])
@pytest.mark.parametrize("limit", ["1", "2", "3"])
def test_cursors_walk_forth_and_back_over_everything(sort: str, limit: str) -> None:
    whole = slugs(sort=sort)
    forth, pages = "", [page(sort=sort, limit=limit)]
    while (here := pages[-1]).next:
        pages.append(page(sort=sort, limit=limit, cursor=here.next))
    numbers = [
        "".join(json.loads(document)["slug"].removeprefix("item-") for document in one.documents)
        for one in pages
    ]
    forth = "".join(numbers)
    assert forth == whole
    assert pages[0].previous is None
    back = [numbers[-1]]
    here = pages[-1]
    while here.previous:
        here = page(sort=sort, limit=limit, cursor=here.previous)
        back.append(
            "".join(json.loads(document)["slug"].removeprefix("item-") for document in here.documents)
        )
    assert "".join(reversed(back)) == whole


def test_total_is_counted_when_asked_for() -> None:
    assert page(limit="2").total is None
    assert page(limit="2", total="true", kind="a").total == 3


def test_filters_see_what_is_published_not_the_working_copy() -> None:
    first = json.loads(page(slug="item-0").documents[0])
    record = update_record(record_id=first["id"], data={**ITEMS[0], "kind": "secret"}, expected_version=None)
    assert slugs(kind="secret") == ""
    assert slugs(kind="a") == "420"
    publish_record(record_id=record.pk)
    assert slugs(kind="secret") == "0"
    unpublish_record(record_id=record.pk)
    assert slugs(kind="secret") == ""


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"knd": "a"}, "There is no parameter or field 'knd'. Did you mean 'kind'?"),
        ({"body": "x"}, "'body' can be filtered and sorted by once its schema says \"x-index\": true."),
        ({"kind__gtt": "a"}, "There is no lookup 'gtt'. Did you mean 'gt'?"),
        ({"rating": "many"}, "'many' is no number."),
        ({"day": "yesterday"}, "'yesterday' is no date; write 2026-01-31 or 2026-01-31T12:00:00Z."),
        ({"featured": "yes"}, "Write true or false, not 'yes'."),
        ({"limit": "0"}, "limit is a whole number from 1 to 200, not '0'."),
        ({"limit": "201"}, "limit is a whole number from 1 to 200, not '201'."),
        ({"limit": "²"}, "limit is a whole number from 1 to 200, not '²'."),
        ({"sort": "-knd"}, "There is no parameter or field 'knd'. Did you mean 'kind'?"),
        ({"sort": "tags"}, "'tags' holds several values, so records cannot be sorted by it."),
        ({"cursor": "rubbish"}, "This cursor is damaged; begin again without one."),
        ({"status": "draft"}, "Only published records are delivered here, not 'draft'."),
        ({"rating__range": "1"}, "A range is two values with a comma between: 1,10."),
        ({"kind": "a\x00"}, "NUL characters cannot be looked for."),
        ({"fields": "titel"}, "There is no field 'titel'. Did you mean 'title'?"),
    ],
)
def test_nothing_is_ignored(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(Malformed) as refusal:
        page(**parameters)
    assert refusal.value.message == message
    name = next(iter(parameters))
    assert refusal.value.errors[0].pointer == f"/query/{name}"


def test_cursor_of_another_order_is_refused() -> None:
    cursor = page(limit="1").next
    assert cursor is not None
    with pytest.raises(Malformed, match="belongs to another sort order"):
        page(limit="1", sort="title", cursor=cursor)


def test_a_new_index_counts_at_once() -> None:
    with pytest.raises(Malformed):
        page(body="x")
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "body": {"type": "string", "x-index": True}}}
    update_collection_schema(name="things", schema=schema)
    assert slugs(body="x") == ""


@pytest.fixture
def many_items(in_tenant: Tenant) -> None:
    """Enough rows that the planner has a reason to use an index; written as the platform, past the services."""
    with platform_scope(PlatformWork.TENANT_DIRECTORY), connection.cursor() as cursor:
        cursor.execute(
            "WITH made AS (INSERT INTO core_record (id, tenant_id, collection_id, slug, locale, title, data, version,"
            " state, source_path, source_hash, created_at, updated_at, published_at) SELECT gen_random_uuid(),"
            " c.tenant_id, c.id, 'many-' || n, '', 'Many ' || n, '{}', 1, 'published', '', '', now(), now(),"
            " now() - make_interval(secs => n) FROM core_collection c, generate_series(1, 3000) n"
            " WHERE c.tenant_id = %s RETURNING *), snapshots AS (INSERT INTO core_publishedsnapshot (id, tenant_id,"
            " record_id, collection_id, collection_name, slug, locale, title, path, version, document, etag,"
            " page_html, excerpt, is_public, published_at, updated_at) SELECT gen_random_uuid(), tenant_id, id,"
            " collection_id, 'things', slug, '', title, '/things/' || slug, 1, '{}', '', '', '', true, published_at,"
            " updated_at FROM made) INSERT INTO core_fieldvalue (id, tenant_id, collection_id, record_id, field,"
            " is_published, text_value, float_value, datetime_value) SELECT gen_random_uuid(), tenant_id,"
            " collection_id, made.id, f.field, true, CASE f.field WHEN 'kind' THEN 'k' || right(slug, 2) END,"
            " CASE f.field WHEN 'rating' THEN length(slug) END, CASE f.field WHEN 'day' THEN published_at END"
            " FROM made, (VALUES ('kind'), ('rating'), ('day')) f(field)",
            [in_tenant.pk],
        )
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE core_publishedsnapshot, core_fieldvalue")


@pytest.mark.parametrize(
    ("parameters", "index"),
    [
        ({}, "core_snapshot_published_idx"),
        ({"kind": "k77"}, "core_field_text_idx"),
        ({"rating__lt": "7"}, "core_field_float_idx"),
        ({"day__gte": "2199-01-01"}, "core_field_datetime_idx"),
    ],
)
def test_indexed_queries_use_their_index_under_the_tenant_role(
    many_items: None, parameters: dict[str, str], index: str
) -> None:
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, values: Any, many: bool, context: Any) -> Any:
        statements.append((sql, values))
        return execute(sql, values, many, context)

    with connection.execute_wrapper(note):
        page(**parameters)
    plan = explained(*statements[-1])
    assert index in plan
    assert "Seq Scan" not in plan


def test_items_are_found_by_their_index_under_the_tenant_role(many_items: None) -> None:
    by_slug = explained(ITEM_BY_SLUG, ("things", "", "many-7"))
    by_id = explained(ITEM_BY_ID, ("things", uuid7()))
    assert "core_snapshot_slug_key" in by_slug
    # The record's id is unique by itself, so either of its indexes does.
    assert "Index Scan" in by_id


def explained(sql: str, values: Any) -> str:
    """Return the plan of a statement in the tenant's role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("tenantry_tenant",)
        cursor.execute(f"EXPLAIN {sql}", values)
        return "\n".join(row[0] for row in cursor.fetchall())
