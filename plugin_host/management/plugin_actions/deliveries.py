"""`deliveries` and `replay`: what a plugin was, and is, owed."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Final, cast
from uuid import UUID

from core.errors import Invalid
from core.selectors.content_state import timestamp
from plugin_host.api.documents import delivery_details, delivery_document
from plugin_host.deliveries.replaying import ReplaySelection, replay_deliveries, replay_delivery
from plugin_host.deliveries.selectors import DeliveryState, deliveries, delivery_with_attempts
from plugin_host.management.plugin_actions.base import ACTOR, Options, PluginAction
from plugin_host.management.tenants import add_tenant_arguments, chosen_tenants
from plugin_host.models.delivery import DeliveryOutcome
from plugin_host.selectors.plugins import plugin_named

_SHOWN_DELIVERIES: Final = 20


class DeliveriesAction(PluginAction):
    name = "deliveries"
    help = "what a plugin was, and is, owed"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="PLUGIN")
        add_tenant_arguments(parser, many=False)
        parser.add_argument(
            "--state",
            action="append",
            default=[],
            choices=("pending", "running", "done", "done_with_errors", "skipped", "dead"),
        )
        parser.add_argument("--id", type=UUID, metavar="DELIVERY", help="one, with all its attempts")
        parser.add_argument("--limit", type=int, default=_SHOWN_DELIVERIES)
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        plugin_id = options["plugin"]
        with self.inside_chosen(options):
            plugin_named(plugin_id)
            if options["id"] is not None:
                self.say_json(delivery_details(delivery_with_attempts(options["id"], plugin=plugin_id)))
                return
            states = cast("list[DeliveryState]", options["state"])
            found = deliveries(plugin=plugin_id, states=states, limit=max(1, options["limit"]))
        if options["json"]:
            self.say_json([delivery_document(view) for view in found])
            return
        if not found:
            self.stdout.write("No deliveries.")
        for view in found:
            error = view.error.partition("\n")[0]
            self.stdout.write(
                f"{view.id}  {timestamp(view.created_at)}  {view.state:<16} {view.attempt:>2}  "
                f"{view.event_type} {view.collection_name}  {error}".rstrip()
            )


class ReplayAction(PluginAction):
    name = "replay"
    help = "make deliveries again"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", metavar="PLUGIN")
        parser.add_argument("delivery", nargs="*", type=UUID, metavar="DELIVERY")
        parser.add_argument("--dead", action="store_true", help="all that have failed for good")
        add_tenant_arguments(parser)

    def run(self, options: Options) -> None:
        chosen: Sequence[UUID] = options["delivery"]
        if bool(chosen) == options["dead"]:
            raise Invalid("Say what to make again: ids of deliveries, or --dead.")
        plugin_id = options["plugin"]
        for tenant in chosen_tenants(options, actor=ACTOR):
            with self.inside(tenant):
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
