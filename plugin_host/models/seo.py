"""Search metrics that plugins fed in, the patterns that were found in them, and what was done about those."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.tenancy.models import TenantOwned, TenantRelation
from plugin_host.hooks.seo_metrics import HIGH_CONFIDENCE
from plugin_host.models.settings import MAX_PLUGIN_ID_LENGTH

MAX_SOURCE_LENGTH = 60
MAX_DOMAIN_LENGTH = 253
MAX_SUBJECT_LENGTH = 1000
MAX_NOTE_LENGTH = 500
MAX_PATTERN_NAME_LENGTH = 100


class SEOMetrics(TenantOwned):
    """Metrics of one domain from one source, as they were received."""

    plugin = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH, help_text="The plugin that fed them in.")
    source = models.CharField(max_length=MAX_SOURCE_LENGTH)
    domain = models.CharField(max_length=MAX_DOMAIN_LENGTH)
    data = models.JSONField()
    metadata = models.JSONField(default=dict, help_text="What plugins added on the way.")
    received_at = models.DateTimeField()
    stored_at = models.DateTimeField(default=timezone.now, editable=False)
    searched_at = models.DateTimeField(null=True, help_text="When they were searched for patterns.")
    note = models.CharField(
        max_length=MAX_NOTE_LENGTH, blank=True, help_text="Why they, or parts of them, were not searched."
    )

    class Meta(TenantOwned.Meta):
        verbose_name = "search metrics"
        verbose_name_plural = "search metrics"
        indexes = [
            models.Index(
                fields=["tenant", "source", "domain", "-received_at"], name="plugin_host_seometrics_of"
            ),
            models.Index(
                fields=["stored_at"],
                condition=models.Q(searched_at=None),
                name="plugin_host_seometrics_left",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.domain}"


class SEOPattern(TenantOwned):
    """A pattern that was found; found again, its figures are those of the last time."""

    metrics = TenantRelation(SEOMetrics, on_delete=models.SET_NULL, null=True, related_name="patterns")
    name = models.CharField(max_length=MAX_PATTERN_NAME_LENGTH)
    source = models.CharField(max_length=MAX_SOURCE_LENGTH)
    domain = models.CharField(max_length=MAX_DOMAIN_LENGTH)
    subject = models.CharField(
        max_length=MAX_SUBJECT_LENGTH, blank=True, help_text="The page; empty: the whole domain."
    )
    record_id = models.UUIDField(null=True, help_text="The record whose page it is.")
    confidence = models.FloatField()
    evidence = models.JSONField(default=dict)
    found_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(default=timezone.now)
    times_seen = models.PositiveIntegerField(default=1)

    class Meta(TenantOwned.Meta):
        verbose_name = "search pattern"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "source", "domain", "name", "subject"], name="plugin_host_seopattern_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject or self.domain}"

    @property
    def is_high_confidence(self) -> bool:
        """Whether it is sure enough to act upon, as plugins see it too."""
        return self.confidence >= HIGH_CONFIDENCE


class SEOLearning(TenantOwned):
    """A pattern that a plugin applied to a record."""

    tenant_privileges = "SELECT, INSERT"

    plugin = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    pattern = TenantRelation(SEOPattern, on_delete=models.SET_NULL, null=True, related_name="learnings")
    pattern_name = models.CharField(max_length=MAX_PATTERN_NAME_LENGTH)
    # No relation: what was learnt outlives the record.
    record_id = models.UUIDField()
    record_version = models.PositiveIntegerField()
    collection_name = models.CharField(max_length=63)
    change = models.JSONField(default=dict, help_text="The fields that were changed, as they are now.")
    applied_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = "applied learning"
        indexes = [models.Index(fields=["tenant", "record_id"], name="plugin_host_seolearning_record")]

    def __str__(self) -> str:
        return f"{self.pattern_name} {self.record_id}"
