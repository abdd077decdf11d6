"""Deliveries as work for a dispatcher."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from plugin_host.deliveries.claiming import ClaimedDelivery, claim_deliveries
from plugin_host.deliveries.execution import run_delivery
from plugin_host.deliveries.finishing import AttemptResult, finish_attempts, given_back, renew_leases
from plugin_host.worker.source import ClaimRequest, Lease

Run = Callable[[ClaimedDelivery], Awaitable[AttemptResult]]


class DeliverySource:
    """Implements `plugin_host.worker.source.WorkSource`.

    Args:
        run: Makes one delivery; must not raise.
    """

    name = "deliveries"

    def __init__(self, run: Run = run_delivery) -> None:
        self._run = run

    def claim(self, request: ClaimRequest) -> list[ClaimedDelivery]:
        """Lease due deliveries of all tenants."""
        return claim_deliveries(
            request.limit,
            worker=request.worker,
            lease_seconds=request.lease_seconds,
            running=request.running,
            slow=request.slow,
            limits=request.limits,
            with_suspect=request.with_suspect,
        )

    async def run(self, work: ClaimedDelivery) -> AttemptResult:
        """Make one delivery."""
        return await self._run(work)

    def finish(self, results: Sequence[AttemptResult]) -> set[UUID]:
        """Write how attempts ended."""
        return finish_attempts(results)

    def renew(self, leases: Sequence[Lease], *, lease_seconds: float) -> None:
        """Keep leases."""
        renew_leases(leases, lease_seconds=lease_seconds)

    def given_back(self, work: ClaimedDelivery, why: str) -> AttemptResult:
        """Return the result of an attempt that says nothing about the plugin."""
        return given_back(work, why)
