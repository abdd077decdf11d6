"""Reading figures: sums of a property, of its pages and search terms, and of a record's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import F, FloatField, QuerySet, Sum
from django.db.models.functions import Cast

from plugin_host.addresses import is_at

from .models import PageDay, QueryDay, SearchDay, key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums over some days.

    Args:
        name: What they are about: a day, a page or a search term.
        position: Mean place in the results, weighted by impressions; None where there was no impression.
    """

    name: str
    clicks: int
    impressions: int
    position: float | None

    @property
    def click_rate(self) -> float:
        """Clicks per impression."""
        return self.clicks / self.impressions if self.impressions else 0.0

    def document(self, key: str) -> dict[str, Any]:
        """Return the figures as JSON values, with the name under a key."""
        return {
            key: self.name,
            "clicks": self.clicks,
            "impressions": self.impressions,
            "position": None if self.position is None else round(self.position, 2),
        }


def days_of(site: str, *, first: date, last: date) -> list[Figures]:
    """Return the property's figures of each stored day, the oldest first."""
    rows = SearchDay.objects.filter(site=site, day__range=(first, last)).order_by("day")
    return [
        _figures(row.day.isoformat(), row.clicks, row.impressions, row.position * row.impressions)
        for row in rows
    ]


def top_pages(site: str, *, first: date, last: date, limit: int) -> list[Figures]:
    """Return the pages with most clicks."""
    rows = PageDay.objects.filter(site=site, day__range=(first, last))
    return _summed(rows, "page", limit)


def top_queries(
    site: str, *, first: date, last: date, limit: int, page_keys: Sequence[str] | None = None
) -> list[Figures]:
    """Return the search terms with most clicks, of all pages or of some."""
    rows = QueryDay.objects.filter(site=site, day__range=(first, last))
    if page_keys is not None:
        rows = rows.filter(page_key__in=page_keys)
    return _summed(rows, "query", limit)


def pages_at(site: str, path: str, hosts: frozenset[str]) -> list[str]:
    """Return the keys of the pages that stand at a path of one of these hosts, with whatever query."""
    rows = PageDay.objects.filter(site=site, path_key=key_of(path)).values_list("page", "page_key").distinct()
    return [key for page, key in rows if is_at(page, hosts)]


def days_of_pages(site: str, page_keys: Sequence[str], *, first: date, last: date) -> list[Figures]:
    """Return the figures of some pages together, of each day, the oldest first; days without any are zero."""
    rows = PageDay.objects.filter(site=site, page_key__in=page_keys, day__range=(first, last))
    found = {one.name: one for one in _summed(rows, "day", None)}
    stored = SearchDay.objects.filter(site=site, day__range=(first, last)).order_by("day")
    names = [day.isoformat() for day in stored.values_list("day", flat=True)]
    return [found.get(name) or Figures(name=name, clicks=0, impressions=0, position=None) for name in names]


def total_of(name: str, parts: Iterable[Figures]) -> Figures:
    """Return the sums of figures."""
    found = list(parts)
    return _figures(
        name,
        sum(one.clicks for one in found),
        sum(one.impressions for one in found),
        sum((one.position or 0.0) * one.impressions for one in found),
    )


def newest_day(site: str) -> SearchDay | None:
    """Return the last day that is stored."""
    return SearchDay.objects.filter(site=site).order_by("-day").first()


def last_whole_week(site: str) -> date | None:
    """Return the end of the newest seven days that are all stored and final; None where there are none."""
    days = (
        SearchDay.objects.filter(site=site, is_final=True).order_by("-day").values_list("day", flat=True)
    )[:30]
    found = set(days)
    return next((day for day in days if is_whole_week(day, found)), None)


def is_whole_week(last: date, days: set[date]) -> bool:
    """Say whether the seven days that end with this one are all there."""
    return all(last - timedelta(days=back) in days for back in range(7))


def _summed(rows: QuerySet[Any], name: str, limit: int | None) -> list[Figures]:
    sums = (
        rows.values(name)
        .annotate(
            all_clicks=Sum("clicks"),
            all_impressions=Sum("impressions"),
            weighted=Sum(Cast("impressions", FloatField()) * F("position")),
        )
        .order_by("-all_clicks", "-all_impressions", name)
    )
    found: Iterable[Mapping[str, Any]] = sums if limit is None else sums[:limit]
    return [
        _figures(_written(row[name]), row["all_clicks"], row["all_impressions"], row["weighted"])
        for row in found
    ]


def _figures(name: str, clicks: int, impressions: int, weighted: float) -> Figures:
    return Figures(
        name=name,
        clicks=int(clicks),
        impressions=int(impressions),
        position=weighted / impressions if impressions else None,
    )


def _written(value: str | date) -> str:
    return value.isoformat() if isinstance(value, date) else value
