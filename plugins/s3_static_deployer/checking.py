"""Whether bucket, keys and distribution are as they should be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from plugin_host.errors import AuthFailed, PluginError
from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)

from .answers import as_trouble

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

BUCKET: Final = HealthCheckDefinition(
    check_id="s3-static-deployer.bucket",
    name="Bucket",
    target="bucket",
    severity=HealthSeverity.CRITICAL,
    description="Whether the bucket is there, the keys are good, and the last deployment went well.",
    interval_seconds=600,
    timeout_seconds=60,
)


def look_at_distribution(client: CloudFrontClient, distribution_id: str) -> None:
    """See whether the distribution is there.

    Raises:
        PluginError: It is not, or the keys may not see it.
    """
    with as_trouble("CloudFront", f"looking at the distribution {distribution_id}"):
        client.get_distribution(Id=distribution_id)


def tried(name: str, good: str, call: Callable[[], None]) -> HealthCheckDetail:
    """Return how something went.

    Args:
        name: What was tried: `bucket`.
        good: What to say where it works.
    """
    begun = time.monotonic()
    try:
        call()
    except PluginError as error:
        status, severity, message = HealthStatus.UNHEALTHY, HealthSeverity.CRITICAL, error.message
        if not isinstance(error, AuthFailed) and not error.permanent:
            status, severity = HealthStatus.DEGRADED, HealthSeverity.WARNING
    else:
        status, severity, message = HealthStatus.HEALTHY, HealthSeverity.INFO, good
    return HealthCheckDetail(
        check_id=f"s3-static-deployer.{name}",
        status=status,
        severity=severity,
        message=message,
        response_time_ms=(time.monotonic() - begun) * 1000,
    )


def summed_up(details: list[HealthCheckDetail], target: str) -> HealthCheckResult:
    """Return the worst of what was found as the whole."""
    order = [HealthStatus.UNHEALTHY, HealthStatus.DEGRADED, HealthStatus.UNKNOWN, HealthStatus.HEALTHY]
    worst = min((detail.status for detail in details), key=order.index)
    return HealthCheckResult(domain=target, overall_status=worst, details=details)
