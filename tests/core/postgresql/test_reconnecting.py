"""A kept connection whose server end has gone is replaced at the next request, without asking the server each time."""

from __future__ import annotations

import os

import psycopg
from django.db import close_old_connections, connection

from core.models import Collection
from core.scope import tenant_scope
from tenants.models import Tenant


def end_server_side() -> None:
    pid = connection.connection.info.backend_pid
    with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_connection_that_the_server_ended_is_replaced(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Collection.objects.create(name="ours", title="Ours")
        end_server_side()
        close_old_connections()  # what Django does when a request begins
        assert Collection.objects.count() == 1


def test_live_connection_is_kept() -> None:
    connection.ensure_connection()
    before = connection.connection
    close_old_connections()
    assert connection.is_usable()
    connection.ensure_connection()
    assert connection.connection is before


def test_connection_that_the_server_ended_is_seen_to_be_unusable() -> None:
    connection.ensure_connection()
    assert connection.is_usable()
    end_server_side()
    assert not connection.is_usable()
    connection.close()
