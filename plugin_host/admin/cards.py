"""A plugin as people see it in the admin: its state in words, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.timezone import localtime

from core.admin.icons import FALLBACK, glyph
from plugin_host.admin.health_display import health_badge
from plugin_host.admin.places import error_in_words
from plugin_host.dependencies import dependant_plugins, required_plugins
from plugin_host.health.verdicts import plugins_health
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.settings import PluginState
from plugin_host.registry import LoadedPlugins
from plugin_host.selectors.pauses import (
    BreakerState,
    Trouble,
    paused_in_words,
    troubles_of,
    waiting_in_words,
)
from plugin_host.services.dependencies import in_words
from plugin_host.state import PluginStatus, TenantPlugin, TenantPlugins

_LABELS: Final[Mapping[PluginStatus, tuple[str, str]]] = {
    PluginStatus.AVAILABLE: ("Available", ""),
    PluginStatus.ENABLED: ("On", "is-good"),
    PluginStatus.PAUSED: ("Paused", "is-warn"),
    PluginStatus.DISABLED: ("Off", ""),
    PluginStatus.BROKEN: ("Broken", "is-bad"),
    PluginStatus.NEEDS_INSTALL: ("Needs installing", "is-bad"),
    PluginStatus.NEEDS_MIGRATE: ("Needs migrating", "is-bad"),
    PluginStatus.NEEDS_ATTENTION: ("Needs attention", "is-warn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of state that a person can ask for.

    Args:
        question: Asked before it is done, where more happens than the person may expect.
    """

    name: str
    label: str
    is_primary: bool = False
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCard:
    """What the list and the head of each page show of a plugin.

    Args:
        look: How the state's badge looks.
        reason: Why it is as it is, in one sentence.
        health: How the worst of its checks fares; empty where none has run, or none runs.
        health_look: How the badge that says so looks.
        url: Its own page; empty for one that is not loaded at all.
    """

    id: str
    name: str
    version: str
    author: str
    description: str
    icon: str
    state_label: str
    look: str
    reason: str
    health: str
    health_look: str
    steps: tuple[Step, ...]
    url: str
    state_url: str


def status_label(status: str) -> str:
    """Return what a status is called in the admin."""
    return _LABELS[PluginStatus(status)][0]


def plugin_cards(plugins: TenantPlugins, *, may_manage: bool) -> list[PluginCard]:
    """Return every plugin that there is for the tenant, those that are on first."""
    names = dict.fromkeys([*plugins, *plugins.loaded.failures])
    troubles = troubles_of(plugins.values())
    cards = [plugin_card(name, plugins, troubles.get(name), may_manage=may_manage) for name in names]
    return sorted(cards, key=lambda card: (card.look != "is-good", card.name.casefold()))


def plugin_card(
    plugin_id: str, plugins: TenantPlugins, trouble: Trouble | None, *, may_manage: bool
) -> PluginCard:
    """Return one plugin's card; the id must be known."""
    entry, loaded = plugins.get(plugin_id), plugins.loaded.plugins.get(plugin_id)
    status = entry.status if entry is not None else PluginStatus(plugins.loaded.failures[plugin_id].status)
    label, look = _LABELS[status]
    if entry is not None and entry.is_half_open:
        label, look = "Tried again", "is-warn"
    title, version, author, description = _about(plugin_id, plugins.loaded)
    runs = entry is not None and entry.runs
    health, health_look = health_badge(plugins_health(plugins.tenant_id).get(plugin_id) if runs else None)
    return PluginCard(
        id=plugin_id,
        name=title,
        version=version,
        author=author,
        description=description,
        icon=_icon(loaded),
        state_label=label,
        look=look,
        reason=_reason(plugin_id, entry, trouble or Trouble(), plugins.loaded),
        health=health,
        health_look=health_look,
        steps=_steps(entry, status, plugins) if may_manage and entry is not None else (),
        url=reverse("admin:plugin", args=[plugin_id]),
        state_url=reverse("admin:plugin_state", args=[plugin_id]),
    )


def _about(plugin_id: str, loaded: LoadedPlugins) -> tuple[str, str, str, str]:
    if (plugin := loaded.plugins.get(plugin_id)) is not None:
        about = plugin.metadata
        return about.name, about.version, about.author, about.description
    if (failure := loaded.failures.get(plugin_id)) is not None:
        return failure.title or plugin_id, failure.version, "", ""
    return plugin_id, "", "", ""


def _icon(plugin: LoadedPlugin | None) -> str:
    pages = plugin.registrations.admin_pages if plugin is not None else []
    return glyph(pages[0].icon) if pages else FALLBACK


