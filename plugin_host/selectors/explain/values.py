"""What is said of a plugin and an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from core.errors import FieldError
from core.models import Event
from plugin_host.deliveries.selectors import DeliveryView
from plugin_host.errors import LoadProblem


class Answer(StrEnum):
    """Whether a plugin ran for an event, and why not; in the order in which several handlers make one answer."""

    DEAD = "dead"
    WAITS_PAUSED = "waits_paused"
    WAITS_UNABLE = "waits_unable"
    WAITS_TENANT = "waits_tenant"
    WAITS_ORDER = "waits_order"
    WAITS_RETRY = "waits_retry"
    WAITS_LATER = "waits_later"
    WAITS_OFF = "waits_off"
    LOST = "lost"
    RUNNING = "running"
    DUE = "due"
    DONE_WITH_ERRORS = "done_with_errors"
    SKIPPED_OFF = "skipped_disabled"
    SKIPPED_LOOP = "skipped_loop"
    SKIPPED = "skipped"
    DONE = "done"
    NOT_RECORDED = "not_recorded"
    OFF_THEN = "off_then"
    NOT_LOADED = "not_loaded"
    OTHER_COLLECTION = "other_collection"
    NOT_HANDLED = "not_handled"
    NOT_ITS_OWN = "not_its_own"

    @property
    def is_good(self) -> bool:
        """Whether it ran."""
        return self in (Answer.DONE, Answer.DONE_WITH_ERRORS)

    @property
    def is_concern(self) -> bool:
        """Whether the event was one for the plugin, or would have been were it on and loaded."""
        return self not in (Answer.OTHER_COLLECTION, Answer.NOT_HANDLED, Answer.NOT_ITS_OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateThen:
    """What a tenant wanted of a plugin when something happened, as the audit log has it.

    Args:
        state: `available`, `enabled`, `paused` or `disabled`; empty where nobody wrote it down.
        since: When it became so; None where it always was, or nobody wrote it down.
        changed_at: When it became something else again.
        changed_to: What it became then.
    """

    state: str
    since: datetime | None = None
    by: str = ""
    changed_at: datetime | None = None
    changed_to: str = ""
    changed_by: str = ""

    @property
    def is_on(self) -> bool | None:
        """Whether it was owed deliveries; None where that is not known."""
        return self.state in ("enabled", "paused") if self.state else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerAnswer:
    """One handler of a plugin and what became of the event with it.

    Args:
        hook: Hook or event type.
        key: Names it among the plugin's handlers; part of the delivery's identity.
        collection: The collection that it wants; None takes all.
        is_there: Whether the plugin has it today; a delivery outlives a handler that was taken out.
        deliveries: Those made for it, the newest first: more than one where it was replayed.
    """

    hook: str
    key: str
    collection: str | None
    is_there: bool
    answer: Answer
    sentence: str
    deliveries: Sequence[DeliveryView] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginAnswer:
    """One plugin and an event.

    Args:
        sentence: The verdict, for people.
        status: What the plugin is now.
        then: What it was when the event happened.
        is_on_here: Whether it is on in this process alone.
        handles: Every hook and event type that it handles.
    """

    plugin_id: str
    name: str
    version: str
    answer: Answer
    sentence: str
    is_loaded: bool
    state: str
    status: str
    then: StateThen
    is_on_here: bool = False
    problems: Sequence[LoadProblem] = ()
    errors: Sequence[FieldError] = ()
    paused_reason: str = ""
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    paused_by: str = ""
    handles: Sequence[str] = ()
    handlers: Sequence[HandlerAnswer] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An event and every plugin; those that it concerned first.

    Args:
        is_kept: Whether the event itself is still there, or only what became of it.
    """

    event: Event
    is_kept: bool
    plugins: Sequence[PluginAnswer]


def moment_text(moment: datetime) -> str:
    """Return a moment as sentences name it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def with_stop(text: str) -> str:
    """Return a text as a sentence that ends."""
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."
