"""How a run of a plugin's code reflects on the plugin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from plugin_host.hookspec import HOOKS, HookKind
from plugin_host.runner.outcomes import HookOutcome, HookRun


class Conduct(StrEnum):
    """What one run says of the plugin's health; each is counted apart."""

    GOOD = "good"
    """It did what it was asked to, in good time."""
    SLOW = "slow"
    """It did, but took most of its time limit."""
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    """It held up the event loop until the process had to be replaced."""
    CRASHED = "crashed"
    """It took its process with it, for the last time that its delivery had."""
    LOST = "lost"
    """Its process went away; perhaps because of somebody else, so only a probe is judged by it."""
    UNKNOWN = "unknown"
    """It says nothing: it was not started, or the other side is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginOutcome:
    """How one run of a tenant's plugin ended.

    Args:
        what: What ran, for people: the hook, the task.
        error: What went wrong, as one line; secrets are masked already.
        is_probe: Whether the run was let through to see whether a paused plugin works again.
        started_at: Tells a probe of an inline hook from a run that began before the pause.
    """

    tenant_id: UUID
    plugin_id: str
    what: str
    conduct: Conduct
    error: str = ""
    is_probe: bool = False
    started_at: datetime | None = None


def conduct_of_run(run: HookRun, *, slow_share: float) -> Conduct:
    """Return what the account of a hook's run says of its plugin.

    Args:
        slow_share: Which part of its time limit a run may take without being slow.
    """
    match run.outcome:
        case HookOutcome.NOT_STARTED:
            return Conduct.UNKNOWN
        case HookOutcome.TIMED_OUT:
            return Conduct.TIMED_OUT
        case HookOutcome.FAILED:
            return Conduct.FAILED
        case HookOutcome.REFUSED if run.is_not_ready:
            return Conduct.UNKNOWN
        case HookOutcome.REFUSED if not _may_refuse(run.hook):
            return Conduct.FAILED
    if run.time_limit_seconds and run.duration_ms > run.time_limit_seconds * slow_share * 1000:
        return Conduct.SLOW
    return Conduct.GOOD


def kind_of_hook(hook: str) -> HookKind:
    """Return the kind of a hook, or of an event type that a function handles."""
    spec = HOOKS.get(hook)
    return spec.kind if spec is not None else HookKind.ACTION


def _may_refuse(hook: str) -> bool:
    """Say whether a no of this hook is an answer, and no trouble."""
    return kind_of_hook(hook) in (HookKind.FILTER, HookKind.GATE)
