"""When a failed delivery is tried again."""

from __future__ import annotations

import random
from typing import Final

MAX_FAILURES: Final = 10
MAX_CRASHES: Final = 3
_FIRST_SECONDS: Final = 10.0
_GROWTH: Final = 4.0
_LONGEST_SECONDS: Final = 12 * 3600.0
_SHORTEST_SECONDS: Final = 1.0


def longest_wait_seconds(failures: int) -> float:
    """Return the upper bound of the wait after that many failures: 10 s, 40 s, 160 s … 12 h, 39 hours in all."""
    return float(min(_LONGEST_SECONDS, _FIRST_SECONDS * _GROWTH ** (failures - 1)))


def wait_seconds(failures: int, *, asked_seconds: float | None = None) -> float:
    """Return how long to wait before the next attempt; about a day lies between the first and the tenth.

    Anywhere up to the bound with equal chance, so that what failed together does not come back together.
    Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), full jitter.

    Args:
        asked_seconds: What the plugin asked for (`NotReady.retry_after`); spread by a tenth, never shortened.
    """
    if asked_seconds is not None:
        return min(asked_seconds, 24 * 3600.0) * random.uniform(1.0, 1.1)
    return max(_SHORTEST_SECONDS, random.uniform(0.0, longest_wait_seconds(failures)))
