"""Whether the key is good, for how long, and what is left of its units."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Final

from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)

from .client import BASE_UNITS, Ahrefs, Limits
from .config import AhrefsConfig, Feature
from .syncing import utc_today

KEY: Final = HealthCheckDefinition(
    check_id="ahrefs-integration.key",
    name="API key",
    target="Ahrefs",
    severity=HealthSeverity.CRITICAL,
    description="Whether the API key is good, when it ends, and what is left of its units. Costs none.",
    interval_seconds=3600,
    timeout_seconds=60,
)
# Somebody has to make a new key by then.
WARNED_DAYS: Final = 14


async def check_key(ahrefs: Ahrefs, config: AhrefsConfig, *, with_project: bool = False) -> HealthCheckResult:
    """Ask for the key's limits, and, where that is wanted, for one row of the Rank Tracker project.

    Raises:
        AuthFailed: The key is refused.
        NotReady: Ahrefs asks to wait.
        PluginError: It does not answer as it should.
    """
    begun = time.monotonic()
    limits = await ahrefs.limits()
    took = (time.monotonic() - begun) * 1000
    if with_project and Feature.RANKINGS in config.features:
        await ahrefs.rankings(config, day=utc_today(), limit=1)
    status, message = verdict(limits, today=utc_today())
    detail = HealthCheckDetail(
        check_id=KEY.check_id,
        status=status,
        severity=HealthSeverity.INFO if status is HealthStatus.HEALTHY else HealthSeverity.WARNING,
        message=message,
        response_time_ms=took,
    )
    return HealthCheckResult(domain=KEY.target, overall_status=status, details=[detail])


def verdict(limits: Limits, *, today: date) -> tuple[HealthStatus, str]:
    """Return what the limits of a key mean, in words."""
    plan = limits.subscription or "The subscription"
    if limits.left is not None and limits.left < BASE_UNITS:
        until = f" until {limits.resets_on.isoformat()}" if limits.resets_on is not None else ""
        return HealthStatus.DEGRADED, f"{plan}: no API units are left{until}."
    if limits.expires_on is not None and limits.expires_on - today <= timedelta(days=WARNED_DAYS):
        ends = limits.expires_on.isoformat()
        return (
            HealthStatus.DEGRADED,
            f"The API key ends on {ends}: make a new one and save it among the secrets.",
        )
    left = "no limit of API units" if limits.left is None else f"{limits.left:,} API units left"
    return HealthStatus.HEALTHY, f"{plan}: {left}."
