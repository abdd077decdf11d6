"""Whether the endpoints can be reached, without sending them a message, and which are paused or take nothing.

A `HEAD` request, unsigned: receivers that take signed POST requests only answer 401, 404 or 405, which shows as well as
any other answer that somebody is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import httpx

from plugin_host import http
from plugin_host.errors import PluginError
from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)

from .answers import shown
from .config import Endpoint

if TYPE_CHECKING:
    from .models import EndpointState

TIMEOUT_SECONDS: Final = 10.0
# Two that fail one after the other happen to everybody; they are tried again within a minute.
FAILING_TRIES: Final = 3
RECEIVERS: Final = HealthCheckDefinition(
    check_id="webhooks.receivers",
    name="Receivers",
    target="receivers",
    severity=HealthSeverity.WARNING,
    description="Whether every endpoint answers and takes its messages, and none is paused; no message is sent.",
    interval_seconds=300,
    timeout_seconds=30,
)


async def check_receivers(
    endpoints: Sequence[Endpoint], states: Mapping[str, EndpointState], waiting: Mapping[str, int]
) -> HealthCheckResult:
    """Ask each endpoint whether it is there; some that fail degrade the whole, all that fail break it.

    Args:
        waiting: How many messages wait, by endpoint.
    """
    async with http.client(timeout=TIMEOUT_SECONDS) as client:
        details = await asyncio.gather(
            *(_checked(client, one, states.get(one.name), waiting.get(one.name, 0)) for one in endpoints)
        )
    statuses = {detail.status for detail in details}
    if statuses <= {HealthStatus.HEALTHY}:
        overall = HealthStatus.HEALTHY
    elif statuses == {HealthStatus.UNHEALTHY}:
        overall = HealthStatus.UNHEALTHY
    else:
        overall = HealthStatus.DEGRADED
    return HealthCheckResult(domain=RECEIVERS.target, overall_status=overall, details=details)


async def _checked(
    client: httpx.AsyncClient, endpoint: Endpoint, state: EndpointState | None, waiting: int
) -> HealthCheckDetail:
    if state is None or state.paused_at is None:
        asked = await _asked(client, endpoint.url)
        if state is None or state.failures < FAILING_TRIES or asked.status is not HealthStatus.HEALTHY:
            return asked
        said = f"takes no messages since {state.failing_since:%Y-%m-%d %H:%M} UTC and {waiting} wait: "
        return _detail(endpoint.url, HealthStatus.DEGRADED, said + state.last_problem, name=endpoint.name)
    by_itself = not state.paused_by
    said = f"is paused since {state.paused_at:%Y-%m-%d %H:%M} UTC and {waiting} messages wait"
    said += f": {state.paused_reason}" if state.paused_reason else "."
    return _detail(
        endpoint.url, HealthStatus.UNHEALTHY if by_itself else HealthStatus.DEGRADED, said, name=endpoint.name
    )


async def _asked(client: httpx.AsyncClient, url: str) -> HealthCheckDetail:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            response = await client.head(
                url, headers={"user-agent": "Tenantry-Webhooks/1.0"}, follow_redirects=False
            )
    except TimeoutError:
        return _detail(url, HealthStatus.UNHEALTHY, f"did not answer within {TIMEOUT_SECONDS:g} seconds")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _detail(url, HealthStatus.UNHEALTHY, f"could not be reached ({type(error).__name__}: {error})")
    except PluginError as error:
        return _detail(url, HealthStatus.UNHEALTHY, f"is not called ({error})")
    took = (time.monotonic() - begun) * 1000
    status, said = _read(response.status_code)
    return _detail(url, status, said, took)


def _read(status: int) -> tuple[HealthStatus, str]:
    if status == 410:
        return HealthStatus.UNHEALTHY, "answered 410: it wants no more messages, take it out"
    if 300 <= status < 400:
        return (
            HealthStatus.DEGRADED,
            f"answered {status}, and redirects are not followed: write the final address",
        )
    if status >= 500 and status != 501:
        return HealthStatus.DEGRADED, f"answered {status}"
    return HealthStatus.HEALTHY, f"answered {status}"


def _detail(
    url: str, status: HealthStatus, said: str, took_ms: float | None = None, *, name: str = ""
) -> HealthCheckDetail:
    return HealthCheckDetail(
        check_id=RECEIVERS.check_id,
        status=status,
        severity=HealthSeverity.INFO if status is HealthStatus.HEALTHY else HealthSeverity.WARNING,
        message=f"{name or shown(url)} {said}",
        response_time_ms=took_ms,
    )
