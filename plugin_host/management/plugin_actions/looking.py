"""`list` and `show`: what is installed, and what it is for a tenant."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any, Final

from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.management.plugin_actions.base import Options, PluginAction, value_text
from plugin_host.management.tenants import add_tenant_arguments
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.pauses import waiting_in_words
from plugin_host.selectors.plugins import added_by, failure_document, plugin_details, plugin_documents

_SCHEMA_TITLES: Final = {"config_schema": "settings", "secrets_schema": "secrets"}


class ListAction(PluginAction):
    name = "list"
    help = "all plugins"

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_arguments(parser, many=False)
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        if options["tenant"]:
            with self.inside_chosen(options):
                documents = plugin_documents()
        else:
            loaded = loaded_plugins()
            documents = [
                *(_installed_document(plugin) for plugin in loaded.plugins.values()),
                *(failure_document(failure) for failure in loaded.failures.values()),
            ]
        if options["json"]:
            self.say_json(documents)
            return
        if not documents:
            self.stdout.write("No plugins are installed.")
        for one in documents:
            self.stdout.write(f"{one['id']:<24} {one['version']:<10} {one['status']:<16} {one['name']}")
            for message in _reasons(one):
                self.stdout.write(f"{'':<24} {message}")


class ShowAction(PluginAction):
    name = "show"
    help = "one plugin: what it adds, what it is for a tenant"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="PLUGIN")
        add_tenant_arguments(parser, many=False)
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        plugin_id = options["plugin"]
        if options["tenant"]:
            with self.inside_chosen(options):
                document = plugin_details(plugin_id)
        else:
            loaded = loaded_plugins()
            if (failure := loaded.failure_of(plugin_id)) is not None and plugin_id not in loaded.plugins:
                document = failure_document(failure)
            else:
                plugin = loaded.get(plugin_id)
                document = _installed_document(plugin) | added_by(plugin)
        if options["json"]:
            self.say_json(document)
            return
        for key, value in document.items():
            if value in (None, "", [], {}):
                continue
            if key.endswith("_schema"):
                self.stdout.write(f"{_SCHEMA_TITLES[key]}: {_names_in(value)}")
            elif isinstance(value, list):
                self.stdout.write(f"{key}:")
                for item in value:
                    self.stdout.write(f"    {_line(item)}")
            else:
                self.stdout.write(f"{key}: {_line(value)}")


def _installed_document(plugin: LoadedPlugin) -> dict[str, Any]:
    about = plugin.metadata
    return {
        "id": about.id,
        "name": about.name,
        "version": about.version,
        "author": about.author,
        "description": about.description,
        "source": plugin.source,
        "path": str(plugin.path or ""),
        "status": "loaded",
        "problems": [],
    }


def _reasons(document: Mapping[str, Any]) -> list[str]:
    found = [problem["message"] for problem in document.get("problems", ())]
    found += [f"{error['pointer']} {error['message']}" for error in document.get("errors", ())]
    if paused := document.get("paused"):
        found.append(_pause_line(paused))
    return found


def _pause_line(paused: Mapping[str, Any]) -> str:
    until = f" until {paused['until']}" if paused["until"] else ""
    why = f": {paused['reason'].rstrip('.')}." if paused["reason"] else "."
    return (
        f"Paused by {paused['by']} since {paused['since']}{until}{why} {waiting_in_words(paused['waiting'])}"
    )


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key}={value_text(item)}" for key, item in value.items() if item not in (None, ""))
    return value_text(value)


def _names_in(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    return ", ".join(
        f"{name} (required)" if name in required else name for name in schema.get("properties", {})
    )
