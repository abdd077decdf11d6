"""The worker's note that it took a message, by which the supervisor tells a living worker from a stuck one."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import redis

logger = logging.getLogger(__name__)

PROGRESS_KEY: Final = "{prefix}-worker-progress"
NOTE_SECONDS: Final = 5.0
KEEP_SECONDS: Final = 3600


def queue_key(prefix: str, queue: str = "default") -> str:
    """The list in which Celery keeps a queue's messages (see `global_keyprefix` in the settings)."""
    return f"{prefix}-celery-{queue}"


class ProgressNote:
    """Writes the time of the last message, every few seconds at most."""

    def __init__(self, url: str, prefix: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._key = PROGRESS_KEY.format(prefix=prefix)
        self._written_at = 0.0

    def write(self, **kwargs: Any) -> None:
        """Receiver of Celery's `task_received`, which the worker's main process sends."""
        now = time.monotonic()
        if now - self._written_at < NOTE_SECONDS:
            return
        self._written_at = now
        try:
            self._client.set(self._key, f"{time.time():.3f}", ex=KEEP_SECONDS)
        except redis.RedisError as error:
            logger.warning("The worker's progress could not be noted: %s", error)


def note_progress(url: str, prefix: str) -> None:
    """Have this worker note its progress; called once, where the Celery application is made."""
    # Not above: the supervisor reads the names in here and would pay a third of a second for Celery.
    from celery.signals import task_received

    task_received.connect(ProgressNote(url, prefix).write, weak=False, dispatch_uid="note worker progress")
