"""Health as documents, and their schemas."""

from __future__ import annotations

from typing import Any, Final

from core.api.documents import answer_schema
from core.selectors.content_state import timestamp
from plugin_host.health.selectors import HealthOverview
from plugin_host.hooks.health_monitor import HealthSeverity, HealthStatus
from plugin_host.models.health import HealthReason, HealthResult, HealthTrouble, HealthVerdict

_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "string", "format": "uuid"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_NUMBER_OR_NONE: Final = {"type": ["number", "null"]}
_STATUS: Final = {"type": "string", "enum": [one.value for one in HealthStatus]}
_SEVERITY: Final = {"type": "string", "enum": [one.value for one in HealthSeverity]}
_DETAIL: Final = answer_schema(
    {
        "check_id": _TEXT,
        "status": _STATUS,
        "severity": _SEVERITY,
        "message": _TEXT,
        "response_time_ms": _NUMBER_OR_NONE,
    }
)
_FOUND: Final = {
    "check": _TEXT,
    "target": _TEXT,
    "status": _STATUS,
    "severity": _SEVERITY,
    "trouble": {"type": ["string", "null"], "enum": [*HealthTrouble.values, None]},
    "message": _TEXT,
    "details": {"type": "array", "items": _DETAIL},
    "response_time_ms": _NUMBER_OR_NONE,
    "duration_ms": {"type": "number"},
    "retry_after_seconds": _NUMBER_OR_NONE,
    "checked_at": _MOMENT,
}
VERDICT: Final = answer_schema({**_FOUND, "name": _TEXT, "description": _TEXT, "since": _MOMENT})
RESULT: Final = answer_schema(
    {**_FOUND, "id": _ID, "reason": {"type": "string", "enum": HealthReason.values}}
)
RESULTS: Final = answer_schema({"data": {"type": "array", "items": RESULT}})
_CURSOR: Final = {"type": ["string", "null"]}
HEALTH: Final = answer_schema(
    {
        "plugin": _TEXT,
        "status": _STATUS,
        "runs": {"type": "boolean"},
        "why_not": _TEXT,
        "checks": {"type": "array", "items": VERDICT},
        "data": {"type": "array", "items": RESULT},
        "next": _CURSOR,
        "previous": _CURSOR,
        "total": {"type": ["integer", "null"]},
    }
)


def overview_document(overview: HealthOverview) -> dict[str, Any]:
    """Return how a plugin fares."""
    return {
        "plugin": overview.plugin_id,
        "status": overview.worst.value,
        "runs": not overview.why_not,
        "why_not": overview.why_not,
        "checks": [verdict_document(verdict) for verdict in overview.verdicts],
    }


def verdict_document(verdict: HealthVerdict) -> dict[str, Any]:
    """Return how one check fares at one target."""
    return {
        **_found(verdict),
        "name": verdict.definition.get("name", verdict.check_id),
        "description": verdict.definition.get("description", ""),
        "since": timestamp(verdict.status_since),
    }


def result_document(result: HealthResult) -> dict[str, Any]:
    """Return what one run found."""
    return {**_found(result), "id": str(result.pk), "reason": result.reason}


def _found(row: HealthResult | HealthVerdict) -> dict[str, Any]:
    return {
        "check": row.check_id,
        "target": row.target,
        "status": row.status,
        "severity": row.severity,
        "trouble": row.trouble or None,
        "message": row.message,
        "details": row.details,
        "response_time_ms": row.response_time_ms,
        "duration_ms": row.duration_ms,
        "retry_after_seconds": row.retry_after_seconds,
        "checked_at": timestamp(row.checked_at),
    }
