"""Schedules in words."""

from __future__ import annotations

from typing import Final

from cronsim import CronSim, CronSimError
from django.utils import timezone

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def schedule_in_words(*, cron_expression: str, interval_seconds: int | None, zone: str) -> str:
    """Return a schedule as people say it: "At 06:00 every day (Europe/Vienna)", "Every 5 minutes"."""
    if interval_seconds is not None:
        return f"Every {_duration(interval_seconds)}"
    try:
        told = CronSim(cron_expression, timezone.now()).explain()
    except (CronSimError, ValueError):
        told = cron_expression
    return f"{told} ({zone})"


def _duration(seconds: int) -> str:
    for size, unit in _UNITS:
        if seconds == size:
            return unit
        if seconds % size == 0:
            return f"{seconds // size} {unit}s"
    raise AssertionError("every number of seconds is one of seconds")
