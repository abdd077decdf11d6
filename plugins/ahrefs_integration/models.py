"""The plugin's tables: what was fetched when, keywords, backlinks, and the account of API units."""

from __future__ import annotations

import hashlib
from typing import Final

from django.db import models
from django.utils import timezone

from plugin_host.models import PluginModel

MAX_TARGET_LENGTH: Final = 253
MAX_FEATURE_LENGTH: Final = 20
KEY_LENGTH: Final = 64


class Fetch(PluginModel):
    """One feature of a site on one day; complete once all its rows are there."""

    target = models.CharField(max_length=MAX_TARGET_LENGTH)
    feature = models.CharField(max_length=MAX_FEATURE_LENGTH)
    day = models.DateField()
    rows = models.PositiveIntegerField(default=0)
    is_complete = models.BooleanField(default=False)
    # Where the next batch goes on: the sort values of the last row.
    after = models.JSONField(null=True)
    traffic = models.PositiveBigIntegerField(default=0)
    links = models.PositiveBigIntegerField(null=True)
    all_links = models.PositiveBigIntegerField(null=True)
    linking_domains = models.PositiveBigIntegerField(null=True)
    all_linking_domains = models.PositiveBigIntegerField(null=True)
    fetched_at = models.DateTimeField(default=timezone.now)

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "target", "feature", "day"], name="plugin_ahrefs_fetch_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.feature} of {self.target} on {self.day}"


class KeywordDay(PluginModel):
    """The site's page for a search term on one day: of the keywords or of the rankings."""

    target = models.CharField(max_length=MAX_TARGET_LENGTH)
    feature = models.CharField(max_length=MAX_FEATURE_LENGTH)
    day = models.DateField()
    keyword = models.TextField()
    place = models.TextField()
    # Of keyword and place: they can be longer than an index takes.
    key = models.CharField(max_length=KEY_LENGTH)
    url = models.TextField()
    path_key = models.CharField(max_length=KEY_LENGTH)
    position = models.PositiveIntegerField(null=True)
    volume = models.PositiveBigIntegerField()
    traffic = models.PositiveBigIntegerField()

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "target", "feature", "day", "key"], name="plugin_ahrefs_keyword_key"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "target", "path_key", "day"], name="plugin_ahrefs_path_idx")
        ]

    def __str__(self) -> str:
        return f"{self.keyword} on {self.day}"


class BacklinkDay(PluginModel):
    """A link to the site, as it was on one day."""

    target = models.CharField(max_length=MAX_TARGET_LENGTH)
    day = models.DateField()
    url_from = models.TextField()
    url_to = models.TextField()
    anchor = models.TextField()
    key = models.CharField(max_length=KEY_LENGTH)
    domain_rating = models.FloatField()
    is_dofollow = models.BooleanField()
    first_seen = models.CharField(max_length=40)

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "target", "day", "key"], name="plugin_ahrefs_link_key")
        ]

    def __str__(self) -> str:
        return f"{self.url_from} on {self.day}"


class UnitPeriod(PluginModel):
    """What was spent in one billing period of Ahrefs."""

    ends_on = models.DateField()
    spent = models.PositiveBigIntegerField(default=0)

    class Meta(PluginModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "ends_on"], name="plugin_ahrefs_period_key")]

    def __str__(self) -> str:
        return f"until {self.ends_on}"


def key_of(*texts: str) -> str:
    """Return what stands for texts of any length in an index."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
