"""How far a deployment is, and what holds it up."""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices


class DeploymentState(TextChoices):
    """How far a deployment is; a service says one of those from `QUEUED` to `CANCELED`."""

    WAITING = "waiting", "Not started yet"
    STARTED = "started", "Started"
    QUEUED = "queued", "Queued"
    BUILDING = "building", "Building"
    READY = "ready", "Ready"
    ERROR = "error", "Failed"
    CANCELED = "canceled", "Canceled"
    UNKNOWN = "unknown", "Not known how it ended"


# It was taken by the service, and has not ended.
UNDER_WAY: Final = (DeploymentState.STARTED, DeploymentState.QUEUED, DeploymentState.BUILDING)


class DeploymentTrouble(TextChoices):
    """What holds a deployment up."""

    PASSING = "passing", "It is tried again"
    LIMITED = "limited", "The service asks to wait"
    REFUSED = "refused", "Somebody has to do something"
