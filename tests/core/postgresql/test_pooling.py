"""The two kinds of pool: psycopg's inside the process, and a transaction-pooling proxy in front of the server."""

from __future__ import annotations

import contextlib
import copy
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from core.errors import NoScope
from core.models import Collection
from core.postgresql.base import DatabaseWrapper
from core.scope import tenant_scope
from tenants.models import Tenant
from tests.installed import find_program

NAMES = "SELECT name FROM core_collection ORDER BY name"


@pytest.fixture(autouse=True)
def something_to_leak(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Collection.objects.create(name="ours", title="Ours")
    with tenant_scope(other_tenant.id):
        Collection.objects.create(name="theirs", title="Theirs")


def wrapper(**changes: Any) -> DatabaseWrapper:
    options = changes.pop("OPTIONS", {})
    given = copy.deepcopy(connection.settings_dict)
    # A health check would itself bring the connection in step with the scope.
    given.update(CONN_MAX_AGE=0, CONN_HEALTH_CHECKS=False, **changes)
    given["OPTIONS"].update(options)
    return DatabaseWrapper(given, alias="pooled")


def names(database: DatabaseWrapper) -> list[str]:
    with database.cursor() as cursor:
        cursor.execute(NAMES)
        return [row[0] for row in cursor.fetchall()]


def test_pooled_connection_is_reset_when_given_back(tenant: Tenant, other_tenant: Tenant) -> None:
    database = wrapper(OPTIONS={"pool": {"min_size": 1, "max_size": 1}})
    try:
        with tenant_scope(tenant.id):
            assert names(database) == ["ours"]
        database.close()
        with database.pool.connection() as given_back, psycopg.ClientCursor(given_back) as cursor:
            cursor.execute("SELECT current_user, current_setting('app.tenant_id', true)")
            assert cursor.fetchone() == ("tenantry_login", "")
        assert names(database) == []
        with tenant_scope(other_tenant.id):
            assert names(database) == ["theirs"]
    finally:
        database.close()
        database.close_pool()


@pytest.fixture
def pgbouncer() -> Iterator[DatabaseWrapper]:
    """A real PgBouncer in transaction mode with one server connection for everybody."""
    program = find_program("pgbouncer", "/usr/sbin/pgbouncer")
    with tempfile.TemporaryDirectory(prefix="tenantry-pgbouncer-") as name:
        folder = Path(name)
        # Started as root it becomes another user, who has to get in; pytest's own folders are private.
        folder.chmod(0o777)
        yield from _pgbouncer(program, folder)


def _pgbouncer(program: str, folder: Path) -> Iterator[DatabaseWrapper]:
    configuration = folder / "pgbouncer.ini"
    name = connection.settings_dict["NAME"]
    configuration.write_text(
        f"[databases]\n{name} = host={os.environ['TENANTRY_TEST_SOCKETS']} dbname={name} user=tenantry_login\n"
        f"[pgbouncer]\nunix_socket_dir = {folder}\nunix_socket_mode = 0777\nlisten_port = 6543\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 1\n"
        f"logfile = {folder}/log\npidfile = {folder}/pid\n"
    )
    # Started as root it must be told whom to become; the server's sockets belong to the user of the data folder.
    user = ["-u", Path(os.environ["TENANTRY_TEST_SOCKETS"]).owner()] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, str(configuration)], stderr=subprocess.PIPE)
    database = wrapper(
        HOST=str(folder),
        PORT="6543",
        OPTIONS={"scope_mode": "transaction", "host": str(folder)},
        DISABLE_SERVER_SIDE_CURSORS=True,
    )
    try:
        _wait_for_socket(folder / ".s.PGSQL.6543", process)
        yield database
    finally:
        database.close()
        process.terminate()
        process.communicate()


def _wait_for_socket(path: Path, process: subprocess.Popen[bytes]) -> None:
    while True:
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1].decode())
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            return


def test_pgbouncer_clients_sharing_a_connection_never_mix(
    pgbouncer: DatabaseWrapper, tenant: Tenant, other_tenant: Tenant
) -> None:
    second = DatabaseWrapper(pgbouncer.settings_dict, alias="second")
    try:
        with tenant_scope(tenant.id):
            assert names(pgbouncer) == ["ours"]
        with tenant_scope(other_tenant.id):
            assert names(second) == ["theirs"]
            assert names(second) == ["theirs"]
        assert names(pgbouncer) == []
        with tenant_scope(tenant.id):
            assert names(pgbouncer) == ["ours"]
    finally:
        second.close()


def test_pgbouncer_refuses_copy_outside_a_transaction(pgbouncer: DatabaseWrapper, tenant: Tenant) -> None:
    with (
        tenant_scope(tenant.id),
        pgbouncer.cursor() as cursor,
        pytest.raises(NoScope, match="need a transaction"),
    ):
        cursor.copy("COPY (SELECT name FROM core_collection) TO STDOUT")


def test_pgbouncer_transaction_keeps_its_tenant(pgbouncer: DatabaseWrapper, tenant: Tenant) -> None:
    pgbouncer.ensure_connection()
    with tenant_scope(tenant.id):
        pgbouncer.set_autocommit(False)
        assert names(pgbouncer) == ["ours"]
        assert names(pgbouncer) == ["ours"]
        pgbouncer.commit()
        assert names(pgbouncer) == ["ours"]
        pgbouncer.rollback()
        pgbouncer.set_autocommit(True)
    assert names(pgbouncer) == []


def test_default_connection_is_in_autocommit() -> None:
    assert not transaction.get_connection().in_atomic_block
