"""Making one delivery: plugin and tenant, arguments, the hook itself, and what its end means."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import Error as DatabaseError
from django.db import close_old_connections, connections

from core.logging import get_logger
from core.scope import Scope, tenant_scope
from plugin_host.breaker.conduct import Conduct, conduct_of_run
from plugin_host.breaker.policy import breaker_policy
from plugin_host.breaker.probes import release_probe, take_probe
from plugin_host.deliveries.backoff import MAX_FAILURES, wait_seconds
from plugin_host.deliveries.claiming import ClaimedDelivery
from plugin_host.deliveries.creation import stored_key
from plugin_host.deliveries.finishing import AttemptResult, finish_attempts, given_back
from plugin_host.dispatch.arguments import (
    context_of_event,
    event_arguments,
    event_metadata,
    record_event,
)
from plugin_host.dispatch.binding import (
    Bind,
    Readiness,
    delivery_surroundings,
    handlers_of_plugin,
    is_event_handler,
    plugin_actor,
    readiness,
)
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.models.delivery import AttemptOutcome, DeliveryOutcome
from plugin_host.runner import Handler, HookOutcome, HookRun, HookRunner
from plugin_host.state import tenant_plugins

logger = get_logger(__name__)

# Arguments are made with the ORM, beside the event loop; each thread has a connection.
_PREPARING_THREADS: Final = 4
_PAUSE_AFTER_FAILURE_SECONDS: Final = 2.0
# Somebody has to mend the plugin first, or the release that brings it is on its way.
_UNABLE_SECONDS: Final = 20.0
_LONGEST_UNABLE_SECONDS: Final = 600.0
# A probe may wait for a free thread, and its outcome for the statement that writes it.
_PROBE_MARGIN_SECONDS: Final = 90.0

_threads = ThreadPoolExecutor(_PREPARING_THREADS, thread_name_prefix="prepare")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    handler: Handler
    arguments: tuple[Any, ...]
    bind: Bind
    is_probe: bool


def worker_runner() -> HookRunner:
    """Return the runner that deliveries of this process use."""
    return hook_runner


async def run_delivery(delivery: ClaimedDelivery) -> AttemptResult:
    """Make one delivery and say what came of it; never raises but for cancellation."""
    prepared = await asyncio.get_running_loop().run_in_executor(_threads, _prepare, delivery)
    if isinstance(prepared, AttemptResult):
        return prepared
    run = (await hook_runner.arun(prepared.handler, prepared.arguments, bind=prepared.bind)).run
    result = replace(
        result_of_run(delivery, run),
        conduct=conduct_of_run(run, slow_share=breaker_policy().slow_share),
        is_probe=prepared.is_probe,
    )
    if result.is_probe and result.conduct is Conduct.UNKNOWN:
        await asyncio.get_running_loop().run_in_executor(_threads, _release_probe, delivery)
    return result


def punish_blocking_hook(delivery: ClaimedDelivery | None) -> None:
    """Count a hook that held up the event loop for good as failed; the breaker pauses its plugin for that tenant."""
    if delivery is None:
        logger.critical("Something other than a hook held up the event loop; the process is replaced.")
        return
    error = (
        f"{delivery.hook} of plugin {delivery.plugin} blocked the event loop: it computes or waits inside `async def`. "
        "Write it as `def`, or wait with await."
    )
    logger.critical("%s The process is replaced.", error)
    try:
        failed = _failed(delivery, AttemptOutcome.TIMED_OUT, error)
        finish_attempts([replace(failed, conduct=Conduct.BLOCKED, is_probe=True)])
    except DatabaseError as problem:
        logger.error("The delivery's lease will run out, it could not be finished: %s", problem)
    finally:
        connections.close_all()


def _release_probe(delivery: ClaimedDelivery) -> None:
    close_old_connections()
    with tenant_scope(delivery.tenant_id, slug=delivery.tenant_slug):
        release_probe(delivery.plugin)


def result_of_run(delivery: ClaimedDelivery, run: HookRun) -> AttemptResult:
    """Return what the account of a hook's run means for its delivery."""
    if run.outcome is HookOutcome.NOT_STARTED:
        return given_back(delivery, run.error, wait_seconds=_PAUSE_AFTER_FAILURE_SECONDS)
    if run.outcome.is_success:
        clean = run.outcome is HookOutcome.DONE
        return AttemptResult(
            id=delivery.id,
            token=delivery.token,
            attempt_outcome=AttemptOutcome.DONE if clean else AttemptOutcome.DONE_WITH_ERRORS,
            outcome=DeliveryOutcome.DONE if clean else DeliveryOutcome.DONE_WITH_ERRORS,
            error="" if clean else _first_error(run),
            log=run.lines,
        )
    return _failed(
        delivery,
        AttemptOutcome.TIMED_OUT if run.outcome is HookOutcome.TIMED_OUT else AttemptOutcome.FAILED,
        f"{run.error}\n\n{run.traceback}".strip(),
        run=run,
    )


