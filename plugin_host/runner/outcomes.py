"""What came of running hooks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from core.logging import LogLine
from plugin_host.errors import PluginError
from plugin_host.runner.handlers import Handler


class HookOutcome(StrEnum):
    """How one call of one handler ended."""

    DONE = "done"
    DONE_WITH_ERRORS = "done_with_errors"
    """It returned, but logged at ERROR on the way."""
    REFUSED = "refused"
    """It raised `PluginError`, or a gate said no."""
    FAILED = "failed"
    """It raised something else, or returned what its kind does not allow."""
    TIMED_OUT = "timed_out"
    NOT_STARTED = "not_started"
    """No time, no thread or no free event loop was left for it: not the plugin's fault."""

    @property
    def is_success(self) -> bool:
        """Whether the handler did what it was asked to."""
        return self in (HookOutcome.DONE, HookOutcome.DONE_WITH_ERRORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailure:
    """Why a call did not end well; secrets are masked in its texts.

    Args:
        text: What the handler raised, as `Type: message`.
        code: The `code` of a `PluginError`.
        permanent: Whether trying again is pointless.
        is_not_ready: Whether the plugin says that the other side is not ready, which is nobody's failure.
        retry_after_seconds: How long the plugin asks to wait before the next attempt.
    """

    text: str
    code: str = ""
    traceback: str = ""
    permanent: bool = False
    is_not_ready: bool = False
    retry_after_seconds: float | None = None


class HookRun(NamedTuple):
    """The account of one call of one handler.

    A tuple of few fields, because one is made for each call, and a frozen dataclass of all that can be asked takes as
    long as everything else round the call together.

    Args:
        submitted: When it was asked for, in seconds of the monotonic clock.
        duration_ms: Time inside the handler, without waiting for a thread.
        failure: None where it ended well.
        lines: What it logged, the first lines.
        errors_logged: How many of its lines were at ERROR or above.
    """

    handler: Handler
    outcome: HookOutcome
    submitted: float
    duration_ms: float
    failure: HookFailure | None = None
    lines: tuple[LogLine, ...] = ()
    errors_logged: int = 0

    @property
    def plugin_id(self) -> str:
        """Whose code it was."""
        return self.handler.plugin_id

    @property
    def hook(self) -> str:
        """The hook, or the event type."""
        return self.handler.hook

    @property
    def key(self) -> str:
        """Which of the plugin's handlers of the hook it was."""
        return self.handler.key

    @property
    def time_limit_seconds(self) -> float:
        """What the handler may take by itself, whatever was left of it."""
        return self.handler.time_limit_seconds

    @property
    def started_at(self) -> datetime:
        """When it was asked for."""
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - self.submitted)

    @property
    def error(self) -> str:
        """What it raised, as `Type: message`; empty where it did not."""
        return self.failure.text if self.failure is not None else ""

    @property
    def error_code(self) -> str:
        """The `code` of the `PluginError` that it raised."""
        return self.failure.code if self.failure is not None else ""

    @property
    def traceback(self) -> str:
        """Where it raised."""
        return self.failure.traceback if self.failure is not None else ""

    @property
    def permanent(self) -> bool:
        """Whether trying again is pointless."""
        return self.failure is not None and self.failure.permanent

    @property
    def is_not_ready(self) -> bool:
        """Whether the plugin says that the other side is not ready, which is nobody's failure."""
        return self.failure is not None and self.failure.is_not_ready

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the plugin asks to wait before the next attempt."""
        return self.failure.retry_after_seconds if self.failure is not None else None


class ExecuteResult(NamedTuple):
    """What one handler returned, or why it did not."""

    value: Any
    error: BaseException | None
    run: HookRun


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterResult[T]:
    """The value after all filters, and the account of each."""

    value: T
    runs: tuple[HookRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDenial:
    """One plugin's no.

    Args:
        reason: One sentence for the person.
        error: What the plugin raised, where it raised.
    """

    plugin_id: str
    hook: str
    reason: str
    error: PluginError | None = None


class GateResult(NamedTuple):
    """What all gates say together; `blockers` and `warnings` come from publish gates, as (plugin id, sentence)."""

    denials: tuple[GateDenial, ...] = ()
    blockers: tuple[tuple[str, str], ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    scores: tuple[tuple[str, float], ...] = ()
    runs: tuple[HookRun, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nobody said no."""
        return not self.denials


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectResult:
    """The lists of all plugins, joined; each item with the plugin that gave it."""

    items: tuple[tuple[str, Any], ...] = ()
    runs: tuple[HookRun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstWinsResult:
    """The first answer and who gave it; `plugin_id` is None where nobody did."""

    value: Any = None
    plugin_id: str | None = None
    runs: tuple[HookRun, ...] = ()
