"""What came of running hooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.logging import LogLine
from plugin_host.errors import PluginError


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
class HookRun:
    """The account of one call of one handler; secrets are masked in its texts.

    Args:
        duration_ms: Time inside the handler, without waiting for a thread.
        time_limit_seconds: What it may take by itself, whatever was left of it.
        error: What it raised, as `Type: message`.
        error_code: The `code` of a `PluginError`.
        permanent: Whether trying again is pointless.
        is_not_ready: Whether the plugin says that the other side is not ready, which is nobody's failure.
        retry_after_seconds: How long the plugin asks to wait before the next attempt.
        lines: What it logged, the first lines.
        errors_logged: How many of its lines were at ERROR or above.
    """

    plugin_id: str
    hook: str
    key: str
    outcome: HookOutcome
    started_at: datetime
    duration_ms: float
    time_limit_seconds: float = 0.0
    error: str = ""
    error_code: str = ""
    traceback: str = ""
    permanent: bool = False
    is_not_ready: bool = False
    retry_after_seconds: float | None = None
    lines: tuple[LogLine, ...] = ()
    errors_logged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteResult:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
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
