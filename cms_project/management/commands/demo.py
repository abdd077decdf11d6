"""manage.py demo: fill an empty installation with two tenants."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, TextIO, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cms_project.demo.seed import seed_demo
from core.errors import TenantryError


class Command(BaseCommand):
    help = "Makes the tenants acme and globex with people, articles and plugins. Their password is public."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="also where DEBUG is off")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG and not options["force"]:
            raise CommandError(
                "Everybody knows the demo's passwords. Set DEBUG=true, or add --force if that is all right."
            )
        try:
            seed_demo(cast("TextIO", self.stdout))
        except TenantryError as error:
            details = "".join(f"\n  {fault.pointer} {fault.message}" for fault in error.errors)
            raise CommandError(f"{error.message}{details}") from error
