"""What a delivery says: it ran, it was given up, or it waits and for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from plugin_host.deliveries.backoff import MAX_CRASHES, MAX_FAILURES
from plugin_host.deliveries.creation import MAX_DEPTH
from plugin_host.deliveries.selectors import DeliveryView
from plugin_host.dispatch.binding import Readiness, readiness
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.selectors.explain.values import Answer, moment_text, with_stop
from plugin_host.state import TenantPlugin

Verdict = tuple[Answer, str]

_DEAD: Final[Mapping[str, str]] = {
    "attempts": f"It was given up after {MAX_FAILURES} failed attempts",
    "crashes": f"It was given up, because its process died under it {MAX_CRASHES} times",
    "permanent": "It was given up at once: the plugin said that trying again is pointless",
    "no_handler": "It was given up: the plugin has no such handler any more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else decides about open deliveries.

    Args:
        is_tenant_active: Whether the tenant is served at all.
        blocking: An open delivery of the same plugin for an earlier version of the record.
    """

    entry: TenantPlugin | None
    is_tenant_active: bool
    blocking: DeliveryView | None
    now: datetime


def verdict_of_delivery(delivery: DeliveryView, around: Surroundings) -> Verdict:
    """Return whether a delivery's handler ran, and why not."""
    return _BY_STATE[delivery.state](delivery, around)


def _done(delivery: DeliveryView, around: Surroundings) -> Verdict:
    return Answer.DONE, f"It ran: attempt {delivery.attempt} was done at {_end(delivery)}."


def _done_with_errors(delivery: DeliveryView, around: Surroundings) -> Verdict:
    error = _first_line(delivery.error)
    told = f": {with_stop(error)}" if error else "."
    return (
        Answer.DONE_WITH_ERRORS,
        f"It ran at {_end(delivery)} and logged an error{told} It is not tried again; replay it where it should be.",
    )


def _skipped(delivery: DeliveryView, around: Surroundings) -> Verdict:
    if delivery.state_reason == "disabled":
        return (
            Answer.SKIPPED_OFF,
            f"It did not run: the plugin had been switched off when its turn came at {_end(delivery)}.",
        )
    if delivery.state_reason == "loop":
        return (
            Answer.SKIPPED_LOOP,
            f"It did not run: plugins set each other off more than {MAX_DEPTH} events deep. "
            f"{with_stop(delivery.error)}",
        )
    return Answer.SKIPPED, f"It did not run: it was skipped at {_end(delivery)} ({delivery.state_reason})."


def _dead(delivery: DeliveryView, around: Surroundings) -> Verdict:
    why = _DEAD.get(delivery.state_reason, f"It was given up ({delivery.state_reason})")
    error = _first_line(delivery.error)
    said = f" The last error: {with_stop(error)}" if error else ""
    return Answer.DEAD, f"{why}, at {_end(delivery)}.{said} Replay it when that is mended."


def _running(delivery: DeliveryView, around: Surroundings) -> Verdict:
    attempt = delivery.attempts[-1] if delivery.attempts else None
    since = f" since {moment_text(attempt.started_at)} at {attempt.worker}" if attempt is not None else ""
    if delivery.lease_until is not None and delivery.lease_until < around.now:
        return (
            Answer.LOST,
            f"Attempt {delivery.attempt} ran{since}, and its process has not been heard of since "
            f"{moment_text(delivery.lease_until)}: the next sweep makes it due again.",
        )
    return Answer.RUNNING, f"It runs now: attempt {delivery.attempt}{since}."


def _pending(delivery: DeliveryView, around: Surroundings) -> Verdict:
    if not around.is_tenant_active:
        return Answer.WAITS_TENANT, "It waits: the tenant is suspended, so nothing of it runs."
    match readiness(around.entry, delivery.hook):
        case Readiness.PAUSED:
            return Answer.WAITS_PAUSED, f"It waits: {_pause(around.entry)}"
        case Readiness.OFF:
            return Answer.WAITS_OFF, "The plugin is off by now, so it will be skipped when its turn comes."
        case Readiness.UNABLE:
            return Answer.WAITS_UNABLE, f"It waits: {inability(around.entry)}"
    if around.blocking is not None:
        return Answer.WAITS_ORDER, _order(delivery, around.blocking)
    due = delivery.next_attempt_at
    if due is not None and due > around.now:
        return _not_yet(delivery, due)
    since = f" since {moment_text(due)}" if due is not None else ""
    return (
        Answer.DUE,
        f"It has been due{since}: the next free worker takes it. Where it stays so, look whether one runs.",
    )


def _not_yet(delivery: DeliveryView, due: datetime) -> Verdict:
    error = _first_line(delivery.error)
    said = f" The last error: {with_stop(error)}" if error else ""
    if delivery.failures:
        return (
            Answer.WAITS_RETRY,
            f"It failed {_times(delivery.failures)} and is tried again at {moment_text(due)}.{said}",
        )
    last = delivery.attempts[-1] if delivery.attempts else None
    if not error and last is not None and last.outcome == AttemptOutcome.RELEASED and last.error:
        said = f" {with_stop(_first_line(last.error))}"
    return Answer.WAITS_LATER, f"It was put off until {moment_text(due)}, which counts as no failure.{said}"


def inability(entry: TenantPlugin | None) -> str:
    """Return why a plugin that is on cannot run, as the rest of a sentence."""
    if entry is None:
        return "the plugin is not installed here."
    if entry.problems:
        return f"the plugin is on, but {entry.status}: {' '.join(with_stop(one.message) for one in entry.problems)}"
    if entry.errors:
        faults = " ".join(with_stop(f"{error.pointer} {error.message}") for error in entry.errors)
        return f"the plugin is on, but its configuration or secrets need attention: {faults}"
    return f"the plugin is on, but {entry.status}."


def _pause(entry: TenantPlugin | None) -> str:
    if entry is None:
        return "the plugin is paused."
    by = f" by {entry.paused_by}" if entry.paused_by else ""
    since = f" since {moment_text(entry.paused_at)}" if entry.paused_at else ""
    until = (
        f" until {moment_text(entry.paused_until)}" if entry.paused_until else " until somebody resumes it"
    )
    why = f" ({entry.paused_reason.rstrip('.')})" if entry.paused_reason else ""
    return f"the plugin is paused{by}{since}{until}{why}."


def _order(delivery: DeliveryView, blocking: DeliveryView) -> str:
    state = "runs" if blocking.state == "running" else "waits"
    return (
        f"It waits for its turn: version {blocking.record_version} of the record comes before version "
        f"{delivery.record_version}, and the delivery {blocking.id} for it still {state}."
    )


def _end(delivery: DeliveryView) -> str:
    return moment_text(delivery.finished_at) if delivery.finished_at is not None else "an unknown time"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


_BY_STATE: Final[Mapping[str, Callable[[DeliveryView, Surroundings], Verdict]]] = {
    "pending": _pending,
    "running": _running,
    "done": _done,
    "done_with_errors": _done_with_errors,
    "skipped": _skipped,
    "dead": _dead,
}
