"""`manage.py prepare`: bring roles, schema and grants up to date, in one process and fast when nothing is to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from core.tenancy.roles import grant_tables
from plugin_host.loading.app_config import PluginAppConfig


class Command(BaseCommand):
    help = "Makes the roles, migrates and grants; ends at once when all is there. Safe to repeat."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_DATABASE_OWNER:
            raise CommandError("The schema is the owner's: set DATABASE_OWNER_URL.")
        call_command("db_roles", stdout=self.stdout)
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if pending:
            self.stdout.write(f"{len(pending)} migrations to apply.")
            self._migrate()
            return
        # After migrations a receiver does this. Without any the list in the settings may still have changed.
        with transaction.atomic(), connection.cursor() as cursor:
            grant_tables(cursor, settings.TABLES_WITHOUT_TENANT)

    def _migrate(self, *labels: str) -> None:
        try:
            call_command("migrate", *labels, interactive=False, verbosity=0, stdout=self.stdout)
        except Exception as error:
            # Load isolation: what a plugin's migration raises must not keep the site down.
            plugins = {one.label: one for one in apps.get_app_configs() if isinstance(one, PluginAppConfig)}
            if not labels and plugins:
                self._migrate_apart(plugins)
            elif labels and (plugin := plugins.get(labels[0])) is not None:
                self.stderr.write(
                    f"Plugin {plugin.plugin_id}: its migrations cannot be applied "
                    f"({type(error).__name__}: {str(error).strip()}). It does not run, everything else does. "
                    f"Mend it, then `manage.py migrate {plugin.label}`."
                )
            else:
                raise

    def _migrate_apart(self, plugins: Mapping[str, PluginAppConfig]) -> None:
        """Apply what is pending app by app, the host's own first."""
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        labels = dict.fromkeys(migration.app_label for migration, _ in plan)
        for label in sorted(labels, key=lambda one: one in plugins):
            self._migrate(label)
