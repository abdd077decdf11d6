"""Row-level security and tenant-safe foreign keys, as Django constraints.

Because they are constraints, `makemigrations` writes them into the migrations of every app, plugins included, and
`makemigrations --check` notices when one is missing.

Both put their SQL at the end of the migration (`deferred_sql`): by then every table and unique index exists.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table
from django.db.models.constraints import BaseConstraint

from core.tenancy.roles import role_name

TENANT_IN_SCOPE = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"


class _DeferredConstraint(BaseConstraint):
    """A constraint whose SQL runs when everything else of its migration is there."""

    def _sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        raise NotImplementedError("each constraint writes its own SQL")

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        table = Table(model._meta.db_table, schema_editor.quote_name)
        template = self._sql(model, schema_editor).replace("%", "%%").replace("@table@", "%(table)s")
        schema_editor.deferred_sql.append(Statement(template, table=table))
        return ""

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        return self.create_sql(model, schema_editor)

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = "default") -> None:
        """Nothing to ask in Python: the database refuses by itself."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return bool(self.deconstruct() == other.deconstruct())

    def __hash__(self) -> int:
        return hash(self.name)


class TenantPolicy(_DeferredConstraint):
    """Row-level security, enabled and forced, with one policy per role, and the grants that go with it.

    Args:
        rows: SQL condition that a row must meet for the tenant role; `@tenant@` stands for the tenant in scope.
        privileges: What the tenant role may do with the rows it sees.
    """

    def __init__(
        self,
        *,
        name: str,
        rows: str = "tenant_id = @tenant@",
        privileges: str = "SELECT, INSERT, UPDATE, DELETE",
    ) -> None:
        super().__init__(name=name)
        self.rows = rows
        self.privileges = privileges

    def _sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        tenant, platform = (schema_editor.quote_name(role_name(kind)) for kind in ("tenant", "platform"))
        rows = self.rows.replace("@tenant@", TENANT_IN_SCOPE)
        return (
            "ALTER TABLE @table@ ENABLE ROW LEVEL SECURITY; "
            "ALTER TABLE @table@ FORCE ROW LEVEL SECURITY; "
            f"CREATE POLICY tenant_rows ON @table@ TO {tenant} USING ({rows}) WITH CHECK ({rows}); "
            f"CREATE POLICY platform_rows ON @table@ TO {platform} USING (true) WITH CHECK (true); "
            # Forced row-level security holds for the owner too: without this a data migration sees nothing.
            "CREATE POLICY owner_rows ON @table@ TO CURRENT_USER USING (true) WITH CHECK (true); "
            f"GRANT {self.privileges} ON @table@ TO {tenant}; "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON @table@ TO {platform}"
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        table = schema_editor.quote_name(model._meta.db_table)
        tenant, platform = (schema_editor.quote_name(role_name(kind)) for kind in ("tenant", "platform"))
        return (
            f"DROP POLICY tenant_rows ON {table}; DROP POLICY platform_rows ON {table}; "
            f"DROP POLICY owner_rows ON {table}; REVOKE ALL ON {table} FROM {tenant}, {platform}"
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "rows": self.rows, "privileges": self.privileges}


class TenantForeignKey(_DeferredConstraint):
    """FOREIGN KEY (tenant_id, field) to (tenant_id, id): a row cannot point at another tenant's row.

    A plain foreign key would not do: PostgreSQL checks it past row-level security, so one tenant could
    reference, and by the error probe, the rows of another.

    PostgreSQL itself carries out what the relation's `on_delete` says of CASCADE and SET_NULL. Django does it first;
    but where a plugin cannot be loaded, Django does not know its table, and its rows would make a record undeletable.

    Args:
        field: Name of the `TenantRelation` on the model.
    """

    def __init__(self, *, name: str, field: str) -> None:
        super().__init__(name=name)
        self.field = field

    def _sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        quote = schema_editor.quote_name
        field: Any = model._meta.get_field(self.field)
        target = field.remote_field.model._meta.db_table
        return (
            f"ALTER TABLE @table@ ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY (tenant_id, {quote(field.column)}) REFERENCES {quote(target)} (tenant_id, id) "
            f"{_on_delete_sql(field, quote(field.column))}DEFERRABLE INITIALLY DEFERRED"
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        table = schema_editor.quote_name(model._meta.db_table)
        return f"ALTER TABLE {table} DROP CONSTRAINT {schema_editor.quote_name(self.name)}"

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field}


def _on_delete_sql(field: Any, column: str) -> str:
    if field.remote_field.on_delete is models.CASCADE:
        return "ON DELETE CASCADE "
    if field.remote_field.on_delete is models.SET_NULL:
        # Of the two columns this one alone: the row stays the tenant's.
        return f"ON DELETE SET NULL ({column}) "
    return ""
