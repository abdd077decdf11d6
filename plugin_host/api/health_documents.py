"""Health as documents, and their schemas."""

from __future__ import annotations

from typing import Any, Final

from core.api.documents import answer_schema
from core.selectors.content_state import timestamp
from plugin_host.health.running import AskedCheck
from plugin_host.health.selectors import CheckState, HealthOverview
from plugin_host.hooks.health_monitor import HealthSeverity, HealthStatus
from plugin_host.models.health import HealthReason, HealthResult, HealthTrouble

_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "string", "format": "uuid"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_NUMBER_OR_NONE: Final = {"type": ["number", "null"]}
_STATUS: Final = {"type": "string", "enum": [one.value for one in HealthStatus]}
_SEVERITY: Final = {"type": "string", "enum": [one.value for one in HealthSeverity]}
DETAIL: Final = answer_schema(
    {
        "check_id": _TEXT,
        "status": _STATUS,
        "severity": _SEVERITY,
        "message": _TEXT,
        "response_time_ms": _NUMBER_OR_NONE,
    }
)
_FOUND: Final = {
    "trouble": {"type": ["string", "null"], "enum": [*HealthTrouble.values, None]},
    "message": _TEXT,
    "details": {"type": "array", "items": DETAIL},
    "response_time_ms": _NUMBER_OR_NONE,
    "retry_after_seconds": _NUMBER_OR_NONE,
}
CHECK: Final = answer_schema(
    {
        "check": _TEXT,
        "target": _TEXT,
        "name": _TEXT,
        "description": _TEXT,
        "status": _STATUS,
        "severity": _SEVERITY,
        **_FOUND,
        "duration_ms": _NUMBER_OR_NONE,
        "checked_at": _MOMENT_OR_NONE,
        "since": _MOMENT_OR_NONE,
        "next_run_at": _MOMENT_OR_NONE,
        "is_waiting": {"type": "boolean"},
        "switched_off": {"type": "boolean"},
    }
)
RESULT: Final = answer_schema(
    {
        "id": _ID,
        "check": _TEXT,
        "target": _TEXT,
        "status": _STATUS,
        "severity": _SEVERITY,
        **_FOUND,
        "duration_ms": {"type": "number"},
        "checked_at": _MOMENT,
        "reason": {"type": "string", "enum": HealthReason.values},
    }
)
ASKED: Final = answer_schema(
    {"data": {"type": "array", "items": answer_schema({"check": _TEXT, "target": _TEXT, "run": _ID})}}
)
CHECKS: Final = answer_schema({"data": {"type": "array", "items": CHECK}})
_CURSOR: Final = {"type": ["string", "null"]}
HEALTH: Final = answer_schema(
    {
        "plugin": _TEXT,
        "status": _STATUS,
        "runs": {"type": "boolean"},
        "why_not": _TEXT,
        "problem": _TEXT,
        "checks": {"type": "array", "items": CHECK},
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
        "problem": overview.problem,
        "checks": [check_document(one) for one in overview.checks],
    }


def check_document(state: CheckState) -> dict[str, Any]:
    """Return how one check fares at one target."""
    verdict = state.verdict
    return {
        "check": state.check_id,
        "target": state.target,
        "name": state.name,
        "description": state.description,
        "status": state.status.value,
        "severity": state.severity.value,
        "trouble": (verdict.trouble or None) if verdict is not None else None,
        "message": verdict.message if verdict is not None else "",
        "details": verdict.details if verdict is not None else [],
        "response_time_ms": verdict.response_time_ms if verdict is not None else None,
        "retry_after_seconds": verdict.retry_after_seconds if verdict is not None else None,
        "duration_ms": verdict.duration_ms if verdict is not None else None,
        "checked_at": timestamp(verdict.checked_at) if verdict is not None else None,
        "since": timestamp(verdict.status_since) if verdict is not None else None,
        "next_run_at": timestamp(state.next_run_at),
        "is_waiting": state.is_waiting,
        "switched_off": state.is_switched_off,
    }


def result_document(result: HealthResult) -> dict[str, Any]:
    """Return what one run found."""
    return {
        "id": str(result.pk),
        "check": result.check_id,
        "target": result.target,
        "status": result.status,
        "severity": result.severity,
        "trouble": result.trouble or None,
        "message": result.message,
        "details": result.details,
        "response_time_ms": result.response_time_ms,
        "retry_after_seconds": result.retry_after_seconds,
        "duration_ms": result.duration_ms,
        "checked_at": timestamp(result.checked_at),
        "reason": result.reason,
    }


def asked_document(asked: AskedCheck) -> dict[str, Any]:
    """Return a check that a worker runs now."""
    return {"check": asked.check_id, "target": asked.target, "run": str(asked.run.pk)}
