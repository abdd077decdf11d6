"""Who did what in the administration; nobody can change it through the application."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.ids import uuid7
from core.tenancy.models import TenantOwned


class _AuditFields(models.Model):
    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.CharField(max_length=120, help_text="kind:id of who did it")
    actor_label = models.CharField(max_length=254, blank=True)
    action = models.CharField(max_length=80, help_text="plugin.enabled, record.updated, member.added, …")
    target_type = models.CharField(max_length=80, blank=True)
    target_id = models.CharField(max_length=120, blank=True)
    summary = models.CharField(max_length=500, blank=True)
    detail = models.JSONField(default=dict)
    correlation_id = models.UUIDField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.action} {self.summary}"


class AuditEntry(_AuditFields, TenantOwned):
    """An entry that one tenant's administrators may read."""

    tenant_privileges = "SELECT, INSERT"

    class Meta(TenantOwned.Meta):
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["tenant", "-at", "-id"], name="core_audit_at_idx")]


class PlatformAuditEntry(_AuditFields):
    """An entry about the installation itself, for its operators."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        verbose_name_plural = "platform audit entries"
        indexes = [models.Index(fields=["-at"], name="core_platform_audit_at_idx")]
