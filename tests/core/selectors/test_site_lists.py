from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import Collection, PublishedSnapshot, Record
from core.selectors.site_lists import (
    Position,
    collection_page,
    feed_entries,
    newest_of_each_collection,
    public_pages_at,
)
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record
from tenants.models import Tenant

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
MANY = 3_000


@pytest.fixture
def crowd(in_tenant: Tenant) -> None:
    """So many pages that reading all of them would be a mistake, known to the planner."""
    collection = create_collection(name="posts", schema={})
    records = Record.objects.bulk_create(
        Record(collection=collection, slug=f"p{number}", title=f"P{number}") for number in range(MANY)
    )
    PublishedSnapshot.objects.bulk_create(
        snapshot(collection, record, number) for number, record in enumerate(records)
    )
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE core_publishedsnapshot, core_collection")


def snapshot(collection: Collection, record: Record, number: int) -> PublishedSnapshot:
    moment = FIRST_DAY + timedelta(minutes=number)
    return PublishedSnapshot(
        record=record,
        collection=collection,
        collection_name="posts",
        slug=record.slug,
        title=record.title,
        path=f"/posts/{record.slug}",
        version=1,
        document='{"author":null}',
        etag='"x"',
        published_at=moment,
        updated_at=moment,
    )


def somewhere() -> Position:
    return Position(published_at=FIRST_DAY + timedelta(minutes=1_500), record_id=UUID(int=0))


def test_site_lists_read_an_index_and_few_rows_under_the_tenant_role(crowd: None) -> None:
    collection = Collection.objects.get(name="posts")
    reads: list[Callable[[], object]] = [
        lambda: collection_page(collection),
        lambda: collection_page(collection, before=somewhere()),
        lambda: collection_page(collection, after=somewhere()),
        newest_of_each_collection,
        feed_entries,
        lambda: list(public_pages_at(["/posts/p77"])),
    ]

    plans = [plan_of(read) for read in reads]

    for plan in plans:
        assert "core_snapshot_p" in plan, plan
        assert "Seq Scan on core_publishedsnapshot" not in plan, plan
        assert max(int(count) for count in re.findall(r"rows=(\d+)", plan)) < 100, plan


def plan_of(read: Callable[[], object]) -> str:
    """What PostgreSQL did for the only statement of a read."""
    with CaptureQueriesContext(connection) as captured:
        read()
    (statement,) = [query["sql"] for query in captured.captured_queries]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("tenantry_tenant",)
        cursor.execute(
            f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) {statement}".replace("%", "%%"), []
        )
        return "\n".join(row[0] for row in cursor.fetchall())


def test_position_survives_its_spelling() -> None:
    position = Position(published_at=datetime(2024, 2, 3, 4, 5, 6, 789, tzinfo=UTC), record_id=UUID(int=7))

    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", "x~y", "20241301T000000.000000Z~00000000-0000-0000-0000-000000000007"])
def test_position_of_nonsense_is_none(text: str) -> None:
    assert Position.parse(text) is None


def test_home_and_feed_ask_the_same_number_of_queries_whatever_the_number_of_collections(
    in_tenant: object,
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            newest_of_each_collection()
            feed_entries()
        return len(captured)

    def add(name: str) -> None:
        create_collection(name=name, schema={})
        publish_record(record_id=create_record(collection=name, data={}, title="T").pk)

    add("one")
    first = count()
    add("two")
    add("three")

    assert count() == first == 2
