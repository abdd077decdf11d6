"""`hooks`: every hook, and who handles it in which order."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator

from plugin_host.api.hook_documents import hook_document
from plugin_host.management.plugin_actions.base import Options, PluginAction
from plugin_host.management.tenants import add_tenant_arguments
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.hooks import ListedHook, hooks_of_installation, hooks_of_tenant
from plugin_host.selectors.plugins import plugins_in_scope


class HooksAction(PluginAction):
    name = "hooks"
    help = "every hook, and who handles it in which order"

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_arguments(parser, many=False)
        parser.add_argument("--hook", metavar="NAME", help="this one only, such as dvp_content_published")
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, options: Options) -> None:
        if options["tenant"]:
            with self.inside_chosen(options):
                found = hooks_of_tenant(plugins_in_scope(), hook=options["hook"])
        else:
            found = hooks_of_installation(loaded_plugins(), hook=options["hook"])
        if options["json"]:
            self.say_json([hook_document(hook) for hook in found])
            return
        for hook in found:
            for line in _lines(hook):
                self.stdout.write(line)


def _lines(hook: ListedHook) -> Iterator[str]:
    yield f"{hook.name:<34} {hook.kind:<10} {hook.time_limit_seconds:>5g} s  ({', '.join(hook.arguments)})"
    for handler in hook.handlers:
        kind = "async def" if handler.is_async else "def"
        where = f", {handler.collection} only" if handler.collection else ""
        waits = f", waits: {handler.waits}" if handler.waits else ""
        # In class style the handler is named after the hook.
        name = f"  {handler.key}" if handler.key != hook.name else ""
        yield (
            f"    {handler.place}. {handler.plugin_id:<24} priority {handler.priority}, "
            f"loaded as {handler.load_order}, {kind}, {handler.time_limit_seconds:g} s{where}{waits}{name}"
        )
