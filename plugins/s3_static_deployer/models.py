"""What the plugin knows of a tenant's bucket, and what CloudFront is still to be told."""

from __future__ import annotations

from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.utils import timezone

from plugin_host.models import PluginModel


class SiteObject(PluginModel):
    """One address of the site, and the object that stands for it in the bucket.

    A row outlives its object: it says whose page stood there, so that the address can lead to where that page is now.
    """

    NOTHING: ClassVar[str] = ""
    FILE: ClassVar[str] = "file"
    REDIRECT: ClassVar[str] = "redirect"

    # Bucket and folder. Rows of another place are left alone when the configuration changes.
    place = models.CharField(max_length=300)
    path = models.CharField(max_length=1000)
    key = models.CharField(max_length=1300)
    record_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=10, blank=True, default="")
    redirect_to = models.CharField(max_length=1000, blank=True, default="")
    # Of the body, and of the headers beside it: what is the same in both is not stored again.
    sha256 = models.CharField(max_length=64, blank=True, default="")
    headers = models.CharField(max_length=64, blank=True, default="")
    etag = models.CharField(max_length=200, blank=True, default="")
    size_bytes = models.BigIntegerField(default=0)
    stored_at = models.DateTimeField(null=True)
    # False while somebody works on the object, and after they died of it: then nobody knows what stands there.
    is_sure = models.BooleanField(default=True)
    # Something has changed since the object was stored; `revision` tells this change from the next.
    is_stale = models.BooleanField(default=False)
    revision = models.UUIDField(default=uuid4)
    worker = models.UUIDField(null=True)
    worked_on_until = models.DateTimeField(null=True)
    # CloudFront is to be told.
    is_to_invalidate = models.BooleanField(default=False)
    # The comparison of everything that looked at it last.
    compared_in = models.CharField(max_length=64, blank=True, default="")

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "place", "path"], name="plugin_s3_static_deployer_path_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "place"],
                name="plugin_s3_stale_idx",
                condition=models.Q(is_stale=True),
            ),
            models.Index(
                fields=["tenant", "place"],
                name="plugin_s3_invalidate_idx",
                condition=models.Q(is_to_invalidate=True),
            ),
            models.Index(fields=["tenant", "record_id"], name="plugin_s3_record_idx"),
        ]

    def __str__(self) -> str:
        return self.path


class Invalidation(PluginModel):
    """One invalidation: which addresses CloudFront is told, once, however often it is asked."""

    distribution_id = models.CharField(max_length=20)
    caller_reference = models.CharField(max_length=100)
    paths = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True)
    cloudfront_id = models.CharField(max_length=100, blank=True, default="")
    problem = models.CharField(max_length=1000, blank=True, default="")

    class Meta(PluginModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="plugin_s3_invalidation_idx"),
        ]

    def __str__(self) -> str:
        return self.caller_reference
