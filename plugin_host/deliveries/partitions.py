"""Tables partitioned by month of their UUIDv7 key.

A key of that version begins with its time of making, so ranges of keys are ranges of time: primary key and
UNIQUE (tenant_id, id) stand on the partitioned table as on any other, and a lookup by key touches one partition.
Partitions carry neither grants nor policies of their own: they are reached through their parent alone.

Source: PostgreSQL manual, "Table Partitioning"; RFC 9562, section 5.7.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from psycopg import sql

PARTITIONED_TABLES = ("plugin_host_deliveryhistory", "plugin_host_deliveryattempt")
MONTHS_AHEAD = 12


class CreatePartitionedModel(migrations.CreateModel):
    """`CreateModel` for a table partitioned by its key, with the partition for what no month takes."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Make the partitioned table and its default partition."""
        editor: Any = schema_editor
        plain = editor.sql_create_table
        editor.sql_create_table = f"{plain} PARTITION BY RANGE (id)"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            editor.sql_create_table = plain
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        name, default = schema_editor.quote_name(table), schema_editor.quote_name(f"{table}_default")
        schema_editor.execute(f"CREATE TABLE {default} PARTITION OF {name} DEFAULT", params=None)
        schema_editor.execute(f"ALTER TABLE {default} ENABLE ROW LEVEL SECURITY", params=None)


def first_key_of(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 that can be made at `moment` or later."""
    return UUID(int=(int(moment.timestamp() * 1000) & 0xFFFF_FFFF_FFFF) << 80)


def month_after(moment: datetime, months: int) -> datetime:
    """Return the first instant, in UTC, of the month that lies `months` after that of `moment`."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def ensure_month_partitions(
    cursor: CursorWrapper, table: str, *, now: datetime, months_ahead: int = MONTHS_AHEAD
) -> list[str]:
    """Make the partitions of this month and the next ones where they are missing; return the names of the new ones.

    Rows that a month took in the default partition meanwhile are moved into it. Needs the owner of the table.
    """
    cursor.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
        [table],
    )
    present = {row[0] for row in cursor.fetchall()}
    made = []
    for offset in range(months_ahead + 1):
        start, end = month_after(now, offset), month_after(now, offset + 1)
        name = f"{table}_{start:%Y_%m}"
        if name not in present:
            _make_partition(cursor, table, name, first_key_of(start), first_key_of(end))
            made.append(name)
    return made


def _make_partition(cursor: CursorWrapper, table: str, name: str, first: UUID, end: UUID) -> None:
    names = {
        "table": sql.Identifier(table),
        "name": sql.Identifier(name),
        "default": sql.Identifier(f"{table}_default"),
        "first": sql.Literal(str(first)),
        "end": sql.Literal(str(end)),
    }
    for statement in (
        "CREATE TEMPORARY TABLE moved ON COMMIT DROP AS SELECT * FROM {default} WHERE id >= {first} AND id < {end}",
        "DELETE FROM {default} WHERE id >= {first} AND id < {end}",
        "CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ({first}) TO ({end})",
        "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        "INSERT INTO {table} SELECT * FROM moved",
        "DROP TABLE moved",
    ):
        cursor.execute(sql.SQL(statement).format(**names))
