"""The plugin's tables: a row per day, per day and page, and per day, page and search term.

Each is about one property, so that figures of an earlier one are not mixed with those of today's.
"""

from __future__ import annotations

import hashlib
from typing import Final

from django.db import models
from django.utils import timezone

from plugin_host.models import PluginModel

MAX_PROPERTY_LENGTH: Final = 500
KEY_LENGTH: Final = 64


class _Figures(PluginModel):
    site = models.CharField(max_length=MAX_PROPERTY_LENGTH)
    day = models.DateField()
    clicks = models.PositiveBigIntegerField()
    impressions = models.PositiveBigIntegerField()
    # Mean place in the results; 0 where there was no impression.
    position = models.FloatField()

    class Meta(PluginModel.Meta):
        abstract = True


class SearchDay(_Figures):
    """The whole property on one day; its row says that the day's pages are stored."""

    is_final = models.BooleanField()
    pages = models.PositiveIntegerField()
    queries = models.PositiveIntegerField()
    fetched_at = models.DateTimeField(default=timezone.now)

    class Meta(_Figures.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "site", "day"], name="plugin_gsc_day_key")]

    def __str__(self) -> str:
        return f"{self.site} on {self.day}"


class PageDay(_Figures):
    """One page on one day."""

    page = models.TextField()
    # Where it stands on its host, as the site writes paths; so that figures are found by a record's path.
    path = models.TextField()
    # Addresses can be longer than an index takes.
    page_key = models.CharField(max_length=KEY_LENGTH)
    path_key = models.CharField(max_length=KEY_LENGTH)

    class Meta(_Figures.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "site", "day", "page_key"], name="plugin_gsc_page_key")
        ]
        indexes = [models.Index(fields=["tenant", "site", "path_key", "day"], name="plugin_gsc_path_idx")]

    def __str__(self) -> str:
        return f"{self.page} on {self.day}"


class QueryDay(_Figures):
    """One page for one search term on one day; not all of them, see the README."""

    page_key = models.CharField(max_length=KEY_LENGTH)
    query = models.TextField()
    query_key = models.CharField(max_length=KEY_LENGTH)

    class Meta(_Figures.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "site", "day", "page_key", "query_key"],
                name="plugin_gsc_query_key",
            )
        ]
        indexes = [models.Index(fields=["tenant", "site", "page_key", "day"], name="plugin_gsc_term_idx")]

    def __str__(self) -> str:
        return f"{self.query} on {self.day}"


def key_of(text: str) -> str:
    """Return what stands for a text of any length in an index."""
    return hashlib.sha256(text.encode()).hexdigest()
