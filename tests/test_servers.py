"""The suite's own servers: each process that runs tests has a database and a Valkey database of its own."""

from __future__ import annotations

import os

from django.conf import settings
from django.db import connection


def test_this_process_has_its_own_database() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (f"tenantry_{worker}",)
    assert os.environ["REDIS_URL"] == settings.REDIS_URL
