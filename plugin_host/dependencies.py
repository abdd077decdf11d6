"""Which plugins need which, through any number of steps, among those that are loaded."""

from __future__ import annotations

from collections.abc import Mapping

from plugin_host.loading.plugin import LoadedPlugin


def required_plugins(plugins: Mapping[str, LoadedPlugin], plugin_id: str) -> tuple[str, ...]:
    """Return what a plugin needs, in the order in which it has to be switched on, without itself."""
    found: dict[str, None] = {}

    def visit(current: str) -> None:
        plugin = plugins.get(current)
        for requirement in plugin.metadata.requires_plugins if plugin is not None else ():
            if requirement.plugin_id not in found and requirement.plugin_id != plugin_id:
                visit(requirement.plugin_id)
                found[requirement.plugin_id] = None

    visit(plugin_id)
    return tuple(found)


def dependant_plugins(plugins: Mapping[str, LoadedPlugin], plugin_id: str) -> tuple[str, ...]:
    """Return what needs a plugin, in the order in which it has to be switched off, without itself."""
    found: dict[str, None] = {}

    def visit(current: str) -> None:
        for other in plugins.values():
            needs = (requirement.plugin_id for requirement in other.metadata.requires_plugins)
            if other.id not in found and other.id != plugin_id and current in needs:
                visit(other.id)
                found[other.id] = None

    visit(plugin_id)
    return tuple(found)
