from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from core.ids import uuid7
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.deliveries.partitions import PARTITIONED_TABLES, first_key_of, month_after


def test_keys_made_later_are_not_smaller() -> None:
    before, key, after = (
        first_key_of(datetime.now(UTC)),
        uuid7(),
        first_key_of(datetime(2300, 1, 1, tzinfo=UTC)),
    )
    assert before <= key < after
    assert first_key_of(datetime(1970, 1, 1, tzinfo=UTC)) == UUID(int=0)


def test_months_follow_each_other() -> None:
    december = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert month_after(december, 0) == datetime(2026, 12, 1, tzinfo=UTC)
    assert month_after(december, 1) == datetime(2027, 1, 1, tzinfo=UTC)
    assert month_after(december, 14) == datetime(2028, 2, 1, tzinfo=UTC)


def test_migrating_makes_the_months_to_come() -> None:
    now = datetime.now(UTC)
    with platform_scope(PlatformWork.HEALTH), connection.cursor() as cursor:
        for table in PARTITIONED_TABLES:
            cursor.execute(
                "SELECT c.relname, c.relrowsecurity FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                "WHERE i.inhparent = %s::regclass",
                [table],
            )
            found = dict(cursor.fetchall())
            expected = {f"{table}_{month_after(now, offset):%Y_%m}" for offset in range(13)} | {
                f"{table}_default"
            }
            assert set(found) == expected
            assert set(found.values()) == {True}
