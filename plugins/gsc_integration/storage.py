"""Writing figures: a day is replaced as a whole, so a day that is fetched again changes nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import transaction
from django.utils import timezone

from plugin_host.addresses import path_of

from .client import Row
from .models import PageDay, QueryDay, SearchDay, key_of

_BATCH: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedDay:
    """Everything that was fetched of one day.

    Args:
        total: Of the whole property; None where nobody saw it.
        pages: Keys are the page.
        queries: Keys are the page and the search term.
    """

    day: date
    is_final: bool
    total: Row | None
    pages: Sequence[Row] = ()
    queries: Sequence[Row] = ()


def store_day(site: str, fetched: FetchedDay) -> None:
    """Replace what is stored of a day; all of it or nothing."""
    pages = _pages(site, fetched)
    queries = _queries(site, fetched)
    total = fetched.total or Row(keys=(), clicks=0, impressions=0, position=0.0)
    with transaction.atomic():
        # The day's own row comes first: two runs at the same day wait for each other here.
        SearchDay.objects.update_or_create(
            site=site,
            day=fetched.day,
            defaults={
                "clicks": total.clicks,
                "impressions": total.impressions,
                "position": total.position,
                "is_final": fetched.is_final,
                "pages": len(pages),
                "queries": len(queries),
                "fetched_at": timezone.now(),
            },
        )
        PageDay.objects.filter(site=site, day=fetched.day).delete()
        QueryDay.objects.filter(site=site, day=fetched.day).delete()
        PageDay.objects.bulk_create(pages, batch_size=_BATCH)
        QueryDay.objects.bulk_create(queries, batch_size=_BATCH)


def delete_before(day: date) -> int:
    """Delete what is about earlier days, of all properties; return how many days that were."""
    PageDay.objects.filter(day__lt=day).delete()
    QueryDay.objects.filter(day__lt=day).delete()
    _, per_model = SearchDay.objects.filter(day__lt=day).delete()
    return sum(per_model.values())


def _pages(site: str, fetched: FetchedDay) -> list[PageDay]:
    # A row can come twice where figures change between two pages of an answer.
    found = {key_of(row.keys[0]): row for row in fetched.pages}
    return [
        PageDay(
            site=site,
            day=fetched.day,
            page=row.keys[0],
            page_key=key,
            path=(path := path_of(row.keys[0])),
            path_key=key_of(path),
            clicks=row.clicks,
            impressions=row.impressions,
            position=row.position,
        )
        for key, row in found.items()
    ]


def _queries(site: str, fetched: FetchedDay) -> list[QueryDay]:
    found = {(key_of(row.keys[0]), key_of(row.keys[1])): row for row in fetched.queries}
    return [
        QueryDay(
            site=site,
            day=fetched.day,
            page_key=page_key,
            query=row.keys[1],
            query_key=query_key,
            clicks=row.clicks,
            impressions=row.impressions,
            position=row.position,
        )
        for (page_key, query_key), row in found.items()
    ]


def stored_days(site: str, *, first: date, last: date) -> dict[date, SearchDay]:
    """Return the days that are stored, between two."""
    rows: Iterable[SearchDay] = SearchDay.objects.filter(site=site, day__range=(first, last))
    return {row.day: row for row in rows}
