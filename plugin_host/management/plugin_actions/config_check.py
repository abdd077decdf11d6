"""`config check`: a plugin tries its configuration and secrets, those that are not saved yet included."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from core.errors import Invalid, TenantryError
from plugin_host.api.config_check import finding_document
from plugin_host.health.config_check import try_config
from plugin_host.health.findings import Finding
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction, in_words
from plugin_host.management.tenants import add_tenant_arguments, chosen_tenants

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_GOOD = (HealthStatus.HEALTHY, HealthStatus.DEGRADED)


class ConfigCheck(PluginAction):
    """The part of `config` that tries it."""

    def add_check(self, below: _SubParsersAction[Any]) -> ArgumentParser:
        """Add its action below `config`; the settings to try are added by the caller."""
        check: ArgumentParser = below.add_parser(
            "check", help="have the plugin try it, changes not saved yet included; exit code 1 where it fails"
        )
        check.add_argument("plugin", metavar="PLUGIN")
        add_tenant_arguments(check)
        # Never the value itself as an argument: everybody on the machine can read those.
        check.add_argument(
            "--secret-env",
            action="append",
            default=[],
            metavar="KEY=NAME",
            help="a secret to try, from this environment variable",
        )
        check.add_argument("--json", action="store_true", help="for machines")
        return check

    def try_change(self, options: Options, change: Mapping[str, Any]) -> None:
        """Have the plugin try the configuration of each chosen tenant with these settings changed."""
        secrets = dict(_secret(text) for text in options["secret_env"])
        documents: list[dict[str, Any]] = []
        failed: list[str] = []
        tenants = chosen_tenants(options, actor=ACTOR)
        for tenant in tenants:
            try:
                with self.inside(tenant):
                    found = try_config(options["plugin"], config=change or None, merge=True, secrets=secrets)
            except TenantryError as error:
                if not options["all_tenants"]:
                    raise
                failed.append(tenant.slug)
                documents.append({"tenant": tenant.slug, "error": in_words(error)})
                if not options["json"]:
                    self.stdout.write(f"{tenant.slug}: {in_words(error)}")
                continue
            if found.status not in _GOOD:
                failed.append(tenant.slug)
            documents.append({"tenant": tenant.slug, "error": None, **finding_document(found)})
            if not options["json"]:
                self._say_finding(tenant.slug, found)
        if options["json"]:
            self.say_json(documents if options["all_tenants"] else documents[0])
        if failed:
            raise CommandError(f"{options['plugin']} could not work with this for {', '.join(failed)}.")

    def _say_finding(self, slug: str, found: Finding) -> None:
        trouble = f" ({found.trouble.label.lower()})" if found.trouble is not None else ""
        message = f": {found.message}" if found.message else ""
        self.stdout.write(f"{slug}: {found.status}{trouble}{message}")
        for detail in _shown(found.details):
            self.stdout.write(f"  {detail}")


def _shown(details: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{one['check_id']}  {one['status']}  {one['message']}"
        + (f"  {one['response_time_ms']:g} ms" if one["response_time_ms"] is not None else "")
        for one in details
    ]


def _secret(text: str) -> tuple[str, str]:
    key, equals, name = text.partition("=")
    if not equals or not key or not name:
        raise Invalid(f"Write --secret-env KEY=NAME, not {text!r}.")
    if name not in os.environ:
        raise Invalid(f"The environment variable {name} is not set.")
    return key, os.environ[name]
