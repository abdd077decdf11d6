"""How the plugin's deployments fare, told from what it has kept."""

from __future__ import annotations

from typing import Final

from plugin_host.hooks.health_monitor import HealthStatus

from .models import Deployment
from .states import State, Trouble

_BAD: Final = {State.ERROR: HealthStatus.UNHEALTHY, State.UNKNOWN: HealthStatus.DEGRADED}


def last_deployment() -> tuple[HealthStatus, str]:
    """Return how the last deployment went; one that is not at its end counts only where something holds it up."""
    held_up = Deployment.objects.filter(finished_at=None).exclude(trouble="").order_by("-asked_at").first()
    if held_up is not None:
        refused = held_up.trouble == Trouble.REFUSED
        return (HealthStatus.UNHEALTHY if refused else HealthStatus.DEGRADED), held_up.error
    last = Deployment.objects.exclude(finished_at=None).order_by("-asked_at").first()
    if last is None:
        return HealthStatus.HEALTHY, "Nothing has been deployed yet."
    state = State(last.state)
    said = f"The last deployment, of {last.asked_at:%Y-%m-%d %H:%M} UTC, is {state.label.lower()}."
    return _BAD.get(state, HealthStatus.HEALTHY), f"{said} {last.error}".strip()
