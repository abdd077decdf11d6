"""The tables of a deployer: what changed, and the deployments that took it to the site.

Each deployer has its own two, as `Deployment` and `Change` in its `models.py`:

    from plugin_host.deployments.models import DeploymentChange, DeploymentRecord

    class Deployment(DeploymentRecord): ...
    class Change(DeploymentChange): ...
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

from plugin_host.deployments.states import DeploymentState, DeploymentTrouble
from plugin_host.models import PluginModel, TenantRelation

__all__ = ["DeploymentChange", "DeploymentRecord"]


class DeploymentRecord(PluginModel):
    """One deployment; while it waits, it is the wish for one that the service has not accepted yet."""

    state = models.CharField(max_length=10, choices=DeploymentState, default=DeploymentState.WAITING)
    asked_at = models.DateTimeField(default=timezone.now, help_text="When it was first tried to start it.")
    accepted_at = models.DateTimeField(
        null=True, help_text="When the service took it, by its clock if it says."
    )
    finished_at = models.DateTimeField(null=True)
    remote_id = models.CharField(max_length=100, blank=True)
    url = models.URLField(max_length=400, blank=True)
    details_url = models.URLField(max_length=400, blank=True, help_text="Its page at the service.")
    error = models.TextField(blank=True)
    trouble = models.CharField(max_length=8, choices=DeploymentTrouble, blank=True)
    tries = models.PositiveIntegerField(default=0, help_text="Requests that may have started it.")
    next_try_at = models.DateTimeField(default=timezone.now)

    if TYPE_CHECKING:
        changes: (
            Any  # the manager of what it has taken to the site; the stubs know one of concrete models only
        )

    class Meta(PluginModel.Meta):
        abstract = True
        # Django names it: plugins' ids may be longer than an index's name.
        indexes = [models.Index(fields=["tenant", "-asked_at"])]

    def __str__(self) -> str:
        return f"{self.remote_id or self.pk} {self.state}"

    @property
    def took(self) -> str:
        """How long it took, from the first try to its end: `1:20`; empty where nobody knows."""
        if self.finished_at is None or self.state == DeploymentState.STARTED:
            return ""
        minutes, seconds = divmod(round((self.finished_at - self.asked_at).total_seconds()), 60)
        return f"{minutes}:{seconds:02}"

    @property
    def since(self) -> datetime:
        """From when on the service can know of it."""
        return self.accepted_at or self.asked_at


class DeploymentChange(PluginModel):
    """Something that has to be deployed; without a deployment it still waits for one."""

    # A name without an app is looked for in the app of the class that derives from this one.
    deployment = TenantRelation(  # type: ignore[misc]  # there is none in this app
        "Deployment",
        null=True,
        on_delete=models.CASCADE,
        related_name="changes",
    )
    key = models.UUIDField(help_text="The event, or the run of a task; the same when it is told again.")
    event = models.CharField(max_length=40, help_text="The type of the event; manual where a person asked.")
    content_id = models.CharField(max_length=64, blank=True)
    collection = models.CharField(max_length=100, blank=True)
    title = models.CharField(max_length=200, blank=True)
    noted_at = models.DateTimeField(default=timezone.now)

    class Meta(PluginModel.Meta):
        abstract = True
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="%(app_label)s_change_key")]
        indexes = [models.Index(fields=["tenant", "deployment", "noted_at"])]

    def __str__(self) -> str:
        return f"{self.event} {self.title}".strip()
