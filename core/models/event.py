"""The log of what happened."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from core.tenancy.models import TenantOwned


class Event(TenantOwned):
    """Something that happened to a tenant's content; written with the change, in the same transaction.

    Its place in the log comes after the fact: see `core.services.event_log`.
    """

    tenant_privileges = "SELECT, INSERT, UPDATE (position)"

    type = models.CharField(max_length=60, help_text="record.created, record.published, …")
    collection_name = models.CharField(max_length=63, blank=True)
    record_id = models.UUIDField(null=True)
    record_version = models.PositiveIntegerField(null=True)
    payload = models.JSONField(
        default=dict, help_text="State at this version, enough for hooks that run late."
    )
    actor = models.CharField(max_length=120)
    actor_label = models.CharField(max_length=254, blank=True)
    correlation_id = models.UUIDField(default=uuid.uuid4)
    causation_id = models.UUIDField(null=True)
    depth = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    position = models.BigIntegerField(
        null=True, editable=False, help_text="Place in the tenant's log; given when the log is read."
    )

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "position"], name="core_event_position_key"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="core_event_created_idx"),
            models.Index(fields=["tenant", "record_id", "-created_at"], name="core_event_record_idx"),
            models.Index(
                fields=["tenant", "created_at", "id"],
                condition=models.Q(position__isnull=True),
                name="core_event_unplaced_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.record_id or ''}".strip()
