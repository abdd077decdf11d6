"""manage.py operator: people who run the installation and sign in on the platform's host."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import TenantryError
from core.platform_work import PlatformWork
from core.scope import platform_scope
from tenants.models import User
from tenants.services.people import make_operator, unmake_operator


class Command(BaseCommand):
    help = "Makes, lists and removes operators of the installation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="make a person an operator, with a new password")
        create.add_argument("email", metavar="EMAIL")
        create.add_argument("--name", default="")
        create.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )
        actions.add_parser("list", help="show the operators")
        remove = actions.add_parser("remove", help="make an operator an ordinary person again")
        remove.add_argument("email", metavar="EMAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except TenantryError as error:
            raise CommandError(error.message) from error

    def _create(self, options: dict[str, Any]) -> None:
        if options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\r\n")
        elif sys.stdin.isatty():
            password = getpass.getpass(f"Password for {options['email']}: ")
        else:
            raise CommandError("Nobody can be asked for a password here; pipe it in with --password-stdin.")
        user = make_operator(email=options["email"], password=password, name=options["name"])
        self.stdout.write(f"{user.email} is an operator.")

    def _list(self, options: dict[str, Any]) -> None:
        with platform_scope(PlatformWork.PEOPLE):
            for email in User.objects.filter(is_staff=True).order_by("email").values_list("email", flat=True):
                self.stdout.write(email)

    def _remove(self, options: dict[str, Any]) -> None:
        user = unmake_operator(email=options["email"])
        self.stdout.write(f"{user.email} is no operator any more.")
