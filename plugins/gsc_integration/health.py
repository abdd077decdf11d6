"""Whether the service account can see the property."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from plugin_host.errors import AuthFailed
from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)

from .client import SearchConsole, Site

ACCESS: Final = HealthCheckDefinition(
    check_id="gsc-integration.access",
    name="Access",
    target="Search Console",
    severity=HealthSeverity.CRITICAL,
    description="Whether the service account's key is good, and the property among those that it may see.",
    interval_seconds=3600,
    timeout_seconds=60,
)
_UNVERIFIED: Final = "siteUnverifiedUser"
_SHOWN_SITES: Final = 20


async def check_access(console: SearchConsole, site: str, email: str) -> HealthCheckResult:
    """Ask for the account's properties, and look for the configured one.

    Raises:
        AuthFailed: The key is refused, or the property is not among them; the message says which are.
        NotReady: The quota is used up.
        PluginError: Search Console does not answer as it should.
    """
    begun = time.monotonic()
    sites = await console.sites()
    took = (time.monotonic() - begun) * 1000
    refusal = refusal_of(sites, site, email)
    if refusal:
        raise AuthFailed(refusal)
    permission = next(one.permission for one in sites if one.url == site)
    return result(HealthStatus.HEALTHY, f"{email} may read {site} ({permission}).", took)


def refusal_of(sites: Sequence[Site], site: str, email: str) -> str:
    """Return why the property cannot be read; an empty text where it can."""
    seen = {one.url: one.permission for one in sites}
    if seen.get(site, _UNVERIFIED) != _UNVERIFIED:
        return ""
    if site in seen:
        return f"{site} is not verified for {email}: add the address as a user, in Search Console under Settings."
    readable = sorted(url for url, permission in seen.items() if permission != _UNVERIFIED)
    if not readable:
        return f"{email} may see no property at all: add the address as a user, in Search Console under Settings."
    shown = ", ".join(readable[:_SHOWN_SITES]) + (", …" if len(readable) > _SHOWN_SITES else "")
    return (
        f"{email} may not see {site}. It may see: {shown}. "
        "Write one of these, or add the address as a user of the other."
    )


def result(status: HealthStatus, message: str, took_ms: float | None = None) -> HealthCheckResult:
    """Return what the check found."""
    healthy = status is HealthStatus.HEALTHY
    detail = HealthCheckDetail(
        check_id=ACCESS.check_id,
        status=status,
        severity=HealthSeverity.INFO if healthy else HealthSeverity.CRITICAL,
        message=message,
        response_time_ms=took_ms,
    )
    return HealthCheckResult(domain=ACCESS.target, overall_status=status, details=[detail])


def with_last_run(access: HealthCheckResult, state: object, *, site: str) -> HealthCheckResult:
    """Return what was found, worse where the last run of the task has failed.

    Args:
        state: What the task has kept of its last run.
    """
    if not isinstance(state, Mapping) or state.get("property") != site or state.get("kind") != "failed":
        return access
    failed = HealthCheckDetail(
        check_id=ACCESS.check_id,
        status=HealthStatus.DEGRADED,
        severity=HealthSeverity.WARNING,
        message=f"The last run failed: {state.get('message', '')}",
    )
    return HealthCheckResult(
        domain=access.domain, overall_status=HealthStatus.DEGRADED, details=[failed, *access.details]
    )
