"""`manage.py prepare`: bring roles, schema and grants up to date, in one process and fast when nothing is to do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from core.tenancy.roles import grant_tables


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
            call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
            return
        # After migrations a receiver does this. Without any the list in the settings may still have changed.
        with transaction.atomic(), connection.cursor() as cursor:
            grant_tables(cursor, settings.TABLES_WITHOUT_TENANT)
