"""`config history`, `config diff` and `config restore`: earlier configurations of a plugin."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from core.errors import Invalid
from core.platform_work import PlatformWork
from core.scope import platform_scope
from core.selectors.content_state import timestamp
from plugin_host.api.config_history import change_document, revision_document
from plugin_host.config_changes import ChangeKind, ConfigChange
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction, value_text
from plugin_host.management.tenants import add_tenant_arguments
from plugin_host.selectors.config_history import compare_configs, config_history
from plugin_host.services import restore_config, restore_platform_config

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_SHOWN: Final = 20
_MARKS: Final = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "~"}


class ConfigHistory(PluginAction):
    """The part of `config` that looks back."""

    def add_history(self, below: _SubParsersAction[Any]) -> None:
        """Add its actions below `config`."""
        history: ArgumentParser = below.add_parser("history", help="who changed what, and when")
        diff: ArgumentParser = below.add_parser("diff", help="what differs between two revisions")
        restore: ArgumentParser = below.add_parser(
            "restore", help="put an earlier configuration in force again"
        )
        for one in (history, diff, restore):
            one.add_argument("plugin", metavar="PLUGIN")
            add_tenant_arguments(one, many=False)
            one.add_argument("--platform", action="store_true", help="what lies below all tenants' own")
        history.add_argument("--limit", type=int, default=_SHOWN)
        diff.add_argument(
            "revisions", nargs="+", type=int, metavar="REVISION", help="one: with that before it"
        )
        restore.add_argument("revision", type=int, metavar="REVISION")
        for one in (history, diff):
            one.add_argument("--json", action="store_true", help="for machines")

    def _history(self, options: Options) -> None:
        with self._inside(options):
            found = config_history(
                options["plugin"], limit=max(1, options["limit"]), of_platform=options["platform"]
            )
        if options["json"]:
            self.say_json([revision_document(one) for one in found])
            return
        if not found:
            self.stdout.write("No configuration was ever saved.")
        for one in found:
            self.stdout.write(f"revision {one.number}, {timestamp(one.changed_at)} by {one.changed_by}")
            self._say_changes(one.changes)

    def _diff(self, options: Options) -> None:
        chosen: Sequence[int] = options["revisions"]
        if len(chosen) > 2:
            raise Invalid("Name one revision, or two: OLD NEW.")
        old, new = chosen if len(chosen) == 2 else (None, chosen[0])
        with self._inside(options):
            found = compare_configs(options["plugin"], old, new, of_platform=options["platform"])
        if options["json"]:
            self.say_json([change_document(change) for change in found.changes])
            return
        if not found.changes:
            self.stdout.write("The two say the same.")
        self._say_changes(found.changes)

    def _restore(self, options: Options) -> None:
        restore = restore_platform_config if options["platform"] else restore_config
        with self._inside(options):
            row = restore(options["plugin"], options["revision"])
        self.stdout.write(
            f"The configuration of revision {options['revision']} is in force again, as revision {row.revision}."
        )

    def _inside(self, options: Options) -> AbstractContextManager[Any]:
        if options["platform"]:
            return platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=ACTOR)
        return self.inside_chosen(options)

    def _say_changes(self, changes: Sequence[ConfigChange]) -> None:
        for change in changes:
            values = {
                ChangeKind.ADDED: value_text(change.after),
                ChangeKind.REMOVED: value_text(change.before),
                ChangeKind.CHANGED: f"{value_text(change.before)} -> {value_text(change.after)}",
            }
            self.stdout.write(f"  {_MARKS[change.kind]} {change.pointer} = {values[change.kind]}")
