"""What plugins need of each other when one is switched on or off for a tenant."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import Conflict, FieldError
from plugin_host.dependencies import dependant_plugins, required_plugins
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.registry import loaded_plugins

_ON = (PluginState.ENABLED, PluginState.PAUSED)


class RequiredPluginsOff(Conflict):
    """A plugin cannot be switched on, because what it needs is off for the tenant.

    Args:
        plugin_ids: What has to be switched on first, in that order.
    """

    default_code = "required_plugins_off"

    def __init__(self, plugin_id: str, plugin_ids: Sequence[str]) -> None:
        names = in_words(plugin_ids)
        super().__init__(
            f"Plugin {plugin_id} needs {names}, which {_is_or_are(plugin_ids)} off for this tenant: "
            f"switch {names} on first, or all together (with_required).",
            errors=[
                FieldError(
                    pointer=f"/with_required/{needed}",
                    message=f"Plugin {plugin_id} needs plugin {needed}, which is off.",
                    code="plugin_off",
                )
                for needed in plugin_ids
            ],
        )
        self.plugin_ids = tuple(plugin_ids)


class DependantPluginsOn(Conflict):
    """A plugin cannot be switched off, because others that need it are on for the tenant.

    Args:
        plugin_ids: What has to be switched off first, in that order.
    """

    default_code = "dependant_plugins_on"

    def __init__(self, plugin_id: str, plugin_ids: Sequence[str]) -> None:
        names = in_words(plugin_ids)
        super().__init__(
            f"Plugin {plugin_id} is needed by {names}, which {_is_or_are(plugin_ids)} on for this tenant: "
            f"switch {names} off first, or all together (with_dependants).",
            errors=[
                FieldError(
                    pointer=f"/with_dependants/{dependant}",
                    message=f"Plugin {dependant} needs plugin {plugin_id} and is on.",
                    code="plugin_on",
                )
                for dependant in plugin_ids
            ],
        )
        self.plugin_ids = tuple(plugin_ids)


def required_plugins_off(plugin_id: str) -> tuple[str, ...]:
    """Return what a plugin needs and is off for the tenant in scope, in the order in which to switch it on."""
    loaded = loaded_plugins()
    required = required_plugins(loaded.plugins, plugin_id)
    states = _states(required)
    return tuple(
        one
        for one in required
        if states.get(one) not in _ON
        # What is on in this process alone is on for tenants that never said anything.
        and not (
            loaded.is_enabled_here(one) and states.get(one, PluginState.AVAILABLE) == PluginState.AVAILABLE
        )
    )


def dependant_plugins_on(plugin_id: str) -> tuple[str, ...]:
    """Return what needs a plugin and is on for the tenant in scope, in the order in which to switch it off."""
    dependants = dependant_plugins(loaded_plugins().plugins, plugin_id)
    states = _states(dependants)
    return tuple(one for one in dependants if states.get(one) in _ON)


def in_words(plugin_ids: Sequence[str]) -> str:
    """Return ids as a list for people: `a, b and c`."""
    *first, last = plugin_ids
    return f"{', '.join(first)} and {last}" if first else last


def _is_or_are(plugin_ids: Sequence[str]) -> str:
    return "is" if len(plugin_ids) == 1 else "are"


def _states(plugin_ids: Sequence[str]) -> dict[str, str]:
    if not plugin_ids:
        return {}
    return dict(PluginSettings.objects.filter(plugin_id__in=plugin_ids).values_list("plugin_id", "state"))
