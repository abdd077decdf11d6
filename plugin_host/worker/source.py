"""What a dispatcher needs from the work that it keeps running: claim, run, finish, renew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

PluginOfTenant = tuple[UUID, str]
Lease = tuple[UUID, UUID]
"""Id of the work, and the token under which it is held."""


_NO_LIMIT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLimits:
    """How much of one process may belong to whom, so that a slot is left for the others.

    Args:
        per_tenant: Running work of one tenant.
        per_plugin: Running work of one plugin of one tenant.
        per_slow_plugin: The same, for plugins whose hooks take long.
        across_tenants: Running work of one plugin, that of all tenants together.
        slow_across_tenants: The same, for plugins whose hooks take long for any tenant. Above it any plugin's work
            comes after that of others.
    """

    per_tenant: int
    per_plugin: int
    per_slow_plugin: int
    across_tenants: int = _NO_LIMIT
    slow_across_tenants: int = _NO_LIMIT

    @classmethod
    def for_slots(cls, slots: int) -> ClaimLimits:
        """Return limits that leave a quarter to other tenants, and an eighth to the tenant's other plugins.

        However many tenants a plugin works for, it leaves an eighth to others, half where its hooks take long.
        """
        return cls(
            per_tenant=max(1, slots * 3 // 4),
            per_plugin=max(1, slots * 5 // 8),
            per_slow_plugin=max(1, slots // 4),
            across_tenants=max(1, slots - slots // 8),
            slow_across_tenants=max(1, slots // 2),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """What a process asks for when it has free slots.

    Args:
        limit: How much it can take.
        worker: Who claims: host and process, for people.
        running: Tenant and plugin of everything that the process runs already.
        slow: Tenants' plugins whose hooks take long; they get few slots.
        with_suspect: Whether one piece of work under which a process died may be among them.
    """

    limit: int
    worker: str
    lease_seconds: float
    running: Sequence[PluginOfTenant]
    slow: Collection[PluginOfTenant]
    limits: ClaimLimits
    with_suspect: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginShares:
    """How much each plugin runs in a process for all tenants together, and which may not have more.

    Args:
        slow: Plugins that are slow for some tenant.
        full: Plugins that run all that they may.
    """

    running: Counter[str]
    slow: frozenset[str]
    full: tuple[str, ...]

    @classmethod
    def of(
        cls, running: Iterable[PluginOfTenant], slow: Iterable[PluginOfTenant], limits: ClaimLimits
    ) -> PluginShares:
        """Return the shares of what runs."""
        counts = Counter(plugin for _, plugin in running)
        slow_ones = frozenset(plugin for _, plugin in slow)
        full = tuple(
            plugin
            for plugin, count in counts.items()
            if count >= (limits.slow_across_tenants if plugin in slow_ones else limits.across_tenants)
        )
        return cls(running=counts, slow=slow_ones, full=full)

    def parameters(self, limits: ClaimLimits) -> dict[str, object]:
        """Return what the statements that claim are told of it."""
        return {
            "share_plugins": list(self.running),
            "share_counts": list(self.running.values()),
            "share_slow": list(self.slow),
            "share_full": list(self.full),
            "share_most": limits.across_tenants,
            "share_half": limits.slow_across_tenants,
        }


class LeasedWork(Protocol):
    """One piece of work that is leased to this process, complete, so that running it needs no look at its row."""

    @property
    def id(self) -> UUID:
        """Names the work."""

    @property
    def token(self) -> UUID:
        """The lease."""

    @property
    def tenant_id(self) -> UUID:
        """Whose it is."""

    @property
    def plugin(self) -> str:
        """Whose code it runs."""

    @property
    def crashes(self) -> int:
        """How often a process died under it."""


class WorkResult(Protocol):
    """How one piece of work ended."""

    @property
    def id(self) -> UUID:
        """Names the work."""


class WorkSource[W: LeasedWork, R: WorkResult](Protocol):
    """One kind of work: its rows and its code. All but `run` are called outside of the event loop's thread."""

    @property
    def name(self) -> str:
        """Names threads and log lines: `deliveries`."""

    def claim(self, request: ClaimRequest) -> list[W]:
        """Lease what is due."""

    async def run(self, work: W) -> R:
        """Do one piece of work; must not raise but for cancellation."""

    def finish(self, results: Sequence[R]) -> set[UUID]:
        """Write how work ended; return the ids of that whose lease was still valid."""

    def renew(self, leases: Sequence[Lease], *, lease_seconds: float) -> None:
        """Keep leases."""

    def given_back(self, work: W, why: str) -> R:
        """Return the result of work that did not run to its end through no fault of its own: it is due again."""
