"""manage.py hook_reference: the page about hooks, from the catalogue of hooks."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from plugin_host.hook_reference import filled


class Command(BaseCommand):
    help = "Writes what plugin_host.hookspec says of each hook into a page."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("page", type=Path, metavar="FILE", help="docs/plugins/hooks.md")

    def handle(self, *args: Any, **options: Any) -> None:
        page: Path = options["page"]
        try:
            before = page.read_text()
            after = filled(before)
        except (OSError, ValueError) as error:
            raise CommandError(f"{page} cannot be written: {error}") from error
        if after != before:
            page.write_text(after)
        self.stdout.write(f"{page} {'was written' if after != before else 'is as it should be'}.")
