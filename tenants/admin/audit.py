"""The audit logs: read only."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from core.admin.model_admin import ServiceModelAdmin
from core.models import AuditEntry
from tenants.admin_site import on_tenant_site


@on_tenant_site(AuditEntry)
class AuditEntryAdmin(ServiceModelAdmin):
    """Who did what in this tenant's administration."""

    actions_needed: ClassVar[dict[str, str]] = {"view": "audit.read"}
    list_title = "Audit log"
    list_display = ("at", "who", "action", "summary")
    list_filter = ("action",)
    search_fields = ("summary", "actor_label")
    ordering = ("-at", "-id")
    fields = (
        "at",
        "actor",
        "actor_label",
        "action",
        "target_type",
        "target_id",
        "summary",
        "detail",
        "correlation_id",
    )

    @admin.display(description="Who", ordering="actor_label")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_label or entry.actor
