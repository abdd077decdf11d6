"""One run: plugin and tenant, the surroundings of its code, and what an end means for the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from core.logging import get_logger, redact
from core.scope import Scope, tenant_scope, use_scope
from plugin_host.breaker.conduct import Conduct, conduct_of_run
from plugin_host.breaker.policy import breaker_policy
from plugin_host.breaker.probes import release_probe, take_probe
from plugin_host.context import HookContext
from plugin_host.deliveries.backoff import wait_seconds
from plugin_host.dispatch.binding import Readiness, plugin_actor, readiness
from plugin_host.dispatch.hook_runner import refuse_in_transaction, tidy_connections
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.schedule import RunOutcome, RunReason
from plugin_host.runner import Handler, HookOutcome, HookRun, HookRunner
from plugin_host.runtime_state import plugin_run
from plugin_host.scheduling.claiming import ClaimedRun
from plugin_host.scheduling.finishing import RunResult
from plugin_host.scheduling.kinds import DEFINITIONS
from plugin_host.state import TenantPlugin, tenant_plugins

logger = get_logger(__name__)

# Of their own, so that tasks which take minutes hold up neither deliveries nor requests; one for each slot, so that
# what a process has claimed never waits for a thread.
HOOK_THREADS: Final[int] = settings.SCHEDULE_SLOTS
_PREPARING_THREADS: Final = 3
_PAUSE_AFTER_FAILURE_SECONDS: Final = 2.0
# Somebody has to mend the plugin first, or the release that brings it is on its way.
_UNABLE_SECONDS: Final = 20.0
# A probe that takes longer is not the only one any more.
_PROBE_SECONDS: Final = 600.0

schedule_runner: Final = HookRunner(
    threads=HOOK_THREADS,
    before_call=refuse_in_transaction,
    after_run=tidy_connections,
    after_abandoned=connections.close_all,
    max_stuck=max(1, HOOK_THREADS // 2),
)
_threads = ThreadPoolExecutor(_PREPARING_THREADS, thread_name_prefix="schedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRun:
    """What a kind needs to run the code of a plugin for a claimed run.

    Args:
        handlers: The plugin's own: hook -> key -> handler.
        context: The first argument of hooks.
        is_probe: Whether it was let through to see whether a paused plugin works again.
    """

    run: ClaimedRun
    scope: Scope
    entry: TenantPlugin
    plugin: LoadedPlugin
    handlers: Mapping[str, Mapping[str, Handler]]
    context: HookContext
    is_probe: bool = False

    def handlers_of(self, hook: str) -> list[Handler]:
        """Return the plugin's handlers of a hook; the method of its class comes first."""
        found = self.handlers.get(hook, {})
        return sorted(found.values(), key=lambda handler: (handler.key != hook, handler.priority))

    def bind(self, handler: Handler) -> AbstractContextManager[None]:
        """Return the surroundings of a handler's code: tenant, plugin as the actor, configuration, secrets."""
        return self._surrounded(handler.hook)

    @contextmanager
    def _surrounded(self, hook: str) -> Iterator[None]:
        run = self.entry.run(
            hook=hook,
            tenant_slug=self.scope.tenant_slug,
            execution_id=self.run.token,
            correlation_id=self.run.id,
            once_scope=f"run:{self.run.id}",
        )
        with use_scope(self.scope), plugin_run(run):
            yield

    def masked(self, text: str) -> str:
        """Return a text without the plugin's secrets."""
        with self._surrounded(""):
            return redact(text)


