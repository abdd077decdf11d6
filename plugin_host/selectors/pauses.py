"""Why plugins are paused, for how long, what waits meanwhile, and what may lead to a pause."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Any

from django.db.models import Count
from django.utils import timezone
from django.utils.timezone import localtime

from core.errors import Unavailable
from core.selectors.content_state import timestamp
from plugin_host.models.breaker import PluginBreaker
from plugin_host.models.delivery import Delivery
from plugin_host.models.settings import PluginState
from plugin_host.state import TenantPlugin


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is counted against a plugin for a tenant since its last success, and what its pause keeps waiting.

    Args:
        openings: How often the breaker has paused it since then.
        last_run: What ran when it last went wrong; empty where nothing did.
        waiting: Deliveries that wait; counted while it is paused.
    """

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    timeouts: int = 0
    slow_runs: int = 0
    crashes: int = 0
    openings: int = 0
    last_run: str = ""
    last_error: str = ""
    last_at: datetime | None = None
    waiting: int = 0

    @property
    def counted(self) -> str:
        """What is counted, in words; empty where nothing is."""
        counts = (
            (self.failures, "failed"),
            (self.timeouts, "took too long"),
            (self.slow_runs, "were slow"),
            (self.crashes, "killed their process"),
        )
        return ", ".join(f"{count} {what}" for count, what in counts if count)


def troubles_of(entries: Iterable[TenantPlugin]) -> dict[str, Trouble]:
    """Return, by plugin, what is counted against plugins of the tenant in scope, and what waits for them."""
    known = list(entries)
    rows = {row.plugin_id: row for row in PluginBreaker.objects.all()}
    waiting = _waiting({entry.plugin_id for entry in known if entry.state is PluginState.PAUSED})
    return {
        entry.plugin_id: _trouble(entry, rows.get(entry.plugin_id), waiting.get(entry.plugin_id, 0))
        for entry in known
    }


def trouble_of(entry: TenantPlugin) -> Trouble:
    """Return the same for one plugin."""
    return troubles_of([entry])[entry.plugin_id]


def paused_in_words(entry: TenantPlugin) -> str:
    """Return since when, until when, by whom and why a plugin is paused, for people."""
    since = f" since {localtime(entry.paused_at):%Y-%m-%d %H:%M}" if entry.paused_at else ""
    by = f" by {'the ' if entry.paused_by_breaker else ''}{entry.paused_by}" if entry.paused_by else ""
    until = f" until {localtime(entry.paused_until):%Y-%m-%d %H:%M:%S}" if entry.paused_until else ""
    if entry.is_half_open:
        until = ", its next run shows whether it works again"
    why = f": {entry.paused_reason.rstrip('.')}." if entry.paused_reason else "."
    return f"Paused{by}{since}{until}{why}"


def paused_error(entry: TenantPlugin, *, with_reason: bool = False) -> Unavailable:
    """Return what whoever calls on a paused plugin is answered: it is there, and will be back.

    Args:
        with_reason: Whether the caller may know why.
    """
    seconds = None
    if entry.paused_until is not None:
        seconds = max(1, ceil((entry.paused_until - timezone.now()).total_seconds()))
    message = paused_in_words(entry) if with_reason else f"{entry.plugin_id} is paused for the moment."
    return Unavailable(message, code="plugin_paused", retry_after_seconds=seconds)


def waiting_in_words(count: int) -> str:
    """Return how many deliveries a pause keeps waiting, for people."""
    return f"{count} {'delivery waits' if count == 1 else 'deliveries wait'} meanwhile."


def pause_document(entry: TenantPlugin, trouble: Trouble) -> dict[str, Any] | None:
    """Return a plugin's pause as the API and the command line show it; None where it is not paused."""
    if entry.state is not PluginState.PAUSED:
        return None
    return {
        "reason": entry.paused_reason,
        "since": timestamp(entry.paused_at),
        "until": timestamp(entry.paused_until),
        "by": entry.paused_by,
        "by_breaker": entry.paused_by_breaker,
        "waiting": trouble.waiting,
    }


def breaker_document(entry: TenantPlugin, trouble: Trouble) -> dict[str, Any]:
    """Return the breaker of a plugin as the API and the command line show it."""
    return {
        "state": str(trouble.state),
        "failures": trouble.failures,
        "timeouts": trouble.timeouts,
        "slow_runs": trouble.slow_runs,
        "crashes": trouble.crashes,
        "openings": trouble.openings,
        "last_run": trouble.last_run,
        "last_error": trouble.last_error,
        "last_at": timestamp(trouble.last_at),
        "next_probe_at": timestamp(entry.paused_until) if trouble.state is BreakerState.OPEN else None,
    }


def _waiting(plugin_ids: Collection[str]) -> Mapping[str, int]:
    if not plugin_ids:
        return {}
    waiting = Delivery.objects.filter(plugin__in=plugin_ids).values_list("plugin").annotate(Count("pk"))
    return dict(waiting)


def _trouble(entry: TenantPlugin, row: PluginBreaker | None, waiting: int) -> Trouble:
    state = BreakerState.CLOSED
    if entry.state is PluginState.PAUSED and entry.paused_by_breaker:
        state = BreakerState.HALF_OPEN if entry.is_half_open else BreakerState.OPEN
    if row is None:
        return Trouble(state=state, waiting=waiting)
    return Trouble(
        state=state,
        failures=row.failures,
        timeouts=row.timeouts,
        slow_runs=row.slow_runs,
        crashes=row.crashes,
        openings=row.openings,
        last_run=row.last_run,
        last_error=row.last_error,
        last_at=row.last_at,
        waiting=waiting,
    )
