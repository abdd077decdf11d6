"""`explain`: why plugins ran, or did not, for an event."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from uuid import UUID

from core.errors import Invalid
from core.selectors.content_state import timestamp
from plugin_host.api.explain_documents import explanation_document
from plugin_host.management.plugin_actions.base import Options, PluginAction
from plugin_host.management.tenants import add_tenant_arguments
from plugin_host.selectors.explain import (
    Explanation,
    HandlerAnswer,
    PluginAnswer,
    event_to_explain,
    explain_event,
    latest_event_of_record,
)
from plugin_host.selectors.plugins import plugin_named


class ExplainAction(PluginAction):
    name = "explain"
    help = "why plugins ran, or did not, for an event"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugin", nargs="?", metavar="PLUGIN", help="this one only")
        add_tenant_arguments(parser, many=False)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--event", type=UUID, metavar="ID", help="this event")
        what.add_argument("--record", type=UUID, metavar="ID", help="what happened to this record last")
        parser.add_argument(
            "--type",
            default="",
            metavar="TYPE",
            help="with --record: its latest of that type, record.published",
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        if options["type"] and options["event"]:
            raise Invalid("--type goes with --record: an event has its own.")
        with self.inside_chosen(options):
            if options["plugin"]:
                plugin_named(options["plugin"])
            event = (
                event_to_explain(options["event"])
                if options["event"]
                else latest_event_of_record(options["record"], event_type=options["type"])
            )
            found = explain_event(event, plugin_id=options["plugin"])
        if options["json"]:
            self.say_json(explanation_document(found))
            return
        for line in _lines(found):
            self.stdout.write(line)


def _lines(found: Explanation) -> Iterator[str]:
    event = found.event
    of = f" of {event.collection_name} {event.record_id}" if event.record_id else ""
    version = f", version {event.record_version}" if event.record_version else ""
    by = f" by {event.actor_label or event.actor}" if event.actor else ""
    yield f"{event.type}{of}{version}, {timestamp(event.created_at)}{by} ({event.pk})"
    for plugin in found.plugins:
        yield ""
        yield f"{plugin.plugin_id} {plugin.version}: {plugin.sentence}".replace(" :", ":")
        yield from _details(plugin)


def _details(plugin: PluginAnswer) -> Iterator[str]:
    then = plugin.then.state or "unknown"
    yield f"    now {plugin.status}, then {then}"
    for handler in plugin.handlers:
        yield f"    {handler.hook}{_collection(handler)}: {handler.answer}"
        for delivery in handler.deliveries:
            yield f"        delivery {delivery.id}: {delivery.state}, attempt {delivery.attempt}"
            for attempt in delivery.attempts:
                error = f": {attempt.error.partition(chr(10))[0]}" if attempt.error else ""
                yield f"            {attempt.number} {timestamp(attempt.started_at)} {attempt.outcome}{error}"


def _collection(handler: HandlerAnswer) -> str:
    return f" of {handler.collection}" if handler.collection else ""
