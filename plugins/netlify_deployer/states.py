"""How far a deployment is, and what holds it up."""

from __future__ import annotations

from typing import Final

from django.db.models import TextChoices


class State(TextChoices):
    WAITING = "waiting", "Not started yet"
    STARTED = "started", "Started"
    QUEUED = "queued", "Queued"
    BUILDING = "building", "Building"
    READY = "ready", "Ready"
    ERROR = "error", "Failed"
    CANCELED = "canceled", "Canceled"
    UNKNOWN = "unknown", "Not known how it ended"


ACTIVE: Final = (State.STARTED, State.QUEUED, State.BUILDING)


class Trouble(TextChoices):
    PASSING = "passing", "It is tried again"
    LIMITED = "limited", "The service asks to wait"
    REFUSED = "refused", "Somebody has to do something"
