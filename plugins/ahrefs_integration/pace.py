"""Not too many requests in a minute.

Source: "Introduction" of the documentation of Ahrefs' API: 60 requests a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

# Below Ahrefs' 60: the key may be used elsewhere too.
REQUESTS: Final = 50
SECONDS: Final = 60.0


class Pace:
    """When the last requests of one key were made, in this process."""

    def __init__(self, *, requests: int = REQUESTS, seconds: float = SECONDS) -> None:
        self._requests = requests
        self._seconds = seconds
        self._made: deque[float] = deque(maxlen=requests)

    async def wait(self) -> None:
        """Wait until another request may be made, and count it."""
        seconds = self.wait_seconds(time.monotonic())
        # Counted before the wait, so that those that wait at the same time take turns.
        self._made.append(time.monotonic() + seconds)
        if seconds:
            await asyncio.sleep(seconds)

    def wait_seconds(self, now: float) -> float:
        """Return for how long to wait from now on.

        Args:
            now: On the clock of `time.monotonic`.
        """
        if len(self._made) < self._requests:
            return 0.0
        return max(0.0, self._made[0] + self._seconds - now)
