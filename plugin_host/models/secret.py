"""Secrets of plugins, sealed; see `plugin_host.encryption`."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.tenancy.models import TenantOwned
from plugin_host.models.settings import MAX_PLUGIN_ID_LENGTH


class TenantDataKey(TenantOwned):
    """A key that seals the tenant's secrets, itself wrapped under one of the installation's master keys."""

    tenant_privileges = "SELECT, INSERT"

    key_id = models.CharField(max_length=16, help_text="Named in every secret that it seals.")
    master_key_id = models.CharField(max_length=64)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key_id"], name="plugin_host_datakey_key"),
        ]

    def __str__(self) -> str:
        return self.key_id


class PluginSecret(TenantOwned):
    """One secret of one plugin; its value leaves the database sealed and is opened for running plugin code only."""

    plugin_id = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    key = models.CharField(max_length=200)
    sealed = models.BinaryField()
    data_key_id = models.CharField(max_length=16)
    fingerprint = models.CharField(max_length=8, help_text="By which people recognise the value.")
    set_by = models.CharField(max_length=254, blank=True)
    set_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "plugin_id", "key"], name="plugin_host_pluginsecret_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plugin_id} {self.key}"