def _prepare(delivery: ClaimedDelivery) -> _Call | AttemptResult:
    # The thread may have kept a connection that the server has ended since; finding out here costs nobody an attempt.
    close_old_connections()
    try:
        with tenant_scope(
            delivery.tenant_id,
            slug=delivery.tenant_slug,
            actor=plugin_actor(delivery.plugin),
            correlation_id=delivery.correlation_id,
            causation_id=delivery.event_id,
            depth=delivery.depth + 1,
        ) as scope:
            return _prepare_in_scope(delivery, scope)
    except DatabaseError as error:
        connections.close_all()
        return given_back(
            delivery, f"The database did not answer: {error}", wait_seconds=_PAUSE_AFTER_FAILURE_SECONDS
        )
    except (
        Exception
    ) as error:  # the hook dispatch boundary: whatever the arguments are made from, the others go on
        logger.exception("Delivery %s of plugin %s could not be prepared", delivery.id, delivery.plugin)
        return _failed(
            delivery,
            AttemptOutcome.FAILED,
            f"The hook's arguments could not be made: {type(error).__name__}: {error}",
        )


def _prepare_in_scope(delivery: ClaimedDelivery, scope: Scope) -> _Call | AttemptResult:
    entry = tenant_plugins(delivery.tenant_id).get(delivery.plugin)
    match readiness(entry, delivery.hook):
        case Readiness.OFF:
            return _skipped(delivery, "disabled")
        case Readiness.PAUSED:
            return _paused(delivery)
        case Readiness.UNABLE:
            why = f"Plugin {delivery.plugin} is on, but cannot run: see its page or `manage.py plugin check`."
            wait = min(_LONGEST_UNABLE_SECONDS, _UNABLE_SECONDS * delivery.attempt)
            return given_back(delivery, why, wait_seconds=wait)
    assert entry is not None  # it is ready
    event = delivery.event()
    handler = next(
        (
            found
            for found in handlers_of_plugin(event, delivery.plugin)
            if stored_key(found.key) == delivery.hook
        ),
        None,
    )
    if handler is None:
        return _failed(
            delivery,
            AttemptOutcome.FAILED,
            f"Plugin {delivery.plugin} has no handler {delivery.hook} any more.",
            dead_reason="no_handler",
        )
    if is_event_handler(handler):
        arguments: tuple[Any, ...] = (record_event(event, slug=delivery.tenant_slug),)
    else:
        context = context_of_event(
            event,
            slug=delivery.tenant_slug,
            plan=delivery.tenant_plan,
            metadata=event_metadata(event, delivery_id=delivery.id, attempt=delivery.attempt),
        )
        arguments = event_arguments(handler.hook, event, context)

    hold_seconds = handler.time_limit_seconds + _PROBE_MARGIN_SECONDS
    is_probe = entry.is_half_open
    if is_probe and not take_probe(delivery.plugin, hold_seconds=hold_seconds):
        return _paused(delivery)

    def bind(called: Handler) -> AbstractContextManager[None]:
        return delivery_surroundings(scope, entry, called.hook, delivery.id, delivery.correlation_id)

    return _Call(handler=handler, arguments=arguments, bind=bind, is_probe=is_probe)


def _paused(delivery: ClaimedDelivery) -> AttemptResult:
    return given_back(delivery, "The plugin is paused.", wait_seconds=_PAUSE_AFTER_FAILURE_SECONDS)


def _failed(
    delivery: ClaimedDelivery,
    attempt_outcome: AttemptOutcome,
    error: str,
    *,
    run: HookRun | None = None,
    dead_reason: str = "",
) -> AttemptResult:
    failures = delivery.failures + 1
    if not dead_reason and run is not None and run.permanent:
        dead_reason = "permanent"
    if not dead_reason and failures >= MAX_FAILURES:
        dead_reason = "attempts"
    return AttemptResult(
        id=delivery.id,
        token=delivery.token,
        attempt_outcome=attempt_outcome,
        outcome=DeliveryOutcome.DEAD if dead_reason else None,
        outcome_reason=dead_reason,
        wait_seconds=0.0
        if dead_reason
        else wait_seconds(failures, asked_seconds=run.retry_after_seconds if run is not None else None),
        counts_as_failure=True,
        error=error,
        log=run.lines if run is not None else (),
    )


def _skipped(delivery: ClaimedDelivery, reason: str) -> AttemptResult:
    return AttemptResult(
        id=delivery.id,
        token=delivery.token,
        attempt_outcome=AttemptOutcome.SKIPPED,
        outcome=DeliveryOutcome.SKIPPED,
        outcome_reason=reason,
    )


def _first_error(run: HookRun) -> str:
    return next(
        (line.message for line in run.lines if line.level in {"ERROR", "CRITICAL"}), "It logged an error."
    )
