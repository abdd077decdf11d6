"""A check with a past."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from plugin_host.deliveries.partitions import first_key_of
from plugin_host.health.findings import Finding
from plugin_host.health.recording import record_finding
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthStatus
from plugin_host.models import HealthResult
from tests.plugin_host.health.test_execution import run_of

_numbers = itertools.count(1)


def key_at(moment: datetime) -> UUID:
    """Return the key that a row made at `moment` has."""
    return UUID(int=first_key_of(moment).int | next(_numbers))


def past_results(
    check: HealthCheckDefinition,
    statuses: Iterable[HealthStatus],
    *,
    every: timedelta = timedelta(minutes=5),
    until: datetime | None = None,
    ms: Iterable[float | None] = itertools.repeat(40.0),
) -> list[HealthResult]:
    """Record that a check found these, the last one just now, for the tenant in scope."""
    found = list(statuses)
    start = (until or timezone.now()) - every * len(found)
    plugin = check.check_id.partition(".")[0]
    results = []
    for place, (status, took) in enumerate(zip(found, ms, strict=False), start=1):
        moment = start + every * place
        run = run_of(plugin, check, execution_id=key_at(moment), started_at=moment)
        finding = Finding(status=status, duration_ms=55.0, response_time_ms=took, message=str(status))
        results.append(record_finding(run, finding).result)
    return results
