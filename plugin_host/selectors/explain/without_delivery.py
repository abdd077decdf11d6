"""Why a plugin was not even owed an event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.models import Event
from plugin_host.selectors.explain.of_delivery import Verdict
from plugin_host.selectors.explain.values import Answer, StateThen, moment_text, with_stop
from plugin_host.state import TenantPlugin

_SHOWN = 8


def not_loaded(message: str) -> Verdict:
    """Return the verdict on a plugin of whose hooks nobody knows."""
    return (
        Answer.NOT_LOADED,
        f"It did not run: the plugin is not loaded, so nobody knows what it handles. {with_stop(message)}",
    )


def not_its_own(event: Event) -> Verdict:
    """Return the verdict on all plugins but one that an event of that one's life is told to."""
    return (
        Answer.NOT_ITS_OWN,
        f"It did not run: {event.type} of plugin {event.payload.get('plugin', '')} is told to that plugin alone.",
    )


def not_handled(event: Event, handles: Sequence[str]) -> Verdict:
    """Return the verdict on a plugin without a hook for such an event."""
    shown = ", ".join(handles[:_SHOWN]) + (" …" if len(handles) > _SHOWN else "")
    what = f"It handles {shown}." if handles else "It handles no events at all."
    return Answer.NOT_HANDLED, f"It did not run: it has no hook for {event.type}. {what}"


def other_collection(event: Event, wanted: Sequence[str]) -> Verdict:
    """Return the verdict on a plugin whose handlers are for other collections."""
    return (
        Answer.OTHER_COLLECTION,
        f"It did not run: it handles {event.type} of {', '.join(wanted)} only, and this is of "
        f"{event.collection_name or 'no collection'}.",
    )


def off_then(then: StateThen, entry: TenantPlugin | None) -> Verdict:
    """Return the verdict on a plugin that was not on when the event happened."""
    if then.state == "disabled":
        past = f"it had been switched off{_who(then.since, then.by)}"
    else:
        past = "it had not been switched on"
    if then.changed_to == "enabled":
        later = f" It was switched on afterwards{_who(then.changed_at, then.changed_by)}."
    elif entry is not None and entry.in_process_only:
        later = " It is on in this process only."
    elif entry is None or not entry.is_on:
        later = " It is off now as well."
    else:
        later = ""
    return Answer.OFF_THEN, f"It did not run: {past} when this happened.{later}"


def not_recorded(then: StateThen) -> Verdict:
    """Return the verdict where everything says that there should be a delivery."""
    was = "was on" if then.is_on else "may have been on"
    return (
        Answer.NOT_RECORDED,
        f"There is no delivery, although the plugin handles this today and {was}: a later version of it brought the "
        "hook, it was not loaded in the process in which this happened, or the delivery has been cleared away.",
    )


def _who(moment: datetime | None, by: str) -> str:
    when = f" at {moment_text(moment)}" if moment is not None else ""
    return f"{when}{f' by {by}' if by else ''}"
