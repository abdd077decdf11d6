"""Records and their history."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from core.models.collection import Collection
from core.tenancy.models import TenantOwned, TenantRelation


class RecordState(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    CHANGED = "changed", "Changed"  # published, and the working copy differs from what is live
    TRASHED = "trashed", "In the trash"


class Record(TenantOwned):
    """A piece of content: its identity and its working copy. What is live stands in `PublishedSnapshot`."""

    collection = TenantRelation(Collection, on_delete=models.PROTECT, related_name="records")
    slug = models.CharField(max_length=200)
    locale = models.CharField(max_length=20, blank=True, default="")
    title = models.CharField(max_length=500, blank=True)
    data = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=12, choices=RecordState, default=RecordState.DRAFT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    source_path = models.CharField(
        max_length=500, blank=True, help_text="File it was imported from, relative to the imported folder."
    )
    source_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of that file, in hex.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "collection", "locale", "slug"], name="core_record_slug_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "collection", "-updated_at", "-id"], name="core_record_updated_idx"
            ),
            models.Index(
                fields=["tenant", "collection", "source_path"],
                name="core_record_source_idx",
                condition=~models.Q(source_path=""),
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.slug


class Revision(TenantOwned):
    """A copy of a record as it was at one version; never changed."""

    tenant_privileges = "SELECT, INSERT, DELETE"

    record = TenantRelation(Record, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField()
    title = models.CharField(max_length=500, blank=True)
    slug = models.CharField(max_length=200)
    locale = models.CharField(max_length=20, blank=True, default="")
    data = models.JSONField(default=dict)
    action = models.CharField(max_length=20, help_text="created, updated, published, unpublished, restored")
    actor = models.CharField(max_length=120, help_text="kind:id of who did it")
    actor_label = models.CharField(max_length=254, blank=True)
    comment = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        indexes = [
            models.Index(fields=["tenant", "record", "-version"], name="core_revision_record_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.title or self.slug} v{self.version}"
