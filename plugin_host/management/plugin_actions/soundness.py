"""`check`: whether the plugins are sound."""

from __future__ import annotations

from argparse import ArgumentParser
from itertools import groupby

from django.core.management.base import CommandError

from plugin_host.identifiers import did_you_mean
from plugin_host.management.checking import Finding, check_plugins
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction
from plugin_host.registry import loaded_plugins
from plugin_host.release_check import Point, check_release


class CheckAction(PluginAction):
    name = "check"
    help = "try all plugins; exit code 1 where one is not sound"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", nargs="?", metavar="PLUGIN", help="this one only")
        parser.add_argument(
            "--release", action="store_true", help="the checklist for a plugin that is about to be published"
        )
        parser.add_argument(
            "--without-contract", action="store_true", help="with --release: leave the contract suite out"
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        if options["release"]:
            self._check_release(options)
        elif options["without_contract"]:
            raise CommandError("--without-contract belongs to --release.")
        else:
            self._check(options)

    def _check_release(self, options: Options) -> None:
        if not options["plugin"]:
            raise CommandError("Name the plugin that is to be published: plugin check --release PLUGIN.")
        plugin = loaded_plugins().get(options["plugin"].replace("_", "-"))
        points = check_release(plugin, with_tests=not options["without_contract"])
        missed = sum(not point.is_kept for point in points)
        if options["json"]:
            self.say_json(
                {
                    "plugin": plugin.id,
                    "version": plugin.metadata.version,
                    "points": [p.document() for p in points],
                }
            )
        else:
            self.stdout.write(f"{plugin.metadata.name} {plugin.metadata.version}")
            for area, of_area in groupby(points, lambda point: point.area):
                self.stdout.write(f"\n{area}")
                for point in of_area:
                    self._say_point(point)
            self.stdout.write("")
        if missed:
            raise CommandError(f"{plugin.id} misses {missed} of {len(points)} points of the checklist.")
        if not options["json"]:
            self.stdout.write(f"{plugin.id} keeps all {len(points)} points of the checklist.")

    def _say_point(self, point: Point) -> None:
        self.stdout.write(f"  [{'x' if point.is_kept else ' '}] {point.title}")
        for problem in point.problems:
            for line in problem.splitlines():
                self.stdout.write(f"        {line}")

    def _check(self, options: Options) -> None:
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
        noun = "tenant" if finding.tenants == 1 else "tenants"
        users = f", on for {finding.tenants} {noun}" if finding.tenants else ""
        stage = f" at {finding.stage}" if finding.stage else ""
        self.stdout.write(f"{finding.plugin:<24} {finding.status}{stage}{users}")
        if finding.message:
            self.stdout.write(f"    {finding.message}")
        if finding.file:
            self.stdout.write(f"    {finding.file}, line {finding.line}")
        if finding.traceback:
            for line in finding.traceback.rstrip().splitlines():
                self.stdout.write(f"    | {line}")
