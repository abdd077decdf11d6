"""Checks of the services that a plugin watches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from plugin_host.identifiers import is_item_id, is_whole_number


class HealthStatus(StrEnum):
    """How something fares."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class HealthSeverity(StrEnum):
    """How much a failed check matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class HealthCheckDefinition:
    """A check that a plugin wants to have run.

    Args:
        check_id: The plugin's id, a dot and a name: `uptime.http-ping`.
        name: What people read.
        target: What is checked; empty means each domain of the tenant in turn.
        severity: How much its failure matters.
        description: What it looks at, for the admin.
        interval_seconds: Whole seconds between two runs.
        timeout_seconds: After how long a run counts as failed.
    """

    check_id: str
    name: str
    target: str = ""
    severity: HealthSeverity = HealthSeverity.WARNING
    description: str = ""
    interval_seconds: int = 300
    timeout_seconds: int = 30

    def __post_init__(self) -> None:
        if not is_item_id(self.check_id):
            raise ValueError(
                f"check_id must be the plugin's id, a dot and a name, such as 'my-plugin.ping', not {self.check_id!r}."
            )
        if not self.name:
            raise ValueError(f"Check {self.check_id} needs a name that people can read.")
        object.__setattr__(self, "severity", HealthSeverity(self.severity))
        for field in ("interval_seconds", "timeout_seconds"):
            value = getattr(self, field)
            if not is_whole_number(value, at_least=1):
                raise ValueError(
                    f"{field} of check {self.check_id} must be a whole number of at least 1, not {value!r}."
                )

    @property
    def check_type(self) -> str:
        """The part of the id after the plugin's: what `dvp_execute_health_check` gets."""
        return self.check_id.partition(".")[2]


@dataclass(frozen=True, slots=True)
class HealthCheckContext:
    """One run of a check.

    Args:
        execution_id: New for each run.
        domain: The domain that is checked.
        attempt: From 1.
        scheduled_time: When it was due.
    """

    execution_id: UUID
    domain: str
    attempt: int
    scheduled_time: datetime


@dataclass(frozen=True, slots=True)
class HealthCheckDetail:
    """One finding of a check.

    Args:
        check_id: The check, or a part of it.
        status: How it fares.
        severity: How much it matters.
        message: What was found, for people.
        response_time_ms: How long the other side took.
    """

    check_id: str
    status: HealthStatus
    severity: HealthSeverity
    message: str
    response_time_ms: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", HealthStatus(self.status))
        object.__setattr__(self, "severity", HealthSeverity(self.severity))


@dataclass(frozen=True, slots=True)
class HealthCheckResult:
    """What a check found.

    Args:
        domain: What was checked: the target, or empty. A result about another domain counts as unhealthy.
        overall_status: The verdict.
        details: The findings.
    """

    domain: str
    overall_status: HealthStatus
    details: Sequence[HealthCheckDetail] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "overall_status", HealthStatus(self.overall_status))
        object.__setattr__(self, "details", tuple(self.details))
        for detail in self.details:
            if not isinstance(detail, HealthCheckDetail):
                raise TypeError(f"details takes HealthCheckDetail values, not {detail!r}.")
