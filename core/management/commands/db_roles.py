"""`manage.py db_roles`: make the database roles of this installation."""

from __future__ import annotations

from typing import Any

import environ
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, connection, transaction

from core.tenancy.roles import ensure_roles, role_name


class Command(BaseCommand):
    help = "Makes the roles that the application signs in as and enters. Safe to repeat."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_DATABASE_OWNER:
            raise CommandError(
                "Roles are made by the owner: set DATABASE_OWNER_URL and run manage.py db_roles."
            )
        application = environ.Env().db_url("DATABASE_URL")
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                done = ensure_roles(
                    cursor, login=application["USER"], password=application["PASSWORD"] or None
                )
        except ProgrammingError as error:
            raise CommandError(
                f"The owner may not make roles ({str(error).strip()}). Give it CREATEROLE, or have an administrator "
                f"make {role_name('tenant')} and {role_name('platform')} (NOLOGIN) and grant both to the login role."
            ) from error
        for sentence in done:
            self.stdout.write(sentence)
