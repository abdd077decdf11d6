"""Scheduled runs as work for a dispatcher."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connections

from core.logging import get_logger
from plugin_host.breaker.conduct import Conduct
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.schedule import RunOutcome
from plugin_host.scheduling.claiming import ClaimedRun, claim_runs
from plugin_host.scheduling.definitions import want_outdated_definitions
from plugin_host.scheduling.finishing import RunResult, finish_runs, renew_run_leases
from plugin_host.scheduling.kinds import item_kind
from plugin_host.scheduling.running import failed, give_probe_back, given_back, in_thread, prepare_run
from plugin_host.scheduling.tasks import TASK
from plugin_host.worker.source import ClaimRequest, Lease

logger = get_logger(__name__)

# Tasks may take hours; a quarter of the slots, and these at least, is left to checks and to asking what to schedule.
_KEPT_FROM_TASKS: Final = 2


class ScheduleSource:
    """Implements `plugin_host.worker.source.WorkSource`.

    Args:
        slots: Of the dispatcher.
    """

    name = "scheduled runs"

    def __init__(self, slots: int) -> None:
        self._most_tasks = max(1, slots - max(_KEPT_FROM_TASKS, slots // 4))
        self._running: Counter[str] = Counter()
        self._has_looked = False

    def claim(self, request: ClaimRequest) -> list[ClaimedRun]:
        """Lease what is due; the first time, see to plugins that have another version than before."""
        if not self._has_looked:
            want_outdated_definitions()
            self._has_looked = True
        return claim_runs(request, full_kinds=[TASK] if self._running[TASK] >= self._most_tasks else [])

    async def run(self, work: ClaimedRun) -> RunResult:
        """Do one run; never raises but for cancellation."""
        self._running[work.kind] += 1
        try:
            return await run_scheduled(work)
        finally:
            self._running[work.kind] -= 1

    def finish(self, results: Sequence[RunResult]) -> set[UUID]:
        """Write how runs ended."""
        return finish_runs(results)

    def renew(self, leases: Sequence[Lease], *, lease_seconds: float) -> None:
        """Keep leases."""
        renew_run_leases(leases, lease_seconds=lease_seconds)

    def given_back(self, work: ClaimedRun, why: str) -> RunResult:
        """Return the result of a run that was cut off."""
        return given_back(work, why, was_started=True)


async def run_scheduled(run: ClaimedRun) -> RunResult:
    """Do one run and say what came of it; never raises but for cancellation."""
    try:
        prepared = await in_thread(prepare_run, run)
        if isinstance(prepared, RunResult):
            return prepared
        result = replace(await item_kind(run.kind).execute(run, prepared), is_probe=prepared.is_probe)
        if result.is_probe and result.conduct is Conduct.UNKNOWN:
            await in_thread(give_probe_back, run)
        return result
    except asyncio.CancelledError:
        raise
    except Exception as error:  # the hook dispatch boundary: whatever a kind trips over, the others go on
        logger.exception("Run %s of %s could not be made", run.id, run.item_id)
        return failed(run, f"The run could not be made: {type(error).__name__}: {error}", max_retries=3)


def punish_blocking_run(run: ClaimedRun | None) -> None:
    """Count a run that held up the event loop for good as failed; the breaker pauses its plugin for that tenant."""
    if run is None:
        logger.critical("Something other than a hook held up the event loop; the process is replaced.")
        return
    error = (
        f"{run.item_id} of plugin {run.plugin} blocked the event loop: it computes or waits inside `async def`. "
        "Write it as `def`, or wait with await."
    )
    logger.critical("%s The process is replaced.", error)
    try:
        finish_runs(
            [
                RunResult(
                    run=run,
                    attempt_outcome=AttemptOutcome.TIMED_OUT,
                    outcome=RunOutcome.DEAD,
                    outcome_reason="blocked",
                    counts_as_failure=True,
                    error=error,
                    conduct=Conduct.BLOCKED,
                    is_probe=True,
                )
            ]
        )
    except DatabaseError as problem:
        logger.error("The run's lease will run out, it could not be finished: %s", problem)
    finally:
        connections.close_all()
