"""manage.py sdk_names: the list of names that plugins may build on."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from plugin_host.sdk_names import breaks, sdk_names


class Command(BaseCommand):
    help = "Adds new names of the plugin SDK to the committed list; refuses where one has gone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("list", type=Path, metavar="FILE", help="docs/reference/sdk.txt")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["list"]
        today = sdk_names()
        try:
            committed = path.read_text().splitlines() if path.exists() else []
            if broken := breaks(committed, today):
                raise CommandError(
                    "Plugins that are written today would break:\n  "
                    + "\n  ".join(broken)
                    + "\nKeep the old name beside the new one, with a warning, for one minor release."
                )
            path.write_text("\n".join(today) + "\n")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error}") from error
        self.stdout.write(f"{path} has {len(today)} lines, {len(set(today) - set(committed))} of them new.")
