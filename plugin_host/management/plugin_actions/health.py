"""`health`: how a plugin's checks fare, and running them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from core.errors import Invalid, TenantryError
from core.selectors.content_state import timestamp
from plugin_host.api.health_documents import overview_document
from plugin_host.health.running import run_checks_here, switch_check
from plugin_host.health.selectors import CheckState, HealthOverview, health_overview, plugins_with_checks
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction, in_words
from plugin_host.management.tenants import add_tenant_arguments, chosen_tenants
from plugin_host.models.health import HealthTrouble


class HealthAction(PluginAction):
    name = "health"
    help = "how the checks of plugins fare"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="PLUGIN", nargs="?", help="all that have checks without one")
        add_tenant_arguments(parser)
        parser.add_argument("--run", action="store_true", help="run the checks now; fails like --fail")
        parser.add_argument("--check", metavar="CHECK", help="the one to run or to switch")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument(
            "--switch-off", action="store_true", help="keep --check from running by itself; it counts no more"
        )
        switch.add_argument("--switch-on", action="store_true", help="let --check run by itself again")
        parser.add_argument("--target", metavar="TARGET", help="switch it off or on at this one alone")
        parser.add_argument("--fail", action="store_true", help="exit with 1 where something is unhealthy")
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        switches = options["switch_off"] or options["switch_on"]
        if options["check"] and not ((options["run"] or switches) and options["plugin"]):
            raise Invalid(
                "--check names a check of one plugin: give PLUGIN and --run, --switch-off or --switch-on with it."
            )
        if switches and not options["check"]:
            raise Invalid("Say which check of which plugin: PLUGIN and --check CHECK.")
        if options["target"] and not switches:
            raise Invalid("--target belongs to --switch-off and --switch-on.")
        documents: list[dict[str, Any]] = []
        unhealthy: list[str] = []
        for tenant in chosen_tenants(options, actor=ACTOR):
            with self.inside(tenant):
                if switches:
                    switch_check(
                        options["plugin"],
                        options["check"],
                        is_off=options["switch_off"],
                        target=options["target"],
                    )
                for plugin_id in [options["plugin"]] if options["plugin"] else plugins_with_checks():
                    overview, refusal = self._looked_at(plugin_id, options)
                    documents.append(
                        {"tenant": tenant.slug, **overview_document(overview), "error": refusal or None}
                    )
                    if not options["json"]:
                        self._say(tenant.slug, overview, refusal)
                    if refusal or _is_unhealthy(overview):
                        unhealthy.append(f"{plugin_id} of {tenant.slug}")
        if options["json"]:
            self.say_json(documents)
        elif not documents:
            self.stdout.write("No plugin that is on has health checks.")
        if unhealthy and (options["run"] or options["fail"]):
            raise CommandError(f"Not healthy: {', '.join(unhealthy)}.")

    def _looked_at(self, plugin_id: str, options: Options) -> tuple[HealthOverview, str]:
        """Return how a plugin fares, and why its checks could not be run where they were to."""
        is_named = options["plugin"] and not options["all_tenants"]
        overview = health_overview(plugin_id)
        if not options["run"] or (overview.why_not and not is_named):
            return overview, ""
        try:
            run_checks_here(plugin_id, check=options["check"])
        except TenantryError as error:
            # Of one plugin that was named it is the command's own failure; among many it is one finding.
            if is_named:
                raise
            return health_overview(plugin_id), in_words(error)
        return health_overview(plugin_id), ""

    def _say(self, slug: str, overview: HealthOverview, refusal: str) -> None:
        self.stdout.write(f"{slug}  {overview.plugin_id}  {overview.worst.value}")
        for line in (refusal or overview.why_not, overview.problem):
            if line:
                self.stdout.write(f"  {line}")
        for state in overview.checks:
            self.stdout.write(f"  {_line(state)}".rstrip())


def _line(state: CheckState) -> str:
    verdict = state.verdict
    off = "  switched off" if state.is_switched_off else ""
    if verdict is None:
        return f"{state.check_id}  {state.target}{off or '  not run yet'}"
    status = verdict.status
    if verdict.trouble:
        status += f" ({HealthTrouble(verdict.trouble).label.lower()})"
    took = "" if verdict.response_time_ms is None else f"{verdict.response_time_ms:.0f} ms  "
    said = verdict.message.partition("\n")[0]
    return f"{state.check_id}  {state.target}{off}  {status}  {timestamp(verdict.checked_at)}  {took}{said}"


def _is_unhealthy(overview: HealthOverview) -> bool:
    return not overview.why_not and overview.worst is HealthStatus.UNHEALTHY
