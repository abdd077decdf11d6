"""What the machine needs to know of a kind of item: tasks, checks.

A kind says which hook names its items, reads what that hook returned, and runs one item. Everything else (when it is
due, leases, retries, history) is the machine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from plugin_host.loading.plugin import LoadedPlugin

if TYPE_CHECKING:
    from plugin_host.scheduling.claiming import ClaimedRun
    from plugin_host.scheduling.finishing import RunResult
    from plugin_host.scheduling.running import PreparedRun

# The machine's own: its runs ask a plugin what there is to schedule.
DEFINITIONS = "definitions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDefinition:
    """One item that a plugin wants to have for the tenant in scope.

    Args:
        item_id: The task's or check's id.
        target: What a check looks at; empty for tasks. Id and target together name the item.
        name: What people read.
        document: The definition as JSON; runs get it back.
        cron_expression: Or `interval_seconds`, one of the two.
        time_zone: For the cron expression; empty is the tenant's.
        is_enabled: Whether it runs by itself.
        runs_at_once: Whether it is due at once where nothing was planned before, and not only at its first slot.
    """

    item_id: str
    name: str
    document: Mapping[str, Any]
    target: str = ""
    cron_expression: str = ""
    interval_seconds: int | None = None
    time_zone: str = ""
    is_enabled: bool = True
    runs_at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a plugin named when it was asked.

    Args:
        returned: The values of its lists, joined.
    """

    plugin: LoadedPlugin
    returned: Sequence[object] = field(default_factory=tuple)


class ItemKind(Protocol):
    """One kind of item."""

    @property
    def name(self) -> str:
        """As it stands in the tables: `task`, `check`."""

    @property
    def collect_hook(self) -> str:
        """The hook that names the items."""

    def belongs_to(self, plugin: LoadedPlugin) -> bool:
        """Say whether a plugin may have items of this kind, so that it is asked."""

    def read(self, collected: Collected) -> list[ItemDefinition]:
        """Return the items that a plugin named; in the tenant's scope.

        Raises:
            PluginError: Something in it cannot be used; all faults in one message. The known items stay.
        """

    async def execute(self, run: ClaimedRun, prepared: PreparedRun) -> RunResult:
        """Run one item on the event loop and say what came of it; what it raises becomes a failed run."""

    def record(self, run: ClaimedRun, result: RunResult) -> None:
        """Write what else a written result means: events, statistics.

        Called in the tenant's scope and in the transaction that writes the result, once for each result that was
        taken; runs no code of plugins.
        """


_kinds: dict[str, ItemKind] = {}


def register_kind(kind: ItemKind) -> None:
    """Make a kind known to the machine; called once for each, when Django starts."""
    _kinds[kind.name] = kind


def item_kinds() -> tuple[ItemKind, ...]:
    """Return all kinds."""
    return tuple(_kinds.values())


def item_kind(name: str) -> ItemKind:
    """Return a kind by its name; KeyError where there is none."""
    return _kinds[name]


def has_items(plugin: LoadedPlugin) -> bool:
    """Say whether a plugin may have items of any kind."""
    return any(kind.belongs_to(plugin) for kind in _kinds.values())


def handles(plugin: LoadedPlugin, hook: str) -> bool:
    """Say whether a plugin implements a hook, in class or function style."""
    return any(spec.name == hook for spec in plugin.hooks) or any(
        registration.hook.name == hook for registration in plugin.registrations.hooks
    )
