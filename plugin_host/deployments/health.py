"""How a deployer's deployments fare, told from what it has kept."""

from __future__ import annotations

from typing import Final

from plugin_host.deployments.history import History
from plugin_host.deployments.states import DeploymentState, DeploymentTrouble
from plugin_host.hooks.health_monitor import HealthStatus

_BAD: Final = {
    DeploymentState.ERROR: HealthStatus.UNHEALTHY,
    DeploymentState.UNKNOWN: HealthStatus.DEGRADED,
}


def last_deployment(history: History) -> tuple[HealthStatus, str]:
    """Return how the last deployment went; one that is not at its end counts only where something holds it up."""
    held_up = history.last_held_up()
    if held_up is not None:
        refused = held_up.trouble == DeploymentTrouble.REFUSED
        return (HealthStatus.UNHEALTHY if refused else HealthStatus.DEGRADED), held_up.error
    last = history.last_finished()
    if last is None:
        return HealthStatus.HEALTHY, "Nothing has been deployed yet."
    state = DeploymentState(last.state)
    said = f"The last deployment, of {last.asked_at:%Y-%m-%d %H:%M} UTC, is {state.label.lower()}."
    return _BAD.get(state, HealthStatus.HEALTHY), f"{said} {last.error}".strip()
