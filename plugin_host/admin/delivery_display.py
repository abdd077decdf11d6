"""Deliveries in words and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.urls import reverse
from django.utils.timezone import localtime

from plugin_host.deliveries.selectors import AttemptView, DeliveryState, DeliveryView
from plugin_host.models.delivery import AttemptOutcome, DeliveryReason

# What a list can be narrowed to.
SHOWN: Final[Mapping[str, tuple[str, tuple[DeliveryState, ...]]]] = {
    "all": ("All", ()),
    "open": ("Open", ("pending", "running")),
    "failed": ("Failed", ("dead", "done_with_errors")),
    "done": ("Done", ("done",)),
    "skipped": ("Skipped", ("skipped",)),
}
_STATES: Final[Mapping[DeliveryState, tuple[str, str]]] = {
    "pending": ("Waiting", ""),
    "running": ("Running", "is-info"),
    "done": ("Done", "is-good"),
    "done_with_errors": ("Done with errors", "is-warn"),
    "skipped": ("Skipped", ""),
    "dead": ("Dead", "is-bad"),
}
ATTEMPT_LOOKS: Final[Mapping[str, str]] = {
    AttemptOutcome.RUNNING: "is-info",
    AttemptOutcome.DONE: "is-good",
    AttemptOutcome.DONE_WITH_ERRORS: "is-warn",
    AttemptOutcome.FAILED: "is-bad",
    AttemptOutcome.TIMED_OUT: "is-bad",
    AttemptOutcome.LOST: "is-bad",
}


# Codes that people would have to guess at.
REASONS: Final[Mapping[str, str]] = {
    "overlap": "the run before had not ended",
    "disabled": "the plugin was off",
    "switched_off": "the task was switched off",
    "retired": "not scheduled any more",
    "attempts": "no attempts left",
    "permanent": "trying again is pointless",
    "decision": "decided by a plugin",
    "crashes": "it killed its process three times",
    "blocked": "it held up the process",
}


def shown_delivery(view: DeliveryView, *, plugin_id: str, may_replay: bool) -> dict[str, Any]:
    """Return what the templates show of one delivery."""
    label, look = _STATES[view.state]
    if view.state == "pending" and view.error:
        label, look = "Waiting for the next try", "is-warn"
    reason = REASONS.get(view.state_reason, view.state_reason)
    replay = may_replay and view.can_replay
    return {
        "view": view,
        "state": f"{label}: {reason}" if reason else label,
        "look": look,
        "error": view.error.split("\n", 1)[0],
        "url": reverse("admin:plugin_delivery", args=[plugin_id, view.id]),
        "replay_url": reverse("admin:plugin_replay", args=[plugin_id, view.id]) if replay else "",
    }


def shown_attempts(view: DeliveryView) -> list[dict[str, Any]]:
    """Return every attempt, the newest first."""
    return [_attempt(attempt) for attempt in reversed(view.attempts)]


def _attempt(attempt: AttemptView) -> dict[str, Any]:
    return {
        "view": attempt,
        "state": AttemptOutcome(attempt.outcome).label,
        "look": ATTEMPT_LOOKS.get(attempt.outcome, ""),
        "duration_ms": None if attempt.duration_ms is None else round(attempt.duration_ms),
        "log": log_text_lines(attempt.log),
    }


def log_text_lines(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return stored log lines as texts."""
    return [
        " ".join(str(line[key]) for key in ("at", "level", "logger", "message") if line.get(key))
        for line in lines
    ]


def delivery_facts(view: DeliveryView) -> list[tuple[str, Any]]:
    """Return name and value of what is known of a delivery beside its state."""
    facts = [
        ("Event", f"{view.event_type} ({view.event_id})"),
        ("Hook", view.hook),
        ("Collection", view.collection_name),
        ("Record", f"{view.record_id}, version {view.record_version}" if view.record_id else ""),
        ("Because of", DeliveryReason(view.reason).label),
        ("Replay of", view.replay_of),
        ("Made", f"{localtime(view.created_at):%Y-%m-%d %H:%M:%S}"),
        ("Next try", f"{localtime(view.next_attempt_at):%Y-%m-%d %H:%M:%S}" if view.next_attempt_at else ""),
        ("Ended", f"{localtime(view.finished_at):%Y-%m-%d %H:%M:%S}" if view.finished_at else ""),
    ]
    return [(name, value) for name, value in facts if value]
