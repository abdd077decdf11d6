"""`secret`: a plugin's secrets, which nobody can read back."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import cast

from core.errors import Invalid
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction
from plugin_host.management.tenants import add_tenant_arguments, chosen_tenants
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.plugins import secret_documents
from plugin_host.services import delete_secret, set_secret


class SecretAction(PluginAction):
    name = "secret"
    help = "a plugin's secrets, which nobody can read back"

    def add_arguments(self, parser: ArgumentParser) -> None:
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

    def run(self, options: Options) -> None:
        cast("Callable[[Options], None]", getattr(self, f"_{options['below']}"))(options)

    def _set(self, options: Options) -> None:
        (tenant,) = chosen_tenants(options, actor=ACTOR)
        plugin_id, key = options["plugin"], options["key"]
        loaded_plugins().get(plugin_id)
        value = _secret_value(options)
        with self.inside(tenant):
            set_secret(plugin_id, key, value)
            (found,) = (one for one in secret_documents(plugin_id) if one["key"] == key)
        self.stdout.write(
            f"{key} of {plugin_id} is set for {tenant.slug} (fingerprint {found['fingerprint']})."
        )

    def _list(self, options: Options) -> None:
        with self.inside_chosen(options):
            documents = secret_documents(options["plugin"])
        if options["json"]:
            self.say_json(documents)
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

    def _delete(self, options: Options) -> None:
        (tenant,) = chosen_tenants(options, actor=ACTOR)
        with self.inside(tenant):
            delete_secret(options["plugin"], options["key"])
        self.stdout.write(f"{options['key']} of {options['plugin']} is not set for {tenant.slug} any more.")


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
