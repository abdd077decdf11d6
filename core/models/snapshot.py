"""What the public sees."""

from __future__ import annotations

from django.db import models

from core.models.collection import Collection
from core.models.record import Record
from core.tenancy.models import TenantOwned, TenantRelation


class PublishedSnapshot(TenantOwned):
    """One published record, prepared for reading. Public reads touch this table alone, so no draft can leak."""

    record = TenantRelation(Record, on_delete=models.CASCADE, related_name="snapshots")
    collection = TenantRelation(Collection, on_delete=models.CASCADE, related_name="snapshots")
    collection_name = models.CharField(max_length=63)
    slug = models.CharField(max_length=200)
    locale = models.CharField(max_length=20, blank=True, default="")
    title = models.CharField(max_length=500, blank=True)
    path = models.CharField(
        max_length=300, help_text="Path of its page on the tenant's host; empty without pages."
    )
    version = models.PositiveIntegerField()
    document = models.TextField(help_text="The JSON that the delivery API answers, as text.")
    etag = models.CharField(max_length=66)
    page_html = models.TextField(blank=True, help_text="The rendered body of the page.")
    excerpt = models.TextField(blank=True)
    is_public = models.BooleanField(
        default=True, help_text="Copied from the collection, so that reads need no join."
    )
    published_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "record"], name="core_snapshot_record_key"),
            models.UniqueConstraint(
                fields=["tenant", "collection_name", "locale", "slug"], name="core_snapshot_slug_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "collection_name", "-published_at", "-record"],
                name="core_snapshot_published_idx",
            ),
            models.Index(fields=["tenant", "path"], name="core_snapshot_path_idx"),
        ]

    def __str__(self) -> str:
        return self.title or self.slug