def _reason(plugin_id: str, entry: TenantPlugin | None, trouble: Trouble, loaded: LoadedPlugins) -> str:
    if entry is None:
        return loaded.failures[plugin_id].message
    if entry.problems:
        return " ".join(problem.message for problem in entry.problems)
    if entry.errors:
        plugin = loaded.plugins.get(plugin_id)
        return " ".join(error_in_words(plugin, error) for error in entry.errors)
    if entry.is_paused or entry.is_half_open:
        return f"{paused_in_words(entry)} {waiting_in_words(trouble.waiting)}"
    return ""


def trouble_facts(entry: TenantPlugin | None, trouble: Trouble) -> list[tuple[str, Any]]:
    """Return the name and value of what is counted against a plugin; nothing where it is in order."""
    if entry is None or not (trouble.counted or trouble.openings):
        return []
    facts: list[tuple[str, Any]] = [("Runs since the last success", trouble.counted)]
    if trouble.last_at is not None:
        when = f"{localtime(trouble.last_at):%Y-%m-%d %H:%M:%S}"
        facts.append(("Last", f"{when}, {trouble.last_run}"))
    facts += [("Error", trouble.last_error), ("Paused by the breaker", _times(trouble.openings))]
    if trouble.state is BreakerState.OPEN and entry.paused_until is not None:
        facts.append(("Tried again", f"{localtime(entry.paused_until):%Y-%m-%d %H:%M:%S}"))
    if trouble.state is BreakerState.HALF_OPEN:
        facts.append(("Tried again", "with its next run"))
    return [(name, value) for name, value in facts if value]


def _times(count: int) -> str:
    return "" if not count else "once" if count == 1 else f"{count} times in a row"


def _steps(entry: TenantPlugin, status: PluginStatus, plugins: TenantPlugins) -> tuple[Step, ...]:
    if entry.state is PluginState.ENABLED:
        return (Step(name="pause", label="Pause"), _disable(entry, plugins))
    if entry.state is PluginState.PAUSED:
        return (Step(name="resume", label="Resume", is_primary=True), _disable(entry, plugins))
    if status in (PluginStatus.BROKEN, PluginStatus.NEEDS_INSTALL):
        return ()
    return (_enable(entry, plugins),)


def _enable(entry: TenantPlugin, plugins: TenantPlugins) -> Step:
    required = required_plugins(plugins.loaded.plugins, entry.plugin_id)
    off = [one for one in required if not _is_on(one, plugins)]
    if off:
        label = f"Switch on with {in_words([_name(one, plugins) for one in off])}"
        return Step(name="enable_with_required", label=label, is_primary=True)
    return Step(name="enable", label="Switch on", is_primary=True)


def _disable(entry: TenantPlugin, plugins: TenantPlugins) -> Step:
    dependants = dependant_plugins(plugins.loaded.plugins, entry.plugin_id)
    on = [one for one in dependants if _is_on(one, plugins)]
    if on:
        others = in_words([_name(one, plugins) for one in on])
        return Step(
            name="disable_with_dependants",
            label=f"Switch off with {others}",
            question=f"Switch off {others} as well? What they do stops at once; settings and secrets are kept.",
        )
    return Step(name="disable", label="Switch off")


def _is_on(plugin_id: str, plugins: TenantPlugins) -> bool:
    entry = plugins.get(plugin_id)
    return entry is not None and entry.is_on


def _name(plugin_id: str, plugins: TenantPlugins) -> str:
    plugin = plugins.loaded.plugins.get(plugin_id)
    return plugin.metadata.name if plugin is not None else plugin_id


def about_facts(
    plugin: LoadedPlugin | None, entry: TenantPlugin | None, *, needed_by: Sequence[str] = ()
) -> list[tuple[str, Any]]:
    """Return the name and value of what else is worth knowing."""
    facts: list[tuple[str, Any]] = []
    if plugin is not None:
        about = plugin.metadata
        facts += [
            ("Id", about.id),
            ("Version", about.version),
            ("Author", about.author),
            ("Calls", ", ".join(about.hosts)),
            ("Needed by", ", ".join(needed_by)),
            (
                "Needs",
                ", ".join(f"{need.plugin_id} {need.specifier}".strip() for need in about.requires_plugins),
            ),
            ("Found through", plugin.source),
        ]
    if entry is not None and entry.changed_at is not None:
        when = f"{localtime(entry.changed_at):%Y-%m-%d %H:%M}"
        facts.append(("Changed", f"{when} by {entry.changed_by}" if entry.changed_by else when))
    return [(name, value) for name, value in facts if value]
