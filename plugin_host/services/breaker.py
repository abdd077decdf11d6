"""Counting trouble with a tenant's plugin, pausing it because of that, and letting it go on.

    closed    --too much in a row-->  open, for a growing time
    open      --the time is over-->   half-open: one run has the turn, the probe
    half-open --it goes well-->       closed, nothing counted
              --it does not-->        open, for twice the time

What the breaker paused it lets go on; what a person paused or switched off it never touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.actors import system_actor
from core.logging import get_logger
from core.platform_work import PlatformWork
from core.scope import platform_scope, require_tenant, tenant_scope
from plugin_host.breaker.conduct import Conduct, PluginOutcome
from plugin_host.breaker.policy import (
    BreakerCause,
    BreakerPolicy,
    breaker_policy,
    probe_in_words,
    reason_in_words,
)
from plugin_host.models.breaker import PluginBreaker
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.services.changing import PluginChange, changing_plugin, end_pause
from plugin_host.signals import breaker_changed

logger = get_logger(__name__)

BREAKER: Final = system_actor("breaker")
MAX_ERROR_CHARACTERS: Final = 2_000
# What is counted, by what is counted as it.
_COUNTED: Final = {
    Conduct.FAILED: "failures",
    Conduct.TIMED_OUT: "timeouts",
    Conduct.CRASHED: "crashes",
    Conduct.SLOW: "slow_runs",
}
# Good news, or too little to be counted: of interest only where there is trouble already.
_HARMLESS: Final = (Conduct.GOOD, Conduct.LOST)

PluginOfTenant = tuple[UUID, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStep:
    """What the breaker did with a plugin.

    Args:
        state: `open` or `closed`.
        until: When it is tried again; None where it is closed.
    """

    tenant_id: UUID
    plugin_id: str
    state: str
    reason: str = ""
    until: datetime | None = None
    openings: int = 0


def note_outcome(
    *,
    tenant_id: UUID,
    plugin_id: str,
    what: str,
    conduct: Conduct,
    error: str = "",
    is_probe: bool = False,
) -> None:
    """Tell the breaker how one run of a plugin's code ended; for tasks, checks and whatever else runs it.

    Deliveries and the hooks that `dispatch.hook_runner` runs inline are noted by themselves. Call it once for each
    run, outside of transactions. Good runs of a plugin in order write nothing.

    Args:
        what: What ran, for people: `dvp_execute_scheduled_task task-manager.remind`.
        conduct: `breaker.conduct.conduct_of_run` makes it of a `HookRun`.
        error: What went wrong, as one line.
        is_probe: Whether `breaker.probes.take_probe` let the run through.
    """
    note_outcomes(
        [
            PluginOutcome(
                tenant_id=tenant_id,
                plugin_id=plugin_id,
                what=what,
                conduct=conduct,
                error=error,
                is_probe=is_probe,
            )
        ]
    )


def note_outcomes(
    outcomes: Iterable[PluginOutcome], *, troubled: Iterable[PluginOfTenant] | None = None
) -> list[BreakerStep]:
    """Tell the breaker how runs ended, in the order of their ends; return what it did.

    Args:
        troubled: The plugins that something is counted for already; they are looked up where it is not given.
    """
    groups: dict[PluginOfTenant, list[PluginOutcome]] = {}
    for outcome in outcomes:
        if outcome.conduct is not Conduct.UNKNOWN:
            groups.setdefault((outcome.tenant_id, outcome.plugin_id), []).append(outcome)
    calm = [pair for pair, group in groups.items() if all(one.conduct in _HARMLESS for one in group)]
    in_trouble = set(troubled) if troubled is not None else _troubled(calm)
    for pair in calm:
        if pair not in in_trouble:
            del groups[pair]
    steps = []
    for (tenant_id, plugin_id), group in groups.items():
        with tenant_scope(tenant_id, actor=BREAKER):
            step = _note(plugin_id, group)
        if step is not None:
            _tell(step)
            steps.append(step)
    return steps


def _troubled(pairs: Sequence[PluginOfTenant]) -> set[PluginOfTenant]:
    if not pairs:
        return set()
    with platform_scope(PlatformWork.DELIVERY_DISPATCH):
        found = PluginBreaker.objects.filter(
            tenant_id__in={tenant_id for tenant_id, _ in pairs},
            plugin_id__in={plugin_id for _, plugin_id in pairs},
        )
        return set(found.values_list("tenant_id", "plugin_id"))


def _note(plugin_id: str, outcomes: Sequence[PluginOutcome]) -> BreakerStep | None:
    with transaction.atomic():
        # This row is locked before the breaker's, here and wherever a person changes the state.
        row = PluginSettings.objects.select_for_update().filter(plugin_id=plugin_id).first()
        if row is None:
            return None  # on in this process alone: there is no state that could be changed
        if row.state == PluginState.ENABLED:
            return _count(plugin_id, outcomes)
        if row.state == PluginState.PAUSED and row.paused_by_breaker:
            return _judge_probe(row, outcomes)
        return None


def _count(plugin_id: str, outcomes: Sequence[PluginOutcome]) -> BreakerStep | None:
    policy = breaker_policy()
    trouble = PluginBreaker.objects.filter(plugin_id=plugin_id).first() or PluginBreaker(plugin_id=plugin_id)
    blocked = False
    for outcome in outcomes:
        _add(trouble, outcome)
        blocked = blocked or outcome.conduct is Conduct.BLOCKED
    cause = BreakerCause.BLOCKED if blocked else policy.cause(trouble)
    if cause is not None:
        return _open(trouble, cause, reason_in_words(cause, trouble, slow_share=policy.slow_share), policy)
    if any((trouble.failures, trouble.timeouts, trouble.slow_runs, trouble.crashes)):
        trouble.save()
    elif not trouble._state.adding:
        trouble.delete()
    return None


def _add(trouble: PluginBreaker, outcome: PluginOutcome) -> None:
    if outcome.conduct in (Conduct.GOOD, Conduct.SLOW):
        trouble.failures = trouble.timeouts = trouble.crashes = 0
    if outcome.conduct is Conduct.GOOD:
        trouble.slow_runs = 0
    if (counter := _COUNTED.get(outcome.conduct)) is not None:
        setattr(trouble, counter, getattr(trouble, counter) + 1)
    if outcome.conduct not in _HARMLESS:
        _describe(trouble, outcome)


def _describe(trouble: PluginBreaker, outcome: PluginOutcome) -> None:
    trouble.last_run = outcome.what[:200]
    trouble.last_error = outcome.error.partition("\n")[0].replace("\x00", "")[:MAX_ERROR_CHARACTERS]
    trouble.last_at = timezone.now()


def _judge_probe(row: PluginSettings, outcomes: Sequence[PluginOutcome]) -> BreakerStep | None:
    probe = next((outcome for outcome in outcomes if _is_probe(row, outcome)), None)
    if probe is None:
        return None  # it began before the pause
    trouble = PluginBreaker.objects.filter(plugin_id=row.plugin_id).first() or PluginBreaker(
        plugin_id=row.plugin_id
    )
    went_well = probe.conduct is Conduct.GOOD or (
        # Slow is well enough, unless that is what it was paused for.
        probe.conduct is Conduct.SLOW and trouble.cause != BreakerCause.SLOW_RUNS
    )
    if went_well:
        return _close(row.plugin_id, trouble)
    _add(trouble, probe)
    _describe(trouble, probe)
    cause = BreakerCause(trouble.cause or BreakerCause.FAILURES)
    return _open(trouble, cause, probe_in_words(probe.what, _what_went_wrong(probe)), breaker_policy())


def _is_probe(row: PluginSettings, outcome: PluginOutcome) -> bool:
    if outcome.is_probe:
        return True
    if outcome.conduct is Conduct.LOST:
        return row.probe_until is not None
    began, until = outcome.started_at, row.paused_until
    return began is not None and until is not None and began >= until


def _what_went_wrong(outcome: PluginOutcome) -> str:
    if outcome.conduct is Conduct.SLOW:
        return "it was slow again."
    return outcome.error.partition("\n")[0] or f"it {outcome.conduct.replace('_', ' ')}."


def _open(trouble: PluginBreaker, cause: BreakerCause, reason: str, policy: BreakerPolicy) -> BreakerStep:
    trouble.openings += 1
    trouble.cause = cause
    trouble.save()
    with changing_plugin(trouble.plugin_id) as change:
        row = change.row
        row.paused_at = row.paused_at if row.paused_by_breaker else change.now
        row.paused_until = change.now + timedelta(seconds=policy.pause_seconds(trouble.openings))
        row.state = PluginState.PAUSED
        row.paused_reason, row.paused_by = reason.replace("\x00", "")[:500], BREAKER.label
        row.paused_by_breaker, row.probe_until = True, None
        change.note(
            "plugin.paused",
            detail={
                "reason": row.paused_reason,
                "until": row.paused_until.isoformat(),
                "cause": str(cause),
                "openings": trouble.openings,
            },
        )
        return _step(change, "open", openings=trouble.openings)


def _close(plugin_id: str, trouble: PluginBreaker) -> BreakerStep:
    openings = trouble.openings
    PluginBreaker.objects.filter(plugin_id=plugin_id).delete()
    with changing_plugin(plugin_id) as change:
        change.row.state = PluginState.ENABLED
        end_pause(change.row)
        change.note("plugin.resumed", detail={"openings": openings})
        return _step(change, "closed", openings=openings)


def _step(change: PluginChange, state: str, *, openings: int) -> BreakerStep:
    return BreakerStep(
        tenant_id=_tenant(),
        plugin_id=change.plugin_id,
        state=state,
        reason=change.row.paused_reason,
        until=change.row.paused_until,
        openings=openings,
    )


def _tell(step: BreakerStep) -> None:
    """Say it in the log and to whoever listens, now that it is committed."""
    fields = {
        "state": step.state,
        "plugin": step.plugin_id,
        "tenant": step.tenant_id,
        "openings": step.openings,
    }
    if step.state == "open":
        assert step.until is not None  # the breaker's pauses end
        logger.warning(
            "Breaker open: plugin %s is paused for tenant %s until %s: %s",
            step.plugin_id,
            step.tenant_id,
            step.until.isoformat(timespec="seconds"),
            step.reason,
            extra={"breaker": fields | {"until": step.until, "reason": step.reason}},
        )
    else:
        logger.warning(
            "Breaker closed: plugin %s runs again for tenant %s.",
            step.plugin_id,
            step.tenant_id,
            extra={"breaker": fields},
        )
    for listener, failure in breaker_changed.send_robust(sender=BreakerStep, step=step):
        if isinstance(failure, Exception):
            logger.error("%r could not be told of the breaker", listener, exc_info=failure)


def _tenant() -> UUID:
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    return tenant_id
