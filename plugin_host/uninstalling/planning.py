"""What there is of a plugin in the database, and what is in the way of taking it out; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from core.actors import authorize
from core.errors import NotFound
from core.platform_work import PlatformWork
from core.scope import current_actor, platform_scope
from plugin_host.dependencies import dependant_plugins
from plugin_host.identifiers import app_label, did_you_mean, is_plugin_id
from plugin_host.models.delivery import Delivery
from plugin_host.models.schedule import ScheduledRun
from plugin_host.models.secret import PluginSecret
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.registry import LoadedPlugins, loaded_plugins
from plugin_host.uninstalling.footprint import (
    HostRows,
    host_labels,
    host_rows,
    known_labels,
    plugin_config,
    plugin_tables,
)
from tenants.models import Tenant

_ON: Final = (PluginState.ENABLED, PluginState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """How many rows of a table are a plugin's.

    Args:
        by_tenant: Slug -> rows; the empty slug stands for rows that belong to no tenant.
    """

    table: str
    by_tenant: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_tenant.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a plugin cannot be taken out now.

    Args:
        code: `enabled` can be lifted by switching it off on the way; all others stand.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UninstallPlan:
    """Everything that there is of a plugin.

    Args:
        label: Of its Django app.
        is_loaded: Whether its code is in this process, so that its migrations can be taken back.
        tables: Its own; they are dropped.
        rows: Of the host's tables; tables without a row about it are left out.
        secrets: Tenant -> names of the secrets that are set; never a value.
        enabled_for: Tenants for which it is on.
        migrations: Those that the database has, in the order in which they ran.
    """

    plugin_id: str
    name: str
    version: str
    label: str
    is_loaded: bool
    tables: Sequence[TableRows]
    rows: Sequence[TableRows]
    secrets: Mapping[str, Sequence[str]]
    enabled_for: Sequence[str]
    permissions: Sequence[str]
    content_types: Sequence[str]
    migrations: Sequence[str]
    obstacles: Sequence[Obstacle]

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it is in the database."""
        return not (self.tables or self.rows or self.permissions or self.content_types or self.migrations)


def plan_uninstall(plugin_id: str) -> UninstallPlan:
    """Return what there is of a plugin in the whole installation.

    Raises:
        Forbidden: The actor in scope is no operator.
        NotFound: There is no trace of such a plugin, with the nearest right name.
    """
    authorize(current_actor(), "installation.manage")
    with platform_scope(PlatformWork.PLUGIN_UNINSTALL), connection.cursor() as cursor:
        return _Planning(plugin_id, cursor).plan()


