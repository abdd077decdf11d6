"""The dispatcher of this worker process, and the sweep."""

from __future__ import annotations

import os
import socket
import threading
from typing import Final

from django.conf import settings

from core.logging import get_logger
from plugin_host.deliveries.claiming import ClaimedDelivery
from plugin_host.deliveries.doorbell import doorbell
from plugin_host.deliveries.execution import punish_blocking_hook, worker_runner
from plugin_host.deliveries.finishing import AttemptResult, count_due, recover_lost_leases
from plugin_host.deliveries.source import DeliverySource
from plugin_host.worker.dispatcher import Dispatcher, DispatcherSettings

logger = get_logger(__name__)

# The supervisor waits longer than that before it kills.
GRACE_SECONDS: Final = 15.0
# Any status but 0: Celery replaces a pool process that ends, whatever its status says.
_WORN_OUT_STATUS: Final = 70

_lock = threading.Lock()
_dispatcher: Dispatcher[ClaimedDelivery, AttemptResult] | None = None
_dispatcher_pid = 0


def start_dispatcher() -> Dispatcher[ClaimedDelivery, AttemptResult]:
    """Return the dispatcher of this process, started; there is one."""
    global _dispatcher, _dispatcher_pid
    with _lock:
        if _dispatcher is None or _dispatcher_pid != os.getpid():
            runner = worker_runner()
            _dispatcher = Dispatcher(
                DeliverySource(),
                worker=f"{socket.gethostname()}:{os.getpid()}",
                settings=DispatcherSettings(
                    slots=settings.DELIVERY_SLOTS, lease_seconds=settings.DELIVERY_LEASE_SECONDS
                ),
                is_worn_out=lambda: runner.is_worn_out,
                on_worn_out=_replace_worn_out_process,
                on_blocked=_replace_blocked_process,
                on_full=doorbell.ring,
            )
            _dispatcher_pid = os.getpid()
            _dispatcher.start()
        return _dispatcher


def stop_dispatcher() -> None:
    """Claim no more, let running hooks end, give the rest back."""
    global _dispatcher
    with _lock:
        dispatcher, _dispatcher = _dispatcher, None
    if dispatcher is not None and _dispatcher_pid == os.getpid():
        dispatcher.stop(grace_seconds=GRACE_SECONDS)


def wake_dispatcher() -> None:
    """Have this process look for due deliveries."""
    start_dispatcher().wake()


def sweep_deliveries() -> None:
    """Recover lost leases and make sure that somebody sees to what is due."""
    for delivery_id in recover_lost_leases():
        logger.warning("Delivery %s lost its process and starts again.", delivery_id)
    due = count_due()
    if due:
        wake_dispatcher()
    if due > settings.DELIVERY_SLOTS:
        doorbell.ring()


def _replace_worn_out_process() -> None:
    logger.warning("Too many hooks of this process do not return; it is replaced by a new one.")
    os._exit(_WORN_OUT_STATUS)


def _replace_blocked_process(delivery: ClaimedDelivery | None) -> None:
    punish_blocking_hook(delivery)
    os._exit(_WORN_OUT_STATUS)
