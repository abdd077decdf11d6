"""What a tenant, and the platform below it, has set for each plugin."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.ids import uuid7
from core.tenancy.models import TenantOwned

MAX_PLUGIN_ID_LENGTH = 63


class PluginState(models.TextChoices):
    """What a tenant wants of a plugin; whether it can run as well is `plugin_host.state.PluginStatus`."""

    AVAILABLE = "available", "Available"
    ENABLED = "enabled", "Enabled"
    PAUSED = "paused", "Paused"
    DISABLED = "disabled", "Disabled"


class PluginSettings(TenantOwned):
    """One plugin for one tenant: on or off, and its configuration, which outlives being off.

    `revision` grows with every change of state, configuration or secrets; each process makes a new instance for it.
    """

    plugin_id = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    state = models.CharField(max_length=12, choices=PluginState, default=PluginState.AVAILABLE)
    paused_reason = models.CharField(max_length=500, blank=True)
    paused_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True, help_text="Empty: until somebody resumes it.")
    paused_by = models.CharField(max_length=254, blank=True)
    paused_by_breaker = models.BooleanField(
        default=False, db_default=False, help_text="Whether the pause ends with a run that goes well."
    )
    probe_until = models.DateTimeField(
        null=True, help_text="Until then one run has the turn to show whether the plugin works again."
    )
    config = models.JSONField(default=dict, help_text="What the tenant has set, without defaults.")
    config_version = models.PositiveIntegerField(default=1, help_text="The plugin's, when it was stored.")
    fail_open = models.BooleanField(
        default=False, help_text="Whether its gates let an operation through when they fail."
    )
    revision = models.PositiveIntegerField(default=1)
    changed_by = models.CharField(max_length=254, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        db_table = "plugin_settings"
        verbose_name_plural = "plugin settings"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "plugin_id"], name="plugin_settings_plugin_key"),
        ]

    def __str__(self) -> str:
        return f"{self.plugin_id}: {self.state}"


class PluginConfigRevision(TenantOwned):
    """A configuration as it was saved; nobody can change it through the application."""

    tenant_privileges = "SELECT, INSERT"

    plugin_id = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    number = models.PositiveIntegerField(help_text="The settings' revision that it made.")
    config = models.JSONField()
    config_version = models.PositiveIntegerField()
    changed_by = models.CharField(max_length=254, blank=True)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "plugin_id", "number"], name="plugin_host_configrevision_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plugin_id} {self.number}"


class PlatformPluginSettings(models.Model):
    """What the installation sets for a plugin, below every tenant's own configuration.

    All tenants may read it, so secrets stand in it only as references to the environment: `{"$env": "NAME"}`.
    """

    plugin_id = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH, primary_key=True)
    config = models.JSONField(default=dict)
    config_version = models.PositiveIntegerField(
        default=1, db_default=1, help_text="The plugin's, when it was stored."
    )
    secrets = models.JSONField(default=dict, help_text='Key -> {"$env": "NAME"}')
    revision = models.PositiveIntegerField(default=1)
    changed_by = models.CharField(max_length=254, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "platform_plugin_settings"
        verbose_name_plural = "platform plugin settings"

    def __str__(self) -> str:
        return self.plugin_id


class PlatformConfigRevision(models.Model):
    """A configuration of the platform as it was saved; nobody can change it through the application."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plugin_id = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    number = models.PositiveIntegerField(help_text="The platform settings' revision that it made.")
    config = models.JSONField()
    config_version = models.PositiveIntegerField()
    changed_by = models.CharField(max_length=254, blank=True)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plugin_id", "number"], name="plugin_host_platformrevision_key"),
        ]

    def __str__(self) -> str:
        return f"{self.plugin_id} {self.number}"
