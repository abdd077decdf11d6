"""The dispatchers of this worker process, the sweep and the clock's tick."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from core.logging import get_logger
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.deliveries.claiming import ClaimedDelivery
from plugin_host.deliveries.doorbell import doorbell
from plugin_host.deliveries.execution import punish_blocking_hook, worker_runner
from plugin_host.deliveries.finishing import AttemptResult, count_due, recover_lost_leases
from plugin_host.deliveries.source import DeliverySource
from plugin_host.scheduling.claiming import ClaimedRun
from plugin_host.scheduling.due import make_due
from plugin_host.scheduling.finishing import RunResult, count_due_runs, recover_lost_runs
from plugin_host.scheduling.running import schedule_runner
from plugin_host.scheduling.source import ScheduleSource, punish_blocking_run
from plugin_host.worker.dispatcher import Dispatcher, DispatcherSettings

logger = get_logger(__name__)

# The supervisor waits longer than that before it kills.
GRACE_SECONDS: Final = 15.0
# What runs beside a dispatcher whose process has to go gets that long.
_SHORT_GRACE_SECONDS: Final = 5.0
# Any status but 0: Celery replaces a pool process that ends, whatever its status says.
_WORN_OUT_STATUS: Final = 70

_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatchers:
    """What keeps one process busy; each has slots and hook threads of its own, so neither waits for the other."""

    deliveries: Dispatcher[ClaimedDelivery, AttemptResult]
    runs: Dispatcher[ClaimedRun, RunResult]
    pid: int

    def all(self) -> tuple[Dispatcher[Any, Any], ...]:
        """Return each."""
        return (self.deliveries, self.runs)


_dispatchers: Dispatchers | None = None


def start_dispatchers() -> Dispatchers:
    """Return the dispatchers of this process, started."""
    global _dispatchers
    with _lock:
        # A forked child has the object, but none of its threads.
        if _dispatchers is None or _dispatchers.pid != os.getpid():
            _dispatchers = _make_dispatchers()
            for dispatcher in _dispatchers.all():
                dispatcher.start()
        return _dispatchers


def _make_dispatchers() -> Dispatchers:
    worker = f"{socket.gethostname()}:{os.getpid()}"
    lease_seconds = settings.DELIVERY_LEASE_SECONDS
    return Dispatchers(
        deliveries=Dispatcher(
            DeliverySource(),
            worker=worker,
            settings=DispatcherSettings(slots=settings.DELIVERY_SLOTS, lease_seconds=lease_seconds),
            is_worn_out=lambda: worker_runner().is_worn_out,
            on_worn_out=lambda: _replace_worn_out_process("deliveries"),
            on_blocked=_replace_process_of_delivery,
            on_full=doorbell.ring,
        ),
        runs=Dispatcher(
            ScheduleSource(settings.SCHEDULE_SLOTS),
            worker=worker,
            settings=DispatcherSettings(slots=settings.SCHEDULE_SLOTS, lease_seconds=lease_seconds),
            is_worn_out=lambda: schedule_runner.is_worn_out,
            on_worn_out=lambda: _replace_worn_out_process("runs"),
            on_blocked=_replace_process_of_run,
            on_full=doorbell.ring,
        ),
        pid=os.getpid(),
    )


def stop_dispatchers() -> None:
    """Claim no more, let running hooks end, give the rest back."""
    global _dispatchers
    with _lock:
        found, _dispatchers = _dispatchers, None
    if found is not None and found.pid == os.getpid():
        _stop(found, grace_seconds=GRACE_SECONDS)


def wake_dispatchers() -> None:
    """Have this process look for due work."""
    for dispatcher in start_dispatchers().all():
        dispatcher.wake()


def sweep() -> None:
    """Recover lost leases and make sure that somebody sees to what is due."""
    for delivery_id in recover_lost_leases():
        logger.warning("Delivery %s lost its process and starts again.", delivery_id)
    for run_id in recover_lost_runs():
        logger.warning("Scheduled run %s lost its process and starts again.", run_id)
    _see_to(count_due(), count_due_runs())


def tick() -> None:
    """Make runs of everything whose time has come, for all tenants."""
    with platform_scope(PlatformWork.SCHEDULES):
        made = make_due()
    _see_to(0, made.runs)


def _see_to(deliveries: int, runs: int) -> None:
    if deliveries or runs:
        wake_dispatchers()
    if deliveries > settings.DELIVERY_SLOTS or runs > settings.SCHEDULE_SLOTS:
        doorbell.ring()


def _stop(dispatchers: Dispatchers, *, grace_seconds: float) -> None:
    """Stop all at once, so that they share the grace."""
    stopping = [
        threading.Thread(target=dispatcher.stop, kwargs={"grace_seconds": grace_seconds}, daemon=True)
        for dispatcher in dispatchers.all()
    ]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join()


def _replace_worn_out_process(which: str) -> None:
    logger.warning("Too many hooks of this process do not return; it is replaced by a new one.")
    _end_process(beside=which)


def _replace_process_of_delivery(delivery: ClaimedDelivery | None) -> None:
    punish_blocking_hook(delivery)
    _end_process(beside="deliveries")


def _replace_process_of_run(run: ClaimedRun | None) -> None:
    punish_blocking_run(run)
    _end_process(beside="runs")


def _end_process(*, beside: str) -> None:
    """End the process; what the other dispatcher runs is ended or given back first, so that it is not lost."""
    if _dispatchers is not None:
        other = _dispatchers.runs if beside == "deliveries" else _dispatchers.deliveries
        other.stop(grace_seconds=_SHORT_GRACE_SECONDS)
    os._exit(_WORN_OUT_STATUS)
