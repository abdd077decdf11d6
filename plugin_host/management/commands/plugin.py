"""manage.py plugin: what is installed, what is on where, configuration, secrets, deliveries."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.actors import system_actor
from core.errors import Invalid, TenantryError
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from core.selectors.content_state import timestamp
from plugin_host.api.documents import delivery_details, delivery_document
from plugin_host.deliveries.replaying import ReplaySelection, replay_deliveries, replay_delivery
from plugin_host.deliveries.selectors import DeliveryState, deliveries, delivery_with_attempts
from plugin_host.identifiers import did_you_mean
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.management.checking import Finding, check_plugins
from plugin_host.management.tenants import NamedTenant, add_tenant_arguments, chosen_tenants
from plugin_host.models.delivery import DeliveryOutcome
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.plugins import (
    added_by,
    failure_document,
    platform_settings_document,
    plugin_details,
    plugin_documents,
    plugin_named,
    secret_documents,
    settings_document,
)
from plugin_host.services import (
    delete_secret,
    disable_plugin,
    enable_plugin,
    pause_plugin,
    resume_plugin,
    save_config,
    save_platform_config,
    set_secret,
)

_ACTOR: Final = system_actor("manage.py plugin")
_ACTIONS: Final = (
    "list",
    "show",
    "enable",
    "disable",
    "pause",
    "resume",
    "config",
    "secret",
    "deliveries",
    "replay",
    "check",
)
_SHOWN_DELIVERIES: Final = 20
_TIME: Final = re.compile(r"(\d+)([smhd])")
_SCHEMA_TITLES: Final = {"config_schema": "settings", "secrets_schema": "secrets"}
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Options = dict[str, Any]


class Command(BaseCommand):
    help = "Plugins: what is installed, what is on where, configuration, secrets, deliveries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self._add_looking(actions.add_parser)
        self._add_states(actions.add_parser)
        self._add_config(actions.add_parser("config", help="a plugin's configuration"))
        self._add_secret(actions.add_parser("secret", help="a plugin's secrets, which nobody can read back"))
        self._add_deliveries(actions.add_parser)
        check = actions.add_parser("check", help="try all plugins; exit code 1 where one is not sound")
        check.add_argument("plugin", nargs="?", metavar="PLUGIN", help="this one only")
        check.add_argument("--json", action="store_true", help="for machines")

    def run_from_argv(self, argv: list[str]) -> None:
        # argparse lists all choices for a mistyped one; the nearest is what people want to read.
        wanted = argv[2] if len(argv) > 2 else ""
        if wanted and not wanted.startswith("-") and wanted not in _ACTIONS:
            self.stderr.write(
                f"There is no action {wanted!r}.{did_you_mean(wanted, _ACTIONS)} Known: {', '.join(_ACTIONS)}."
            )
            sys.exit(1)
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        action = "_".join(filter(None, (options["action"], options.get("below"))))
        run = cast("Callable[[Options], None]", getattr(self, f"_{action}"))
        try:
            run(options)
        except TenantryError as error:
            raise CommandError(_in_words(error)) from error

    # -- looking ---------------------------------------------------------------------------------------------------

    def _add_looking(self, add: Callable[..., ArgumentParser]) -> None:
        shown = add("list", help="all plugins")
        add_tenant_arguments(shown, many=False)
        shown.add_argument("--json", action="store_true", help="for machines")
        one = add("show", help="one plugin: what it adds, what it is for a tenant")
        one.add_argument("plugin", metavar="PLUGIN")
        add_tenant_arguments(one, many=False)
        one.add_argument("--json", action="store_true", help="for machines")

    def _list(self, options: Options) -> None:
        if options["tenant"]:
            with self._in(chosen_tenants(options, actor=_ACTOR)[0]):
                documents = plugin_documents()
        else:
            loaded = loaded_plugins()
            documents = [
                *(_installed_document(plugin) for plugin in loaded.plugins.values()),
                *(failure_document(failure) for failure in loaded.failures.values()),
            ]
        if options["json"]:
            self._say_json(documents)
            return
        if not documents:
            self.stdout.write("No plugins are installed.")
        for one in documents:
            self.stdout.write(f"{one['id']:<24} {one['version']:<10} {one['status']:<16} {one['name']}")
            for message in _reasons(one):
                self.stdout.write(f"{'':<24} {message}")

    def _show(self, options: Options) -> None:
        plugin_id = options["plugin"]
        if options["tenant"]:
            with self._in(chosen_tenants(options, actor=_ACTOR)[0]):
                document = plugin_details(plugin_id)
        else:
            loaded = loaded_plugins()
            if (failure := loaded.failure_of(plugin_id)) is not None and plugin_id not in loaded.plugins:
                document = failure_document(failure)
            else:
                plugin = loaded.get(plugin_id)
                document = _installed_document(plugin) | added_by(plugin)
        if options["json"]:
            self._say_json(document)
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

    # -- states ----------------------------------------------------------------------------------------------------

    def _add_states(self, add: Callable[..., ArgumentParser]) -> None:
        for name, what in (
            ("enable", "switch a plugin on"),
            ("disable", "switch a plugin off; configuration and secrets are kept"),
            ("pause", "keep a plugin from running; what it is owed waits"),
            ("resume", "end a pause"),
        ):
            parser = add(name, help=what)
            parser.add_argument("plugin", metavar="PLUGIN")
            add_tenant_arguments(parser)
            if name == "pause":
                parser.add_argument("--reason", default="", help="shown to people")
                parser.add_argument("--for", dest="duration", metavar="TIME", help="30m, 2h, 1d")

    def _enable(self, options: Options) -> None:
        self._for_each(options, enable_plugin, "is on")

    def _disable(self, options: Options) -> None:
        self._for_each(options, disable_plugin, "is off")

    def _pause(self, options: Options) -> None:
        until = timezone.now() + _duration(options["duration"]) if options["duration"] else None
        self._for_each(
            options,
            lambda plugin: pause_plugin(plugin, reason=options["reason"], until=until),
            "is paused",
        )

    def _resume(self, options: Options) -> None:
        self._for_each(options, resume_plugin, "is on again")

    # -- configuration ---------------------------------------------------------------------------------------------

    def _add_config(self, parser: ArgumentParser) -> None:
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
        change.add_argument("pairs", nargs="*", metavar="KEY=VALUE")
        change.add_argument("--file", type=Path, metavar="FILE", help="a JSON object; - for standard input")
        unset.add_argument("keys", nargs="+", metavar="KEY")

    def _config_get(self, options: Options) -> None:
        if options["platform"]:
            with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=_ACTOR):
                document = platform_settings_document(options["plugin"])
        else:
            with self._in(chosen_tenants(options, actor=_ACTOR)[0]):
                document = settings_document(options["plugin"])
        config = document["config"]
        if key := options["key"]:
            if key not in config:
                known = (document["schema"] or {}).get("properties", {})
                raise Invalid(f"{key} is not set.{did_you_mean(key, {*config, *known} - {key})}")
            self.stdout.write(_value_text(config[key]))
        elif options["json"]:
            self._say_json(document)
        else:
            for name, value in config.items():
                origin = (
                    "own"
                    if name in document["own"]
                    else "platform"
                    if name in document["platform"]
                    else "default"
                )
                self.stdout.write(f"{name} = {_value_text(value)}  ({origin})")

    def _config_set(self, options: Options) -> None:
        plugin = loaded_plugins().get(options["plugin"])
        change = _read_file(options["file"]) if options["file"] else {}
        change |= dict(_pair(text, plugin) for text in options["pairs"])
        if not change:
            raise Invalid("Say what to set: KEY=VALUE, or --file FILE.")
        self._change_config(options, change)

    def _config_unset(self, options: Options) -> None:
        self._change_config(options, dict.fromkeys(options["keys"]))

    def _change_config(self, options: Options, change: Mapping[str, Any]) -> None:
        if options["platform"]:
            with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=_ACTOR):
                save_platform_config(options["plugin"], change, merge=True)
            self.stdout.write(f"The platform's configuration of {options['plugin']} is saved.")
            return
        self._for_each(options, lambda plugin: save_config(plugin, change, merge=True), "is configured")

    # -- secrets ---------------------------------------------------------------------------------------------------

    def _add_secret(self, parser: ArgumentParser) -> None:
        below = parser.add_subparsers(dest="below", required=True, metavar="ACTION")
        change = below.add_parser("set", help="store a secret; asked for, unless told where to read it")
        shown = below.add_parser("list", help="which are set, and by whom")
        delete = below.add_parser("delete", help="take a secret away")
        for one in (change, shown, delete):
            one.add_argument("plugin", metavar="PLUGIN")
            if one is not shown:
                one.add_argument("key", metavar="KEY")
            add_tenant_arguments(one, many=False)
        # Never as an argument: everybody on the machine can read those.
        source = change.add_mutually_exclusive_group()
        source.add_argument("--stdin", action="store_true", help="read it from standard input")
        source.add_argument("--env", metavar="NAME", help="read it from this environment variable")
        source.add_argument("--file", type=Path, metavar="FILE", help="read it from this file")
        shown.add_argument("--json", action="store_true", help="for machines")

    def _secret_set(self, options: Options) -> None:
        (tenant,) = chosen_tenants(options, actor=_ACTOR)
        plugin_id, key = options["plugin"], options["key"]
        loaded_plugins().get(plugin_id)
        value = _secret_value(options)
        with self._in(tenant):
            set_secret(plugin_id, key, value)
            (found,) = (one for one in secret_documents(plugin_id) if one["key"] == key)
        self.stdout.write(
            f"{key} of {plugin_id} is set for {tenant.slug} (fingerprint {found['fingerprint']})."
        )

    def _secret_list(self, options: Options) -> None:
        with self._in(chosen_tenants(options, actor=_ACTOR)[0]):
            documents = secret_documents(options["plugin"])
        if options["json"]:
            self._say_json(documents)
            return
        if not documents:
            self.stdout.write(f"{options['plugin']} has no secrets.")
        for one in documents:
            state = (
                f"set {one['set_at']} by {one['set_by']}, {one['fingerprint']}"
                if one["is_set"]
                else "not set"
            )
            needed = ", required" if one["required"] else ""
            self.stdout.write(f"{one['key']:<24} {state}{needed}")

    def _secret_delete(self, options: Options) -> None:
        (tenant,) = chosen_tenants(options, actor=_ACTOR)
        with self._in(tenant):
            delete_secret(options["plugin"], options["key"])
        self.stdout.write(f"{options['key']} of {options['plugin']} is not set for {tenant.slug} any more.")

    # -- deliveries ------------------------------------------------------------------------------------------------

    def _add_deliveries(self, add: Callable[..., ArgumentParser]) -> None:
        shown = add("deliveries", help="what a plugin was, and is, owed")
        shown.add_argument("plugin", metavar="PLUGIN")
        add_tenant_arguments(shown, many=False)
        shown.add_argument(
            "--state",
            action="append",
            default=[],
            choices=("pending", "running", "done", "done_with_errors", "skipped", "dead"),
        )
        shown.add_argument("--id", type=UUID, metavar="DELIVERY", help="one, with all its attempts")
        shown.add_argument("--limit", type=int, default=_SHOWN_DELIVERIES)
        shown.add_argument("--json", action="store_true", help="for machines")
        replay = add("replay", help="make deliveries again")
        replay.add_argument("plugin", metavar="PLUGIN")
        replay.add_argument("delivery", nargs="*", type=UUID, metavar="DELIVERY")
        replay.add_argument("--dead", action="store_true", help="all that have failed for good")
        add_tenant_arguments(replay)

    def _deliveries(self, options: Options) -> None:
        plugin_id = options["plugin"]
        with self._in(chosen_tenants(options, actor=_ACTOR)[0]):
            plugin_named(plugin_id)
            if options["id"] is not None:
                self._say_json(delivery_details(delivery_with_attempts(options["id"], plugin=plugin_id)))
                return
            states = cast("list[DeliveryState]", options["state"])
            found = deliveries(plugin=plugin_id, states=states, limit=max(1, options["limit"]))
        if options["json"]:
            self._say_json([delivery_document(view) for view in found])
            return
        if not found:
            self.stdout.write("No deliveries.")
        for view in found:
            error = view.error.partition("\n")[0]
            self.stdout.write(
                f"{view.id}  {timestamp(view.created_at)}  {view.state:<16} {view.attempt:>2}  "
                f"{view.event_type} {view.collection_name}  {error}".rstrip()
            )

    def _replay(self, options: Options) -> None:
        chosen: Sequence[UUID] = options["delivery"]
        if bool(chosen) == options["dead"]:
            raise Invalid("Say what to make again: ids of deliveries, or --dead.")
        plugin_id = options["plugin"]
        for tenant in chosen_tenants(options, actor=_ACTOR):
            with self._in(tenant):
                plugin_named(plugin_id)
                if options["dead"]:
                    made = replay_deliveries(
                        ReplaySelection(plugin=plugin_id, outcomes=[DeliveryOutcome.DEAD])
                    )
                else:
                    made = [replay_delivery(delivery_id=one, plugin=plugin_id) for one in chosen]
            self.stdout.write(f"{tenant.slug}: {len(made)} to be made again.")
            for row in made:
                self.stdout.write(f"  {row.pk} for {row.replay_of}")

    # -- check -----------------------------------------------------------------------------------------------------

    def _check(self, options: Options) -> None:
        findings = check_plugins(actor=_ACTOR)
        if wanted := options["plugin"]:
            known = [finding.plugin for finding in findings]
            findings = [one for one in findings if wanted in (one.plugin, one.plugin.replace("_", "-"))]
            if not findings:
                raise CommandError(f"There is no plugin {wanted!r}.{did_you_mean(wanted, known)}")
        faults = [finding for finding in findings if finding.is_fault]
        if options["json"]:
            self._say_json([finding.document() for finding in findings])
        else:
            for finding in findings:
                self._say_finding(finding)
        if faults:
            names = ", ".join(finding.plugin for finding in faults)
            raise CommandError(f"{len(faults)} of {len(findings)} plugins are not sound: {names}.")
        if not options["json"]:
            self.stdout.write(f"{len(findings)} plugins checked.")

    def _say_finding(self, finding: Finding) -> None:
        users = f", on for {finding.tenants} tenants" if finding.tenants else ""
        stage = f" at {finding.stage}" if finding.stage else ""
        self.stdout.write(f"{finding.plugin:<24} {finding.status}{stage}{users}")
        if finding.message:
            self.stdout.write(f"    {finding.message}")
        if finding.file:
            self.stdout.write(f"    {finding.file}, line {finding.line}")
        if finding.traceback:
            for line in finding.traceback.rstrip().splitlines():
                self.stdout.write(f"    | {line}")

    # -- what they share -------------------------------------------------------------------------------------------

    def _in(self, tenant: NamedTenant) -> Any:
        return tenant_scope(tenant.id, slug=tenant.slug, actor=_ACTOR)

    def _for_each(self, options: Options, do: Callable[[str], object], done: str) -> None:
        """Do something for each chosen tenant; one that refuses does not keep the others from it."""
        plugin_id = options["plugin"]
        tenants = chosen_tenants(options, actor=_ACTOR)
        failed = []
        for tenant in tenants:
            try:
                with self._in(tenant):
                    do(plugin_id)
            except TenantryError as error:
                if not options["all_tenants"]:
                    raise
                failed.append(tenant.slug)
                self.stderr.write(f"{tenant.slug}: {_in_words(error)}")
            else:
                self.stdout.write(f"{plugin_id} {done} for {tenant.slug}.")
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(tenants)} tenants: nothing was changed for {', '.join(failed)}."
            )

    def _say_json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))


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
    return found


def _in_words(error: TenantryError) -> str:
    return error.message + "".join(f"\n  {fault.pointer} {fault.message}" for fault in error.errors)


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(
            f"{key}={_value_text(item)}" for key, item in value.items() if item not in (None, "")
        )
    return _value_text(value)


def _names_in(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    return ", ".join(
        f"{name} (required)" if name in required else name for name in schema.get("properties", {})
    )


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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


def _secret_value(options: Options) -> str:
    if name := options["env"]:
        if name not in os.environ:
            raise Invalid(f"The environment variable {name} is not set.")
        return os.environ[name]
    if options["file"]:
        try:
            return str(options["file"].read_text()).rstrip("\n")
        except OSError as error:
            raise Invalid(f"{options['file']} cannot be read: {error}") from error
    if options["stdin"] or not sys.stdin.isatty():
        return sys.stdin.read().rstrip("\n")
    return getpass.getpass(f"{options['key']}: ")


def _duration(text: str) -> timedelta:
    found = _TIME.fullmatch(text)
    if found is None:
        raise Invalid(f"Write a time such as 30m, 2h or 1d, not {text!r}.")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})
