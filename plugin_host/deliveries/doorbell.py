"""Waking a worker once there is work, without making anybody wait for the broker.

Ringing sets a flag; a thread of this process sends the message. A broker that is frozen, full or gone holds up that
thread alone. A ring that gets lost is made good by the sweep: the message carries nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final

from celery import Celery
from django.conf import settings
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from core.logging import get_logger

logger = get_logger(__name__)

DISPATCH_TASK: Final = "plugin_host.tasks.dispatch"
# Rings within that time are one message.
_GATHER_SECONDS: Final = 0.02
_PAUSE_AFTER_FAILURE_SECONDS: Final = 2.0
# A bell that nobody heard for that long is of no use: the sweep was there before.
_EXPIRES_SECONDS: Final = 30


class Doorbell:
    """Sends one message for any number of rings that come close together.

    Args:
        send: Sends the message; may block.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._pid = 0

    def ring(self) -> None:
        """Have a worker look for due deliveries; returns at once."""
        if self._pid != os.getpid():
            self._start()
        self._wanted.set()

    def _start(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            # A forked child has the flag, but not the thread.
            self._wanted = threading.Event()
            self._pid = os.getpid()
            threading.Thread(target=self._serve, name="doorbell", daemon=True).start()

    def _serve(self) -> None:
        pause = threading.Event()
        while True:
            self._wanted.wait()
            pause.wait(_GATHER_SECONDS)
            self._wanted.clear()
            try:
                self._send()
            except (OperationalError, RedisError, OSError) as error:
                logger.warning("The broker does not take messages, the sweep will find the work: %s", error)
                pause.wait(_PAUSE_AFTER_FAILURE_SECONDS)


def _send_to_worker() -> None:
    # By name, because the application is wired above this package; and late, because it takes a third of a second
    # to import, which no command should pay that never rings.
    application: Celery = import_string(settings.CELERY_APPLICATION)
    application.send_task(DISPATCH_TASK, expires=_EXPIRES_SECONDS, retry=False, ignore_result=True)


doorbell = Doorbell(_send_to_worker)
