"""What health checks found: the verdict that holds, and the results behind it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.tenancy.models import TenantOwned
from plugin_host.models.schedule import MAX_ITEM_ID_LENGTH, MAX_TARGET_LENGTH


class HealthVerdictStatus(models.TextChoices):
    """As `plugin_host.hooks.health_monitor.HealthStatus`."""

    HEALTHY = "healthy", "Healthy"
    DEGRADED = "degraded", "Degraded"
    UNHEALTHY = "unhealthy", "Unhealthy"
    UNKNOWN = "unknown", "Unknown"


class HealthTrouble(models.TextChoices):
    """Why a check came to no verdict of its own and counts as unhealthy."""

    NOT_READY = "not_ready", "Not ready"
    AUTH_FAILED = "auth_failed", "Credentials refused"
    BROKEN = "broken", "Broken"


class HealthReason(models.TextChoices):
    SCHEDULE = "schedule", "By schedule"
    MANUAL = "manual", "By hand"


class _HealthColumns(TenantOwned):
    """What a result says, and the verdict made from it."""

    plugin = models.CharField(max_length=63)
    check_id = models.CharField(max_length=MAX_ITEM_ID_LENGTH)
    target = models.CharField(max_length=MAX_TARGET_LENGTH, help_text="A domain, or what the check names.")
    status = models.CharField(max_length=12, choices=HealthVerdictStatus)
    severity = models.CharField(max_length=12, help_text="How much the check's failure matters.")
    trouble = models.CharField(
        max_length=12,
        choices=HealthTrouble,
        blank=True,
        help_text="Empty where the check itself gave the verdict.",
    )
    message = models.TextField(blank=True, help_text="The finding that decides, or what went wrong.")
    details = models.JSONField(default=list, help_text="All findings.")
    response_time_ms = models.FloatField(null=True, help_text="The slowest that the check reports.")
    duration_ms = models.FloatField(help_text="How long the check itself ran.")
    retry_after_seconds = models.FloatField(null=True, help_text="What NotReady asked for.")
    checked_at = models.DateTimeField(default=timezone.now, help_text="When the run began.")

    class Meta(TenantOwned.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.check_id} {self.target}: {self.status}"


class HealthVerdict(_HealthColumns):
    """How a check of a plugin fares at one target: its newest result, and since when the status holds."""

    definition = models.JSONField(default=dict, help_text="The check, as it was when it ran.")
    result_id = models.UUIDField(help_text="The result that it comes from.")
    status_since = models.DateTimeField(default=timezone.now)
    changes = models.PositiveIntegerField(default=0, help_text="How many changes of status were told.")

    class Meta(_HealthColumns.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "plugin", "check_id", "target"], name="plugin_host_healthverdict_key"
            ),
        ]


class HealthResult(_HealthColumns):
    """One run of a check; its id is the run's `execution_id`."""

    tenant_privileges = "SELECT, INSERT"

    reason = models.CharField(max_length=12, choices=HealthReason, default=HealthReason.SCHEDULE)

    class Meta(_HealthColumns.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "plugin", "check_id", "target", "-id"], name="plugin_host_health_series_idx"
            ),
            models.Index(fields=["tenant", "plugin", "-id"], name="plugin_host_health_plugin_idx"),
        ]
