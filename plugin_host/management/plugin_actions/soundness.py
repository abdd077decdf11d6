"""`check`: whether the plugins are sound."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError

from plugin_host.identifiers import did_you_mean
from plugin_host.management.checking import Finding, check_plugins
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction


class CheckAction(PluginAction):
    name = "check"
    help = "try all plugins; exit code 1 where one is not sound"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", nargs="?", metavar="PLUGIN", help="this one only")
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        findings = check_plugins(actor=ACTOR)
        if wanted := options["plugin"]:
            known = [finding.plugin for finding in findings]
            findings = [one for one in findings if wanted in (one.plugin, one.plugin.replace("_", "-"))]
            if not findings:
                raise CommandError(f"There is no plugin {wanted!r}.{did_you_mean(wanted, known)}")
        faults = [finding for finding in findings if finding.is_fault]
        if options["json"]:
            self.say_json([finding.document() for finding in findings])
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
