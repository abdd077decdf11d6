"""`enable`, `disable`, `pause` and `resume`."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.utils import timezone

from core.errors import Invalid
from plugin_host.management.plugin_actions.base import Options, PluginAction
from plugin_host.management.tenants import add_tenant_arguments
from plugin_host.models.settings import PluginSettings
from plugin_host.services import (
    disable_plugin,
    disable_with_dependants,
    enable_plugin,
    enable_with_required,
    pause_plugin,
    resume_plugin,
)

_TIME: Final = re.compile(r"(\d+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _StateAction(PluginAction):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="PLUGIN")
        add_tenant_arguments(parser)

    def _say_others(self, switched: Sequence[PluginSettings], how: str) -> None:
        for row in switched[:-1]:
            self.stdout.write(f"{row.plugin_id} is {how} as well.")


class EnableAction(_StateAction):
    name = "enable"
    help = "switch a plugin on"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--with-required", action="store_true", help="together with the plugins that it needs"
        )

    def run(self, options: Options) -> None:
        if not options["with_required"]:
            self.for_each(options, enable_plugin, "is on")
            return

        def enable(plugin_id: str) -> None:
            self._say_others(enable_with_required(plugin_id), "on")

        self.for_each(options, enable, "is on")


class DisableAction(_StateAction):
    name = "disable"
    help = "switch a plugin off; configuration and secrets are kept"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--with-dependants", action="store_true", help="together with the plugins that need it"
        )

    def run(self, options: Options) -> None:
        if not options["with_dependants"]:
            self.for_each(options, disable_plugin, "is off")
            return

        def disable(plugin_id: str) -> None:
            self._say_others(disable_with_dependants(plugin_id), "off")

        self.for_each(options, disable, "is off")


class PauseAction(_StateAction):
    name = "pause"
    help = "keep a plugin from running; what it is owed waits"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", default="", help="shown to people")
        parser.add_argument("--for", dest="duration", metavar="TIME", help="30m, 2h, 1d")

    def run(self, options: Options) -> None:
        until = timezone.now() + _duration(options["duration"]) if options["duration"] else None
        self.for_each(
            options,
            lambda plugin: pause_plugin(plugin, reason=options["reason"], until=until),
            "is paused",
        )


class ResumeAction(_StateAction):
    name = "resume"
    help = "end a pause"

    def run(self, options: Options) -> None:
        self.for_each(options, resume_plugin, "is on again")


def _duration(text: str) -> timedelta:
    found = _TIME.fullmatch(text)
    if found is None:
        raise Invalid(f"Write a time such as 30m, 2h or 1d, not {text!r}.")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})
