"""All rows of a plugin as JSON Lines, without secrets.

The first line says what the file is. Each further line is one row: its table, its tenant's slug (null for rows of the
installation), and the row as PostgreSQL writes it as JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone
from psycopg import sql

from core.errors import Invalid
from core.selectors.content_state import timestamp
from plugin_host.models.secret import PluginSecret
from plugin_host.uninstalling.footprint import host_rows
from plugin_host.uninstalling.planning import UninstallPlan
from tenants.models import Tenant

FORMAT: Final = "tenantry plugin export"
VERSION: Final = 1
# What would let somebody find a secret out, or compare it: never written.
_LEFT_OUT: Final[Mapping[str, tuple[str, ...]]] = {
    PluginSecret._meta.db_table: ("sealed", "data_key_id", "fingerprint"),
}
_BATCH: Final = 1_000


@contextmanager
def export_file(path: Path) -> Iterator[TextIO]:
    """Open a file that gets its name only when the block has ended well; nobody else can read it.

    Raises:
        Invalid: It is there already, or cannot be written.
    """
    if path.exists():
        raise Invalid(f"{path} is there already: name a file that is not.")
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # Fails, instead of replacing it, where somebody else has made one of that name meanwhile.
        os.link(part, path)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def write_rows(plan: UninstallPlan, file: TextIO) -> int:
    """Write all rows of a plugin; return how many. In the transaction that deletes them, and in platform scope."""
    slugs: dict[UUID, str] = dict(Tenant.objects.values_list("pk", "slug"))
    _write(
        file,
        {
            "format": FORMAT,
            "version": VERSION,
            "plugin": plan.plugin_id,
            "plugin_version": plan.version,
            "exported_at": timestamp(timezone.now()),
            "migrations": list(plan.migrations),
        },
    )
    written = 0
    sources = [(one.table, sql.SQL("true")) for one in plan.tables]
    about = {one.table for one in plan.rows}
    sources += [(rows.table, rows.condition) for rows in host_rows() if rows.table in about]  # type: ignore[misc]  # both compose
    for table, condition in sources:
        for row in _rows(table, condition, plan.plugin_id):
            for name in _LEFT_OUT.get(table, ()):
                row.pop(name, None)
            tenant = row.get("tenant_id")
            _write(
                file,
                {"table": table, "tenant": slugs.get(UUID(tenant), tenant) if tenant else None, "row": row},
            )
            written += 1
    return written


def _rows(table: str, condition: sql.Composable, plugin_id: str) -> Iterator[dict[str, Any]]:
    query = sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE {}").format(sql.Identifier(table), condition)
    # On the server, because a plugin's history may be longer than memory is.
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, {"plugin": plugin_id})
        while found := cursor.fetchmany(_BATCH):
            for (text,) in found:
                yield json.loads(text)


def _write(file: TextIO, document: Mapping[str, Any]) -> None:
    file.write(json.dumps(document, ensure_ascii=False) + "\n")
