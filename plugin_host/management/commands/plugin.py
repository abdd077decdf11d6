"""manage.py plugin: what is installed, what is on where, configuration, secrets, deliveries."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from core.errors import TenantryError
from plugin_host.identifiers import did_you_mean
from plugin_host.management.plugin_actions import ACTIONS
from plugin_host.management.plugin_actions.base import in_words

_BY_NAME: Final = {action.name: action for action in ACTIONS}


class Command(BaseCommand):
    help = "Plugins: what is installed, what is on where, configuration, secrets, deliveries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for action in ACTIONS:
            below = actions.add_parser(action.name, help=action.help)
            action(self.stdout, self.stderr).add_arguments(below)

    def run_from_argv(self, argv: list[str]) -> None:
        # argparse lists all choices for a mistyped one; the nearest is what people want to read.
        wanted = argv[2] if len(argv) > 2 else ""
        if wanted and not wanted.startswith("-") and wanted not in _BY_NAME:
            self.stderr.write(
                f"There is no action {wanted!r}.{did_you_mean(wanted, _BY_NAME)} Known: {', '.join(_BY_NAME)}."
            )
            sys.exit(1)
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _BY_NAME[options["action"]](self.stdout, self.stderr).run(options)
        except TenantryError as error:
            raise CommandError(in_words(error)) from error
