"""All that is left of a plugin goes in one transaction, or stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import Error as DatabaseError
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from psycopg import errors as postgresql
from psycopg import sql

from core.actors import authorize
from core.errors import Conflict, FieldError, Invalid, Unavailable
from core.models import AuditEntry, PlatformAuditEntry
from core.platform_work import PlatformWork
from core.scope import Scope, current_actor, platform_scope
from plugin_host.models.settings import PluginSettings
from plugin_host.state import announce_plugin_change, forget_tenant_plugins
from plugin_host.uninstalling.export import export_file, write_rows
from plugin_host.uninstalling.footprint import host_rows, plugin_tables
from plugin_host.uninstalling.planning import Obstacle, UninstallPlan, plan_uninstall

# The promise for every change of the schema: nobody's requests wait behind it for longer.
_LOCK_TIMEOUT: Final = "2s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninstalled:
    """What was done.

    Args:
        plan: What there was.
        exported: How many rows the file has; None where none was asked for.
    """

    plan: UninstallPlan
    exported: int | None


def uninstall_plugin(
    plugin_id: str, *, export: Path | None, disable: bool = False, drop_tables: bool = False
) -> Uninstalled:
    """Take everything of a plugin out of the database: tables, rows, permissions, content types, migration records.

    Its tables go by its own migrations, taken back to zero. Where its code is gone, and for what those leave, the
    tables are dropped. What people wrote to the audit log stays.

    Args:
        export: A new file for all of its rows, without secrets; None keeps nothing.
        disable: Switch it off on the way for tenants that have it on, without telling it.
        drop_tables: Drop its tables without its migrations.

    Raises:
        Forbidden: The actor in scope is no operator.
        NotFound: There is no trace of such a plugin.
        Invalid: This process does not own the tables, or the file cannot be written.
        Conflict: Something is in the way; nothing was changed. Each obstacle is one of `errors`.
        Unavailable: Its tables are in use; nothing was changed.
    """
    actor = current_actor()
    authorize(actor, "installation.manage")
    if not settings.IS_DATABASE_OWNER:
        raise Invalid(
            "Tables are dropped by their owner: set DATABASE_OWNER_URL and run `manage.py plugin uninstall`.",
            code="owner_needed",
        )
    _refuse(plan_uninstall(plugin_id).obstacles, disable=disable)
    file_context = export_file(export) if export is not None else nullcontext(None)
    try:
        with (
            platform_scope(PlatformWork.PLUGIN_UNINSTALL) as scope,
            _translated(plugin_id),
            transaction.atomic(),
            file_context as file,
            connection.cursor() as cursor,
        ):
            return _Removal(plugin_id, cursor, scope).run(file, disable=disable, drop_tables=drop_tables)
    finally:
        forget_tenant_plugins()


def _refuse(obstacles: Sequence[Obstacle], *, disable: bool) -> None:
    standing = [one for one in obstacles if not (disable and one.code == "enabled")]
    if standing:
        raise Conflict(
            "The plugin cannot be uninstalled: " + " ".join(one.message for one in standing),
            code="plugin_in_use",
            errors=[FieldError(pointer="", message=one.message, code=one.code) for one in standing],
        )


@contextmanager
def _translated(plugin_id: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, postgresql.LockNotAvailable | postgresql.DeadlockDetected):
            raise Unavailable(
                f"The tables of plugin {plugin_id} are in use: try again when less is going on.",
                code="tables_in_use",
            ) from error
        raise
    except IrreversibleError as error:
        raise Conflict(
            f"A migration of plugin {plugin_id} cannot be taken back ({error}): "
            "write its reverse, or drop the tables as they are with --drop-tables.",
            code="irreversible_migration",
        ) from error


class _Removal:
    def __init__(self, plugin_id: str, cursor: CursorWrapper, scope: Scope) -> None:
        self._plugin_id = plugin_id
        self._cursor = cursor
        self._scope = scope

    def run(self, file: TextIO | None, *, disable: bool, drop_tables: bool) -> Uninstalled:
        self._cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
        # Looked at again now that nothing can be added to its tables.
        self._lock(plan_uninstall(self._plugin_id))
        plan = plan_uninstall(self._plugin_id)
        _refuse(plan.obstacles, disable=disable)
        exported = write_rows(plan, file) if file is not None else None
        # Tables first: rows that were changed in the same transaction would keep PostgreSQL from changing theirs.
        if plan.is_loaded and not drop_tables:
            self._migrate_to_zero(plan.label)
        self._drop_tables(plan.label)
        tenants = dict.fromkeys(
            PluginSettings.objects.filter(plugin_id=self._plugin_id).values_list("tenant_id", flat=True)
        )
        self._delete_rows(plan)
        self._note(plan, list(tenants))
        self._make_sure(plan)
        announce_plugin_change(None)
        return Uninstalled(plan=plan, exported=exported)

    def _lock(self, plan: UninstallPlan) -> None:
        if plan.tables:
            tables = sql.SQL(", ").join(sql.Identifier(one.table) for one in plan.tables)
            self._cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))

    def _migrate_to_zero(self, label: str) -> None:
        executor = MigrationExecutor(connection)
        if label not in executor.loader.migrated_apps:
            return
        targets: Any = [(label, None)]
        backwards = executor.migration_plan(targets)
        for migration, _ in backwards:
            if not migration.atomic:
                raise Conflict(
                    f"The migration {migration.name} of plugin {self._plugin_id} runs outside of transactions, so it "
                    "cannot be taken back together with the rest: drop the tables as they are with --drop-tables.",
                    code="irreversible_migration",
                )
        try:
            executor.migrate(targets, backwards)
        except (IrreversibleError, OperationalError):
            raise
        except Exception as error:
            # The plugin's own code: whatever it raises, the person is told what is left to do.
            raise Conflict(
                f"The migrations of plugin {self._plugin_id} could not be taken back ({type(error).__name__}: "
                f"{str(error).strip()}): mend them, or drop the tables as they are with --drop-tables.",
                code="irreversible_migration",
            ) from error

    def _drop_tables(self, label: str) -> None:
        tables = plugin_tables(self._cursor, label)
        if not tables:
            return
        names = sql.SQL(", ").join(sql.Identifier(table) for table in tables)
        try:
            self._cursor.execute(sql.SQL("DROP TABLE {}").format(names))
        except DatabaseError as error:
            if not isinstance(error.__cause__, postgresql.DependentObjectsStillExist):
                raise
            raise Conflict(
                f"Something else in the database rests on tables of plugin {self._plugin_id}: "
                f"{str(error).strip()}",
                code="plugin_in_use",
            ) from error

    def _delete_rows(self, plan: UninstallPlan) -> None:
        for rows in host_rows():
            query = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(rows.table), rows.condition)
            self._cursor.execute(query, {"plugin": self._plugin_id})
        # With them go their permissions.
        ContentType.objects.filter(app_label=plan.label).delete()
        ContentType.objects.clear_cache()
        self._cursor.execute("DELETE FROM django_migrations WHERE app = %s", [plan.label])

    def _note(self, plan: UninstallPlan, tenants: Sequence[Any]) -> None:
        actor = self._scope.actor
        said = {
            "actor": actor.reference[:120],
            "actor_label": actor.label[:254],
            "action": "plugin.uninstalled",
            "target_type": "plugin",
            "target_id": self._plugin_id,
            "summary": (plan.name or self._plugin_id)[:500],
            "correlation_id": self._scope.correlation_id,
            "at": timezone.now(),
        }
        AuditEntry.objects.bulk_create(AuditEntry(tenant_id=tenant, **said) for tenant in tenants)
        detail = {
            "version": plan.version,
            "tables": {one.table: one.total for one in plan.tables},
            "rows": {one.table: one.total for one in plan.rows},
            "was_on_for": list(plan.enabled_for),
        }
        PlatformAuditEntry.objects.create(**said, detail=detail)

    def _make_sure(self, plan: UninstallPlan) -> None:
        left = [*plugin_tables(self._cursor, plan.label)]
        for rows in host_rows():
            query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
                sql.Identifier(rows.table), rows.condition
            )
            self._cursor.execute(query, {"plugin": self._plugin_id})
            left += [rows.table] if self._cursor.fetchone()[0] else []
        if left:
            raise Conflict(
                f"Something of plugin {self._plugin_id} came while it was taken out ({', '.join(left)}): try again.",
                code="plugin_in_use",
            )
