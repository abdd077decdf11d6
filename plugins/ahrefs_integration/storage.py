"""Writing what was fetched: batch by batch, each with the place where the next one goes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from plugin_host.addresses import path_of

from .client import Backlink, BacklinkTotals, Keyword
from .config import AhrefsConfig, Feature
from .models import BacklinkDay, Fetch, KeywordDay, key_of

_BATCH: Final = 1_000


def due_fetch(config: AhrefsConfig, feature: Feature, *, today: date) -> Fetch | None:
    """Return the fetch that is to be begun or gone on with; None where what is there is fresh enough.

    One that was begun is ended under its own day, as long as it is fresh enough itself.
    """
    newest = Fetch.objects.filter(target=config.target, feature=feature.value).order_by("-day").first()
    every_days = 1 if feature is Feature.RANKINGS else config.every_days
    if newest is not None and today - newest.day < timedelta(days=every_days):
        return None if newest.is_complete else newest
    return Fetch(target=config.target, feature=feature.value, day=today)


def store_keywords(fetch: Fetch, keywords: Sequence[Keyword], *, after: list[Any] | None) -> None:
    """Add a batch of keywords, and note where the next one begins; a batch that comes again changes nothing."""
    found = {key_of(one.keyword, one.place): one for one in keywords}
    rows = [
        KeywordDay(
            target=fetch.target,
            feature=fetch.feature,
            day=fetch.day,
            keyword=one.keyword,
            place=one.place,
            key=key,
            url=one.url,
            path_key=key_of(path_of(one.url)) if one.url else "",
            position=one.position,
            volume=one.volume,
            traffic=one.traffic,
        )
        for key, one in found.items()
    ]
    with transaction.atomic():
        own = _locked(fetch)
        KeywordDay.objects.bulk_create(
            rows,
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=["tenant", "target", "feature", "day", "key"],
            update_fields=["url", "path_key", "position", "volume", "traffic"],
        )
        stored = KeywordDay.objects.filter(target=fetch.target, feature=fetch.feature, day=fetch.day)
        figures = list(stored.values_list("traffic", flat=True))
        _note(own, fetch, rows=len(figures), traffic=sum(figures), after=after)


def store_backlinks(fetch: Fetch, backlinks: Sequence[Backlink], *, after: list[Any] | None) -> None:
    """Add a batch of backlinks, in the same way."""
    found = {key_of(one.url_from, one.url_to): one for one in backlinks}
    rows = [
        BacklinkDay(
            target=fetch.target,
            day=fetch.day,
            url_from=one.url_from,
            url_to=one.url_to,
            anchor=one.anchor,
            key=key,
            domain_rating=one.domain_rating,
            is_dofollow=one.is_dofollow,
            first_seen=one.first_seen,
        )
        for key, one in found.items()
    ]
    with transaction.atomic():
        own = _locked(fetch)
        BacklinkDay.objects.bulk_create(
            rows,
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=["tenant", "target", "day", "key"],
            update_fields=["anchor", "domain_rating", "is_dofollow", "first_seen"],
        )
        count = BacklinkDay.objects.filter(target=fetch.target, day=fetch.day).count()
        _note(own, fetch, rows=count, traffic=0, after=after)


def store_totals(fetch: Fetch, totals: BacklinkTotals) -> None:
    """Note how many links there are."""
    with transaction.atomic():
        own = _locked(fetch)
        own.links, own.all_links = totals.live, totals.all_time
        own.linking_domains, own.all_linking_domains = totals.live_domains, totals.all_time_domains
        own.save()
    fetch.links = totals.live


def complete(fetch: Fetch) -> None:
    """Note that everything is there."""
    with transaction.atomic():
        own = _locked(fetch)
        own.is_complete, own.after, own.fetched_at = True, None, timezone.now()
        own.save()
    fetch.is_complete = True


def delete_before(day: date) -> int:
    """Delete what is about earlier days, of all domains; return how many fetches that were."""
    KeywordDay.objects.filter(day__lt=day).delete()
    BacklinkDay.objects.filter(day__lt=day).delete()
    _, per_model = Fetch.objects.filter(day__lt=day).delete()
    return sum(per_model.values())


def _locked(fetch: Fetch) -> Fetch:
    """Return the stored row, which is made where it is not there; two runs at once wait for each other here."""
    names: dict[str, Any] = {"target": fetch.target, "feature": fetch.feature, "day": fetch.day}
    Fetch.objects.get_or_create(**names)
    found: Fetch = Fetch.objects.select_for_update().get(**names)
    return found


def _note(own: Fetch, fetch: Fetch, *, rows: int, traffic: int, after: list[Any] | None) -> None:
    own.rows, own.traffic, own.after, own.fetched_at = rows, traffic, after, timezone.now()
    own.save()
    fetch.rows, fetch.after = rows, after
