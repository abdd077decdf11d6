"""Each way to the database that was once seen to slip past the tenant's scope, tried with something to leak."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from django.db import InternalError, ProgrammingError, connection, transaction
from django.db.utils import IntegrityError

from core.errors import NoScope
from core.models import Collection, Record
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from tenants.models import Tenant

NAMES = "SELECT name FROM core_collection ORDER BY name"


@pytest.fixture(autouse=True)
def something_to_leak(tenant: Tenant, other_tenant: Tenant) -> Iterator[None]:
    """One collection each, named `ours` and `theirs`."""
    with tenant_scope(tenant.id):
        Collection.objects.create(name="ours", title="Ours")
    with tenant_scope(other_tenant.id):
        Collection.objects.create(name="theirs", title="Theirs")
    yield
    connection.close()


def raw_names() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        return [row[0] for row in cursor.fetchall()]


def test_raw_sql_sees_the_tenant_in_scope_alone(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert raw_names() == ["ours"]
    with tenant_scope(other_tenant.id):
        assert raw_names() == ["theirs"]


def test_raw_sql_without_scope_sees_nothing() -> None:
    assert raw_names() == []


def test_orm_without_scope_refuses_and_names_the_way_out() -> None:
    with pytest.raises(NoScope, match=r"core\.Collection belongs to tenants: run this inside core\.scope"):
        Collection.objects.count()


def test_insert_without_scope_is_refused_by_the_database(tenant: Tenant) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_collection (id, tenant_id, name, title, description, schema, schema_version, is_public,"
            " has_pages, requires_if_match, created_at, updated_at) VALUES (gen_random_uuid(), %s, 'x', 'X', '', '{}',"
            " 1, true, true, false, now(), now())",
            [tenant.id],
        )


def test_insert_for_another_tenant_is_refused(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id), pytest.raises(ProgrammingError, match="row-level security"):
        Collection.objects.create(name="planted", title="Planted", tenant=other_tenant)


def test_a_row_cannot_be_moved_to_another_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id), pytest.raises(ProgrammingError, match="row-level security"):
        Collection.objects.filter(name="ours").update(tenant_id=other_tenant.id)


def test_a_foreign_key_cannot_leave_the_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.id):
        theirs = Collection.objects.get(name="theirs")
    with tenant_scope(tenant.id), pytest.raises(IntegrityError, match="core_record_collection_id_tenant_fk"):
        Record.objects.create(collection_id=theirs.id, slug="x")


def test_truncate_is_not_granted(tenant: Tenant) -> None:
    with (
        tenant_scope(tenant.id),
        pytest.raises(ProgrammingError, match="permission denied"),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE core_collection CASCADE")


def test_savepoint_rollback_does_not_bring_the_former_tenant_back(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    with transaction.atomic():
        with tenant_scope(tenant.id):
            assert raw_names() == ["ours"]
        savepoint = transaction.savepoint()
        with tenant_scope(other_tenant.id):
            assert raw_names() == ["theirs"]
            # The server now forgets the change of tenant that came after the savepoint.
            transaction.savepoint_rollback(savepoint)
            assert raw_names() == ["theirs"]


def test_rollback_does_not_bring_the_former_tenant_back(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert raw_names() == ["ours"]
    with tenant_scope(other_tenant.id):
        with pytest.raises(RuntimeError, match="on purpose"), transaction.atomic():
            assert raw_names() == ["theirs"]
            raise RuntimeError("on purpose")
        assert raw_names() == ["theirs"]


def test_raw_rollback_statement_is_noticed(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert raw_names() == ["ours"]
    with tenant_scope(other_tenant.id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SAVEPOINT by_hand")
        assert raw_names() == ["theirs"]
        cursor.execute("ROLLBACK TO SAVEPOINT by_hand")
        assert raw_names() == ["theirs"]


@pytest.mark.parametrize(
    "statement",
    [
        "SAVEPOINT a; SELECT 1; ROLLBACK TO SAVEPOINT a",
        "SELECT 1; rollback",
        "RESET ROLE",
        "SET ROLE NONE",
        "DISCARD TEMP",
        "SELECT set_config('app.tenant_id', '', false)",
    ],
)
def test_statement_that_unsettles_the_connection_is_noticed(
    tenant: Tenant, other_tenant: Tenant, statement: str
) -> None:
    with tenant_scope(tenant.id):
        assert raw_names() == ["ours"]
    with tenant_scope(other_tenant.id), connection.cursor() as cursor:
        cursor.execute(f"BEGIN; {statement}; COMMIT" if "SAVEPOINT" in statement else statement)
        assert raw_names() == ["theirs"]
        cursor.execute(psycopg.sql.SQL("RESET ROLE"))
        assert raw_names() == ["theirs"]


def test_psycopg_transaction_that_fails_is_noticed(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert raw_names() == ["ours"]
    with tenant_scope(other_tenant.id):
        with pytest.raises(RuntimeError, match="on purpose"), connection.connection.transaction():
            assert raw_names() == ["theirs"]
            raise RuntimeError("on purpose")
        assert raw_names() == ["theirs"]


def test_failed_statement_leaves_no_wrong_tenant_behind(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert raw_names() == ["ours"]
    with tenant_scope(other_tenant.id):
        with pytest.raises(ProgrammingError), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_no_such_table")
        assert raw_names() == ["theirs"]


def test_statement_in_an_aborted_transaction_still_fails(tenant: Tenant) -> None:
    with tenant_scope(tenant.id), pytest.raises(InternalError), transaction.atomic():
        with connection.cursor() as cursor, pytest.raises(ProgrammingError):
            cursor.execute("SELECT * FROM there_is_no_such_table")
        raw_names()


def test_copy_follows_the_scope(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.id):
        assert raw_names() == ["theirs"]
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT name FROM core_collection) TO STDOUT") as copy:
            assert b"".join(copy) == b"ours\n"


def test_stream_follows_the_scope(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.id):
        assert raw_names() == ["theirs"]
    with tenant_scope(tenant.id), connection.connection.cursor() as cursor:
        assert list(cursor.stream(NAMES)) == [("ours",)]


def test_executemany_follows_the_scope(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.id):
        assert raw_names() == ["theirs"]
    with tenant_scope(tenant.id):
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE core_collection SET title = %s", [["changed"], ["changed again"]])
        assert Collection.objects.get().title == "changed again"
    with tenant_scope(other_tenant.id):
        assert Collection.objects.get().title == "Theirs"


def test_driver_cursor_follows_the_scope(tenant: Tenant) -> None:
    connection.ensure_connection()
    with tenant_scope(tenant.id):
        assert connection.connection.execute(NAMES).fetchall() == [("ours",)]
        with connection.connection.cursor() as cursor:
            assert cursor.execute(psycopg.sql.SQL(NAMES)).fetchall() == [("ours",)]


def test_server_side_cursor_refuses_another_scope(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        rows = Collection.objects.iterator(chunk_size=1)
        Collection.objects.create(name="ours-too", title="Ours too")
        assert next(rows).name.startswith("ours")
    with tenant_scope(other_tenant.id), pytest.raises(NoScope, match="opened for another tenant"):
        list(rows)


def test_named_driver_cursor_refuses_another_scope(tenant: Tenant, other_tenant: Tenant) -> None:
    with transaction.atomic():
        with tenant_scope(tenant.id):
            cursor = connection.connection.cursor("by_hand")
            cursor.execute(NAMES)
        with tenant_scope(other_tenant.id), pytest.raises(NoScope, match="opened for another tenant"):
            cursor.fetchall()
        with tenant_scope(tenant.id):
            assert cursor.fetchall() == [("ours",)]
            cursor.close()


def test_thread_started_by_hand_sees_nothing(tenant: Tenant) -> None:
    seen: list[list[str]] = []

    def look() -> None:
        seen.append(raw_names())
        connection.close()

    with tenant_scope(tenant.id):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [[]]


def test_executor_thread_sees_nothing(tenant: Tenant) -> None:
    def look() -> list[str]:
        try:
            return raw_names()
        finally:
            connection.close()

    with tenant_scope(tenant.id), concurrent.futures.ThreadPoolExecutor() as executor:
        assert executor.submit(look).result() == []


def test_to_thread_carries_the_scope(tenant: Tenant) -> None:
    def look() -> list[str]:
        try:
            return raw_names()
        finally:
            connection.close()

    async def ask() -> list[str]:
        return await asyncio.to_thread(look)

    with tenant_scope(tenant.id):
        assert asyncio.run(ask()) == ["ours"]


async def test_async_orm_follows_each_tasks_own_scope(tenant: Tenant, other_tenant: Tenant) -> None:
    async def names(tenant_id: UUID) -> list[str]:
        with tenant_scope(tenant_id):
            seen = []
            for _ in range(5):
                seen += [collection.name async for collection in Collection.objects.all()]
                await asyncio.sleep(0)
            return seen

    ours, theirs = await asyncio.gather(names(tenant.id), names(other_tenant.id))

    assert ours == ["ours"] * 5
    assert theirs == ["theirs"] * 5


def test_platform_scope_sees_both(tenant: Tenant, other_tenant: Tenant) -> None:
    with platform_scope(PlatformWork.TENANT_DIRECTORY):
        found = Collection.objects.filter(tenant__in=[tenant, other_tenant]).order_by("name")
        assert [collection.name for collection in found] == ["ours", "theirs"]


def test_read_view_follows_the_scope_and_is_empty_without(tenant: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM core_publishedsnapshot_read")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("tenant_id", ["", None, "not-a-uuid", "*"])
def test_malformed_tenant_is_an_error(tenant_id: object) -> None:
    with pytest.raises(NoScope, match="must be a UUID"), tenant_scope(tenant_id):  # type: ignore[arg-type]  # on purpose
        raise AssertionError("unreachable")