async def in_thread[T](call: Callable[..., T], *arguments: object) -> T:
    """Do something with the database beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, call, *arguments)


def prepare_run(run: ClaimedRun) -> PreparedRun | RunResult:
    """Return what is needed to run it, or its result where it cannot or must not run."""
    # The thread may have kept a connection that the server has ended since; finding out here costs nobody an attempt.
    close_old_connections()
    try:
        with tenant_scope(
            run.tenant_id,
            slug=run.tenant_slug,
            actor=plugin_actor(run.plugin),
            correlation_id=run.id,
            depth=1,
        ) as scope:
            return _prepare_in_scope(run, scope)
    except DatabaseError as error:
        connections.close_all()
        return given_back(
            run, f"The database did not answer: {error}", wait_seconds=_PAUSE_AFTER_FAILURE_SECONDS
        )


def _prepare_in_scope(run: ClaimedRun, scope: Scope) -> PreparedRun | RunResult:
    plugins = tenant_plugins(run.tenant_id)
    entry = plugins.get(run.plugin)
    match readiness(entry, ""):
        case Readiness.OFF:
            return skipped(run, "disabled")
        case Readiness.PAUSED:
            return _paused(run)
        case Readiness.UNABLE:
            why = f"Plugin {run.plugin} is on, but cannot run: see its page or `manage.py plugin check`."
            return given_back(run, why, wait_seconds=_UNABLE_SECONDS)
    if run.is_retired and run.kind != DEFINITIONS:
        return skipped(run, "retired")
    if run.is_switched_off and run.reason != RunReason.MANUAL:
        return skipped(run, "switched_off")
    plugin = plugins.loaded.plugins.get(run.plugin)
    assert entry is not None  # it is ready
    assert plugin is not None  # the same
    if entry.is_half_open and not take_probe(run.plugin, hold_seconds=_PROBE_SECONDS):
        return _paused(run)
    return PreparedRun(
        run=run,
        scope=scope,
        entry=entry,
        plugin=plugin,
        handlers=plugins.handlers.of_plugin(run.plugin),
        context=HookContext(
            tenant_id=run.tenant_id,
            tenant_slug=run.tenant_slug,
            tenant_plan=run.tenant_plan,
            correlation_id=run.id,
            metadata={"execution_id": str(run.token), "attempt": run.attempt, "reason": run.reason},
        ),
        is_probe=entry.is_half_open,
    )


def give_probe_back(run: ClaimedRun) -> None:
    """Let another run be the probe: this one came to nothing that says anything about the plugin."""
    with tenant_scope(run.tenant_id, slug=run.tenant_slug):
        release_probe(run.plugin)


def _paused(run: ClaimedRun) -> RunResult:
    return given_back(run, "The plugin is paused.", wait_seconds=_PAUSE_AFTER_FAILURE_SECONDS)


def conduct_of(hook_run: HookRun) -> Conduct:
    """Return what the account of a hook's run says of its plugin."""
    return conduct_of_run(hook_run, slow_share=breaker_policy().slow_share)


def given_back(
    run: ClaimedRun, why: str, *, wait_seconds: float = 0.0, was_started: bool = False
) -> RunResult:
    """Return the result of an attempt that says nothing about the plugin: it is due again and nothing is counted."""
    return RunResult(
        run=run,
        attempt_outcome=AttemptOutcome.RELEASED,
        wait_seconds=wait_seconds,
        was_started=was_started,
        error=why,
    )


def skipped(run: ClaimedRun, reason: str) -> RunResult:
    """Return the result of a run that is not to be."""
    return RunResult(
        run=run,
        attempt_outcome=AttemptOutcome.SKIPPED,
        outcome=RunOutcome.SKIPPED,
        outcome_reason=reason,
        was_started=False,
    )


def not_started(run: ClaimedRun, hook_run: HookRun) -> RunResult:
    """Return the result of an attempt for which the process had no thread left."""
    return given_back(run, hook_run.error, wait_seconds=_PAUSE_AFTER_FAILURE_SECONDS)


def failed(
    run: ClaimedRun,
    error: str,
    *,
    max_retries: int,
    hook_run: HookRun | None = None,
    final_reason: str = "",
    wait_seconds: float | None = None,
) -> RunResult:
    """Return the result of an attempt that failed: again after a while, or for good.

    Args:
        final_reason: Why there is no further attempt, as a code, whatever is left of them.
        wait_seconds: How long to wait; the usual backoff where it is None.
    """
    timed_out = hook_run is not None and hook_run.outcome is HookOutcome.TIMED_OUT
    if not final_reason and hook_run is not None and hook_run.permanent:
        final_reason = "permanent"
    if not final_reason and run.failures >= max_retries:
        final_reason = "attempts"
    return RunResult(
        run=run,
        attempt_outcome=AttemptOutcome.TIMED_OUT if timed_out else AttemptOutcome.FAILED,
        outcome=RunOutcome.DEAD if final_reason else None,
        outcome_reason=final_reason,
        wait_seconds=0.0 if final_reason else _wait(run, hook_run, wait_seconds),
        counts_as_failure=True,
        error=error,
        log=hook_run.lines if hook_run is not None else (),
        conduct=conduct_of(hook_run) if hook_run is not None else Conduct.FAILED,
    )


def _wait(run: ClaimedRun, hook_run: HookRun | None, asked_seconds: float | None) -> float:
    if asked_seconds is not None:
        return asked_seconds
    return wait_seconds(
        run.failures + 1, asked_seconds=hook_run.retry_after_seconds if hook_run is not None else None
    )


def error_text(hook_run: HookRun) -> str:
    """Return what a hook's run says went wrong, the traceback below."""
    return f"{hook_run.error}\n\n{hook_run.traceback}".strip()