class _Planning:
    def __init__(self, plugin_id: str, cursor: CursorWrapper) -> None:
        self.plugin_id = plugin_id
        self.label = app_label(plugin_id)
        self._cursor = cursor
        self._loaded: LoadedPlugins = loaded_plugins()
        self._slugs: dict[UUID, str] = dict(Tenant.objects.values_list("pk", "slug"))

    def plan(self) -> UninstallPlan:
        # The host's own apps have labels too, and nothing of those may ever be taken out.
        if not is_plugin_id(self.plugin_id) or self.label in host_labels():
            raise self._unknown()
        loaded, failure = (
            self._loaded.plugins.get(self.plugin_id),
            self._loaded.failure_of(self.plugin_id),
        )
        enabled_for = self._enabled_for(self.plugin_id)
        plan = UninstallPlan(
            plugin_id=self.plugin_id,
            name=loaded.metadata.name if loaded is not None else failure.title if failure else "",
            version=loaded.metadata.version if loaded is not None else failure.version if failure else "",
            label=self.label,
            is_loaded=plugin_config(self.label) is not None,
            tables=self._tables(),
            rows=[found for rows in host_rows() if (found := self._rows(rows)).total],
            secrets=self._secrets(),
            enabled_for=enabled_for,
            permissions=self._permissions(),
            content_types=sorted(
                ContentType.objects.filter(app_label=self.label).values_list("model", flat=True)
            ),
            migrations=self._migrations(),
            obstacles=[*self._users(enabled_for), *self._dependants(), *self._running(), *self._foreign()],
        )
        if plan.is_empty and loaded is None and failure is None:
            raise self._unknown()
        return plan

    def _unknown(self) -> NotFound:
        known = {*self._loaded.plugins, *self._loaded.failures}
        known |= {label.removeprefix("plugin_").replace("_", "-") for label in known_labels(self._cursor)}
        return NotFound(
            f"There is no trace of a plugin {self.plugin_id!r}.{did_you_mean(self.plugin_id, known)}",
            code="plugin_not_found",
        )

    # -- what there is -------------------------------------------------------------------------------------------

    def _tables(self) -> list[TableRows]:
        return [
            TableRows(table=table, by_tenant=self._counted(table, sql.SQL("true")))
            for table in plugin_tables(self._cursor, self.label)
        ]

    def _rows(self, rows: HostRows) -> TableRows:
        return TableRows(table=rows.table, by_tenant=self._counted(rows.table, rows.condition))

    def _counted(self, table: str, condition: sql.Composable) -> dict[str, int]:
        tenant = sql.SQL("tenant_id" if self._has_tenant(table) else "NULL::uuid")
        query = sql.SQL("SELECT {}, count(*) FROM {} WHERE {} GROUP BY 1").format(
            tenant, sql.Identifier(table), condition
        )
        self._cursor.execute(query, {"plugin": self.plugin_id})
        found = {
            self._slugs.get(pk, str(pk)) if pk is not None else "": count
            for pk, count in self._cursor.fetchall()
            if count
        }
        return dict(sorted(found.items()))

    def _has_tenant(self, table: str) -> bool:
        self._cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "WHERE c.relname = %s AND c.relnamespace = current_schema()::regnamespace "
            "AND a.attname = 'tenant_id' AND NOT a.attisdropped)",
            [table],
        )
        return bool(self._cursor.fetchone()[0])

    def _secrets(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        rows = PluginSecret.objects.filter(plugin_id=self.plugin_id).order_by("key")
        for tenant_id, key in rows.values_list("tenant_id", "key"):
            found.setdefault(self._slugs[tenant_id], []).append(key)
        return found

    def _permissions(self) -> list[str]:
        found = Permission.objects.filter(content_type__app_label=self.label)
        return sorted(found.values_list("codename", flat=True))

    def _migrations(self) -> list[str]:
        self._cursor.execute("SELECT name FROM django_migrations WHERE app = %s ORDER BY id", [self.label])
        return [name for (name,) in self._cursor.fetchall()]

    # -- what is in the way --------------------------------------------------------------------------------------

    def _enabled_for(self, plugin_id: str) -> list[str]:
        rows = PluginSettings.objects.filter(plugin_id=plugin_id, state__in=_ON)
        return sorted(self._slugs[pk] for pk in rows.values_list("tenant_id", flat=True))

    def _users(self, enabled_for: Sequence[str]) -> list[Obstacle]:
        if not enabled_for:
            return []
        names = ", ".join(enabled_for)
        message = f"It is on for {names}: switch it off there, or have it done on the way with --disable."
        return [Obstacle(code="enabled", message=message)]

    def _dependants(self) -> list[Obstacle]:
        return [
            Obstacle(
                code="needed",
                message=f"Plugin {other} needs it and is on for {', '.join(users)}: switch that one off first.",
            )
            for other in dependant_plugins(self._loaded.plugins, self.plugin_id)
            if (users := self._enabled_for(other))
        ]

    def _running(self) -> list[Obstacle]:
        running = Delivery.objects.filter(plugin=self.plugin_id, status="running").count()
        running += ScheduledRun.objects.filter(plugin=self.plugin_id, status="running").count()
        if not running:
            return []
        return [
            Obstacle(
                code="running", message=f"{running} of its hooks run at this moment: wait until they end."
            )
        ]

    def _foreign(self) -> list[Obstacle]:
        found = []
        tables = [one.table for one in self._tables()]
        self._cursor.execute(
            "SELECT DISTINCT c.conrelid::regclass::text FROM pg_constraint c "
            "JOIN pg_class t ON t.oid = c.confrelid JOIN pg_class s ON s.oid = c.conrelid "
            "WHERE c.contype = 'f' AND t.relname = ANY(%(tables)s) AND NOT s.relname = ANY(%(tables)s) "
            "AND NOT s.relispartition",
            {"tables": tables},
        )
        if others := sorted(name for (name,) in self._cursor.fetchall()):
            found.append(
                Obstacle(
                    code="referenced",
                    message=f"Tables of others point at its own: {', '.join(others)}. Uninstall those first.",
                )
            )
        if others := sorted(set(self._other_migrations())):
            found.append(
                Obstacle(
                    code="migrations",
                    message=f"Migrations of others rest on its own: {', '.join(others)}. Uninstall those first.",
                )
            )
        return found

    def _other_migrations(self) -> list[str]:
        if plugin_config(self.label) is None:
            return []
        executor = MigrationExecutor(connection)
        if self.label not in executor.loader.migrated_apps:
            return []
        backwards: Any = executor.migration_plan([(self.label, None)])
        return [one.app_label for one, _ in backwards if one.app_label != self.label]
