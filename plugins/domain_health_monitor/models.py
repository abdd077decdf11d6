"""The plugin's tables: how each domain fares, and each change that counted."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.models import PluginModel

HOST_MAX_LENGTH = 253


class WatchedDomain(PluginModel):
    """How a domain fares.

    `status` is what counts; `observed` is what the last look found, which counts once enough looks in a row agree.
    """

    host = models.CharField(max_length=HOST_MAX_LENGTH)
    status = models.CharField(max_length=10, default=HealthStatus.UNKNOWN.value)
    status_since = models.DateTimeField(default=timezone.now)
    observed = models.CharField(max_length=10, default=HealthStatus.UNKNOWN.value)
    # How many looks in a row said that it is better, or worse, than `status`.
    disagreeing = models.PositiveSmallIntegerField(default=0)
    looked_for = models.CharField(max_length=64, default="", blank=True)
    checked_at = models.DateTimeField(default=timezone.now)
    message = models.TextField(default="", blank=True)
    response_time_ms = models.FloatField(null=True)
    certificate_until = models.DateTimeField(null=True)

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "host"], name="plugin_domain_health_host_key"),
        ]

    def __str__(self) -> str:
        return self.host


class StatusChange(PluginModel):
    """A change of a domain's state that counted; the record of who was told."""

    # The host's event, the same however often its delivery is tried.
    event_id = models.UUIDField()
    host = models.CharField(max_length=HOST_MAX_LENGTH)
    previous = models.CharField(max_length=10)
    current = models.CharField(max_length=10)
    message = models.TextField(default="", blank=True)
    changed_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)
    announced_at = models.DateTimeField(null=True)

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "event_id"], name="plugin_domain_health_event_key"),
        ]
        indexes = [
            models.Index(fields=["tenant", "host", "-changed_at"], name="plugin_domain_health_change_ix"),
        ]

    def __str__(self) -> str:
        return f"{self.host}: {self.previous} → {self.current}"
