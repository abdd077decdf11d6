"""Health in words, colours and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse

from plugin_host.health.selectors import CheckState
from plugin_host.health.verdicts import PluginHealth
from plugin_host.hooks.health_monitor import HealthSeverity, HealthStatus
from plugin_host.models.health import HealthReason, HealthResult, HealthTrouble, HealthVerdict

STATUSES: Final[Mapping[HealthStatus, tuple[str, str]]] = {
    HealthStatus.HEALTHY: ("Healthy", "is-good"),
    HealthStatus.DEGRADED: ("Degraded", "is-warn"),
    HealthStatus.UNHEALTHY: ("Unhealthy", "is-bad"),
    HealthStatus.UNKNOWN: ("Unknown", ""),
}
_TROUBLES: Final[Mapping[str, tuple[str, str]]] = {
    HealthTrouble.NOT_READY: ("Not ready", "is-warn"),
    HealthTrouble.AUTH_FAILED: ("Credentials refused", "is-bad"),
    HealthTrouble.BROKEN: ("Broken", "is-bad"),
}
_SEVERITIES: Final[Mapping[str, str]] = {
    HealthSeverity.INFO: "Info",
    HealthSeverity.WARNING: "Warning",
    HealthSeverity.CRITICAL: "Critical",
}


def health_badge(health: PluginHealth | None) -> tuple[str, str]:
    """Return label and look of a plugin's badge; empty where none of its checks has come to a verdict."""
    return STATUSES[health.worst] if health is not None else ("", "")


def shown_check(plugin_id: str, state: CheckState, strip: Iterable[str] = ()) -> dict[str, Any]:
    """Return what the templates show of one check at one target.

    Args:
        strip: The last statuses, the oldest first.
    """
    verdict = state.verdict
    label, look = _badge(verdict) if verdict is not None else ("Not run yet", "")
    if state.is_switched_off:
        label, look = "Switched off", ""
    query = urlencode({"check": state.check_id, "target": state.target})
    return {
        "state": state,
        "verdict": verdict,
        "label": label,
        "look": look,
        "severity": _SEVERITIES[state.severity],
        "details": [_detail(one) for one in verdict.details] if verdict is not None else [],
        "is_auth": verdict is not None and verdict.trouble == HealthTrouble.AUTH_FAILED,
        "strip": [_short_bar(place, status) for place, status in enumerate(strip)],
        "url": f"{reverse('admin:plugin_health_check', args=[plugin_id])}?{query}",
    }


def shown_result(result: HealthResult) -> dict[str, Any]:
    """Return what the table of results shows of one."""
    label, look = _badge(result)
    return {
        "result": result,
        "label": label,
        "look": look,
        "reason": HealthReason(result.reason).label,
        "details": [_detail(one) for one in result.details],
    }


def counts_in_words(statuses: Sequence[str]) -> str:
    """Return how often each status was found: "280 healthy, 8 unhealthy"."""
    found = [(status, statuses.count(status)) for status in HealthStatus]
    return ", ".join(f"{count} {status.value}" for status, count in found if count)


def _badge(row: HealthVerdict | HealthResult) -> tuple[str, str]:
    if row.trouble in _TROUBLES:
        return _TROUBLES[row.trouble]
    return STATUSES[HealthStatus(row.status)]


def _detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    label, look = STATUSES[HealthStatus(detail["status"])]
    return {**detail, "label": label, "look": look, "severity": _SEVERITIES[detail["severity"]]}


# Not by colour alone: the worse, the higher.
BAR_HEIGHTS: Final[Mapping[str, int]] = {
    HealthStatus.UNHEALTHY: 20,
    HealthStatus.DEGRADED: 14,
    HealthStatus.HEALTHY: 8,
    HealthStatus.UNKNOWN: 3,
}


def _short_bar(place: int, status: str) -> dict[str, Any]:
    height = BAR_HEIGHTS[status]
    return {"x": place * 4, "y": 20 - height, "height": height, "status": status}
