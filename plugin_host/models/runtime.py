"""What `plugin_host.runtime` keeps for plugins."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.tenancy.models import TenantOwned


class OnceKey(TenantOwned):
    """An effect that a plugin has claimed; whoever made the row may bring it about."""

    tenant_privileges = "SELECT, INSERT"

    plugin = models.CharField(max_length=63)
    once_scope = models.CharField(max_length=200, help_text="The delivery, or the slot of a schedule.")
    key = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "plugin", "once_scope", "key"], name="plugin_host_oncekey_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plugin} {self.key}"


class StoreEntry(TenantOwned):
    """A value that a plugin keeps for a tenant."""

    plugin = models.CharField(max_length=63)
    key = models.CharField(max_length=200)
    value = models.TextField(help_text="JSON.")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "plugin", "key"], name="plugin_host_storeentry_key"),
        ]

    def __str__(self) -> str:
        return f"{self.plugin} {self.key}"
