"""`config`: a plugin's configuration, a tenant's or the platform's."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from core.errors import Invalid
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.identifiers import did_you_mean
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.management.plugin_actions.base import ACTOR, Options, value_text
from plugin_host.management.plugin_actions.config_check import ConfigCheck
from plugin_host.management.plugin_actions.config_history import ConfigHistory
from plugin_host.management.tenants import add_tenant_arguments
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.plugins import platform_settings_document, settings_document
from plugin_host.services import save_config, save_platform_config


class ConfigAction(ConfigHistory, ConfigCheck):
    name = "config"
    help = "a plugin's configuration"

    def add_arguments(self, parser: ArgumentParser) -> None:
        below = parser.add_subparsers(dest="below", required=True, metavar="ACTION")
        get = below.add_parser("get", help="show the configuration, or one setting")
        change = below.add_parser("set", help="change settings: KEY=VALUE, a value being JSON or a text")
        unset = below.add_parser("unset", help="take settings back to what lies below")
        for one in (get, change, unset):
            one.add_argument("plugin", metavar="PLUGIN")
            add_tenant_arguments(one, many=one is not get)
            one.add_argument("--platform", action="store_true", help="what lies below all tenants' own")
        get.add_argument("key", nargs="?", metavar="KEY")
        get.add_argument("--json", action="store_true", help="all layers, for machines")
        unset.add_argument("keys", nargs="+", metavar="KEY")
        self.add_history(below)
        check = self.add_check(below)
        for one in (change, check):
            one.add_argument("pairs", nargs="*", metavar="KEY=VALUE")
            one.add_argument("--file", type=Path, metavar="FILE", help="a JSON object; - for standard input")

    def run(self, options: Options) -> None:
        cast("Callable[[Options], None]", getattr(self, f"_{options['below']}"))(options)

    def _get(self, options: Options) -> None:
        if options["platform"]:
            with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=ACTOR):
                document = platform_settings_document(options["plugin"])
        else:
            with self.inside_chosen(options):
                document = settings_document(options["plugin"])
        config = document["config"]
        if key := options["key"]:
            if key not in config:
                known = (document["schema"] or {}).get("properties", {})
                raise Invalid(f"{key} is not set.{did_you_mean(key, {*config, *known} - {key})}")
            self.stdout.write(value_text(config[key]))
        elif options["json"]:
            self.say_json(document)
        else:
            for name, value in config.items():
                origin = (
                    "own"
                    if name in document["own"]
                    else "platform"
                    if name in document["platform"]
                    else "default"
                )
                self.stdout.write(f"{name} = {value_text(value)}  ({origin})")

    def _set(self, options: Options) -> None:
        change = _asked_change(options)
        if not change:
            raise Invalid("Say what to set: KEY=VALUE, or --file FILE.")
        self._change_config(options, change)

    def _check(self, options: Options) -> None:
        self.try_change(options, _asked_change(options))

    def _unset(self, options: Options) -> None:
        self._change_config(options, dict.fromkeys(options["keys"]))

    def _change_config(self, options: Options, change: Mapping[str, Any]) -> None:
        if options["platform"]:
            with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=ACTOR):
                save_platform_config(options["plugin"], change, merge=True)
            self.stdout.write(f"The platform's configuration of {options['plugin']} is saved.")
            return
        self.for_each(options, lambda plugin: save_config(plugin, change, merge=True), "is configured")


def _asked_change(options: Options) -> dict[str, Any]:
    plugin = loaded_plugins().get(options["plugin"])
    change = _read_file(options["file"]) if options["file"] else {}
    return change | dict(_pair(text, plugin) for text in options["pairs"])


def _pair(text: str, plugin: LoadedPlugin) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Invalid(f"Write KEY=VALUE, not {text!r}.")
    part = ((plugin.metadata.config_schema or {}).get("properties", {})).get(key, {})
    if isinstance(part, Mapping) and part.get("type") == "string":
        # So that nobody has to quote a text that happens to look like a number.
        return key, value
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
        document = json.loads(text)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error}") from error
    except ValueError as error:
        raise Invalid(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise Invalid(f"{path} must hold a JSON object of settings.")
    return document
