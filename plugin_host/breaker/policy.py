"""From when on a plugin is paused, for how long, and the words for it; see docs/adr for the reasons."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from django.conf import settings
from django.db import models

# The same error from many tenants' plugins must not bring all their probes back at the same moment.
_JITTER: Final = 0.1
_MAX_ERROR_CHARACTERS: Final = 300


class BreakerCause(models.TextChoices):
    FAILURES = "failures", "failures in a row"
    TIMEOUTS = "timeouts", "runs in a row out of time"
    SLOW_RUNS = "slow_runs", "slow runs in a row"
    CRASHES = "crashes", "deliveries that killed their process"
    BLOCKED = "blocked", "a blocked event loop"


class BreakerCounts(Protocol):
    """What is counted for one plugin of one tenant, since its last success."""

    failures: int
    timeouts: int
    slow_runs: int
    crashes: int
    last_error: str
    last_run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When the breaker pauses a plugin, and for how long.

    Args:
        failures: How many runs in a row may fail; 0 means any number, here and below.
        timeouts: How many in a row may run out of time.
        slow_runs: How many in a row may be slow.
        crashes: How many deliveries in a row may end because they killed their process three times.
        slow_share: Which part of its time limit a run may take without being slow.
        first_wait_seconds: The first pause; each further one is twice as long.
        longest_wait_seconds: No pause is longer.
    """

    failures: int
    timeouts: int
    slow_runs: int
    crashes: int
    slow_share: float
    first_wait_seconds: float
    longest_wait_seconds: float

    def cause(self, counts: BreakerCounts) -> BreakerCause | None:
        """Return why a plugin has to be paused, or None."""
        found: Mapping[BreakerCause, tuple[int, int]] = {
            BreakerCause.CRASHES: (counts.crashes, self.crashes),
            BreakerCause.TIMEOUTS: (counts.timeouts, self.timeouts),
            BreakerCause.FAILURES: (counts.failures, self.failures),
            BreakerCause.SLOW_RUNS: (counts.slow_runs, self.slow_runs),
        }
        return next((cause for cause, (count, limit) in found.items() if 0 < limit <= count), None)

    def longest_pause_seconds(self, openings: int) -> float:
        """Return how long the pause after so many openings without a success is, without jitter."""
        doubled = self.first_wait_seconds * 2.0 ** min(openings - 1, 30)
        return float(min(self.longest_wait_seconds, doubled))

    def pause_seconds(self, openings: int) -> float:
        """Return the same, spread by a tenth."""
        return self.longest_pause_seconds(openings) * random.uniform(1 - _JITTER, 1 + _JITTER)


def breaker_policy() -> BreakerPolicy:
    """Return what the installation's settings say."""
    return BreakerPolicy(
        failures=settings.BREAKER_FAILURES,
        timeouts=settings.BREAKER_TIMEOUTS,
        slow_runs=settings.BREAKER_SLOW_RUNS,
        crashes=settings.BREAKER_CRASHES,
        slow_share=settings.BREAKER_SLOW_SHARE,
        first_wait_seconds=settings.BREAKER_FIRST_WAIT_SECONDS,
        longest_wait_seconds=settings.BREAKER_LONGEST_WAIT_SECONDS,
    )


def reason_in_words(cause: BreakerCause, counts: BreakerCounts, *, slow_share: float) -> str:
    """Return why a plugin is paused, for people."""
    error = f": {counts.last_error[:_MAX_ERROR_CHARACTERS]}" if counts.last_error else ""
    match cause:
        case BreakerCause.FAILURES:
            return f"{_runs(counts.failures)} failed, the last of {counts.last_run}{error}"
        case BreakerCause.TIMEOUTS:
            return f"{_runs(counts.timeouts)} took longer than allowed, the last of {counts.last_run}{error}"
        case BreakerCause.SLOW_RUNS:
            taken = f"took more than {slow_share:.0%} of the time allowed"
            return f"{_runs(counts.slow_runs)} {taken}, the last of {counts.last_run}"
        case BreakerCause.CRASHES:
            many = (
                "A delivery" if counts.crashes == 1 else f"{counts.crashes} deliveries in a row, the last one"
            )
            return f"{many} of {counts.last_run}, killed the processes that ran them"
        case BreakerCause.BLOCKED:
            return counts.last_error[:_MAX_ERROR_CHARACTERS] or f"{counts.last_run} blocked the event loop"


def probe_in_words(what: str, error: str) -> str:
    """Return why a plugin stays paused after its probe, for people."""
    return f"It was tried again with {what}, which failed: {error[:_MAX_ERROR_CHARACTERS]}"


def _runs(count: int) -> str:
    return "A run" if count == 1 else f"{count} runs in a row"
