"""A dispatcher of the test's own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from plugin_host.deliveries.claiming import ClaimedDelivery
from plugin_host.deliveries.finishing import AttemptResult
from plugin_host.deliveries.source import DeliverySource, Run
from plugin_host.worker.dispatcher import Dispatcher, DispatcherSettings

QUICK = DispatcherSettings(slots=4, lease_seconds=5, poll_seconds=0.1, blocked_seconds=30)


@contextmanager
def dispatching(
    run: Run, settings: DispatcherSettings = QUICK, **options: Callable[..., object]
) -> Iterator[Dispatcher[ClaimedDelivery, AttemptResult]]:
    dispatcher = Dispatcher(
        DeliverySource(run),
        worker="test",
        settings=settings,
        **options,  # type: ignore[arg-type]
    )
    dispatcher.start()
    try:
        yield dispatcher
    finally:
        dispatcher.stop(grace_seconds=10)


def wait_until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("the condition was not met in time")
        pause.wait(0.01)
