"""Scheduled tasks and their runs in words and colours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.urls import reverse

from plugin_host.admin.delivery_display import ATTEMPT_LOOKS, REASONS, log_text_lines
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.schedule import RunReason
from plugin_host.scheduling.selectors import (
    AttemptView,
    ItemState,
    ItemView,
    RunState,
    RunView,
    in_zone,
)

# What a list of runs can be narrowed to.
SHOWN_RUNS: Final[Mapping[str, tuple[str, tuple[RunState, ...]]]] = {
    "all": ("All", ()),
    "open": ("Open", ("pending", "running")),
    "failed": ("Failed", ("dead", "done_with_errors")),
    "done": ("Done", ("done",)),
    "skipped": ("Skipped", ("skipped",)),
}
_STATES: Final[Mapping[ItemState, tuple[str, str]]] = {
    "scheduled": ("Scheduled", "is-good"),
    "running": ("Running", "is-info"),
    "waiting": ("Waiting for a worker", "is-warn"),
    "switched_off": ("Switched off", ""),
    "not_enabled": ("By hand only", ""),
    "stopped": ("Its plugin does not run", ""),
    "retired": ("Not scheduled any more", ""),
    "never": ("Cannot be planned", "is-bad"),
}
_RUN_STATES: Final[Mapping[RunState, tuple[str, str]]] = {
    "pending": ("Waiting", ""),
    "running": ("Running", "is-info"),
    "done": ("Done", "is-good"),
    "done_with_errors": ("Done with errors", "is-warn"),
    "skipped": ("Skipped", ""),
    "dead": ("Failed", "is-bad"),
}


def shown_task(view: ItemView, *, zone: str, may_manage: bool) -> dict[str, Any]:
    """Return what the templates show of one task.

    Args:
        zone: The tenant's time zone, in which times are shown.
    """
    item = view.item
    label, look = _STATES[view.state]
    if view.state == "waiting" and view.open_run is not None and view.open_run.error:
        label = "Waiting for the next try"
    where = [item.plugin, item.item_id]
    return {
        "view": view,
        "item": item,
        "description": view.definition.get("description", ""),
        "state": label,
        "look": look,
        "next": shown_moment(view.next_run_at, zone),
        "last": shown_run(view.last_run, zone=zone) if view.last_run is not None else None,
        "open": shown_run(view.open_run, zone=zone) if view.open_run is not None else None,
        "url": reverse("admin:plugin_task", args=where),
        "do_url": reverse("admin:plugin_task_do", args=where) if may_manage else "",
        "can_run": view.state not in ("running", "stopped", "retired"),
        "can_switch": view.state != "retired",
    }


def shown_run(view: RunView, *, zone: str) -> dict[str, Any]:
    """Return what the templates show of one run, its attempts the newest first."""
    label, look = _RUN_STATES[view.state]
    if view.state == "pending" and view.error:
        label, look = "Waiting for the next try", "is-warn"
    reason = REASONS.get(view.state_reason, view.state_reason)
    return {
        "view": view,
        "slot": shown_moment(view.slot, zone),
        "finished": shown_moment(view.finished_at, zone),
        "next": shown_moment(view.next_attempt_at, zone),
        "state": f"{label}: {reason}" if reason else label,
        "look": look,
        "because": RunReason(view.reason).label,
        "took": shown_duration(view.duration_ms),
        "error": view.error.partition("\n")[0],
        "data": json.dumps(view.data, ensure_ascii=False, indent=1) if view.data else "",
        "attempts": [_attempt(attempt, zone=zone) for attempt in reversed(view.attempts)],
    }


def _attempt(view: AttemptView, *, zone: str) -> dict[str, Any]:
    return {
        "view": view,
        "state": AttemptOutcome(view.outcome).label,
        "look": ATTEMPT_LOOKS.get(view.outcome, ""),
        "started": shown_moment(view.started_at, zone),
        "took": shown_duration(view.duration_ms),
        "log": log_text_lines(view.log),
    }


def shown_moment(moment: datetime | None, zone: str) -> dict[str, str] | None:
    """Return a moment as the tenant's clocks show it, and as ISO 8601 with its offset."""
    local = in_zone(moment, zone)
    if local is None:
        return None
    return {"text": f"{local:%Y-%m-%d %H:%M:%S}", "iso": local.isoformat(timespec="seconds")}


def shown_duration(milliseconds: float | None) -> str:
    """Return a duration with as many digits as help."""
    if milliseconds is None:
        return ""
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1_000
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 120 else f"{minutes} min {rest} s"
