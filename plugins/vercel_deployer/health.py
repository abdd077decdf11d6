"""How the plugin's deployments fare, told from what it has kept."""

from __future__ import annotations

from typing import Final

from plugin_host.hooks.health_monitor import HealthCheckDetail, HealthSeverity, HealthStatus

from .models import Deployment
from .states import State, Trouble

CHECK: Final = "vercel-deployer.deployments"
_BAD: Final = {State.ERROR: HealthStatus.UNHEALTHY, State.UNKNOWN: HealthStatus.DEGRADED}


def last_deployment() -> HealthCheckDetail:
    """Return how the last deployment went; one that waits or is on its way counts only where something holds it up."""
    held_up = Deployment.objects.filter(finished_at=None).exclude(trouble="").order_by("-asked_at").first()
    if held_up is not None:
        refused = held_up.trouble == Trouble.REFUSED
        return _detail(HealthStatus.UNHEALTHY if refused else HealthStatus.DEGRADED, held_up.error)
    last = Deployment.objects.exclude(finished_at=None).order_by("-asked_at").first()
    if last is None:
        return _detail(HealthStatus.HEALTHY, "Nothing has been deployed yet.")
    label = State(last.state).label.lower()
    said = f"The last deployment, of {last.asked_at:%Y-%m-%d %H:%M} UTC, is: {label}."
    return _detail(_BAD.get(State(last.state), HealthStatus.HEALTHY), f"{said} {last.error}".strip())


def _detail(status: HealthStatus, message: str) -> HealthCheckDetail:
    severity = HealthSeverity.INFO if status is HealthStatus.HEALTHY else HealthSeverity.WARNING
    return HealthCheckDetail(CHECK, status, severity, message)
