"""Reading figures: the newest keywords, rankings and backlinks, how they went, and those of a record's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import F, QuerySet

from plugin_host import content
from plugin_host.addresses import is_at

from .config import AhrefsConfig, Feature
from .models import BacklinkDay, Fetch, KeywordDay, key_of

_ASKED_AT_ONCE: Final = 200


def newest_fetch(target: str, feature: Feature) -> Fetch | None:
    """Return the last fetch of which everything is there; where there is none yet, the last one that was begun."""
    rows = Fetch.objects.filter(target=target, feature=feature.value)
    return rows.order_by("-is_complete", "-day").first()


def fetches_of(target: str, feature: Feature, *, limit: int = 100) -> list[Fetch]:
    """Return the last complete fetches, the oldest first."""
    rows = Fetch.objects.filter(target=target, feature=feature.value, is_complete=True).order_by("-day")
    return list(rows[:limit])[::-1]


def keywords_of(target: str, feature: Feature, day: date, *, limit: int) -> list[dict[str, Any]]:
    """Return the keywords of a day with most traffic."""
    return [_document(row) for row in _by_traffic(target, feature, day)[:limit]]


def keywords_of_record(config: AhrefsConfig, record: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the newest keywords and rankings whose page shows a record: feature -> keywords."""
    found: dict[str, list[dict[str, Any]]] = {}
    hosts = hosts_of(config)
    for feature in (Feature.KEYWORDS, Feature.RANKINGS):
        fetch = newest_fetch(config.target, feature)
        if fetch is None or not record["path"]:
            found[feature.value] = []
            continue
        rows = _by_traffic(config.target, feature, fetch.day).filter(path_key=key_of(record["path"]))
        found[feature.value] = [_document(row) for row in rows if is_at(row.url, hosts)]
    return found


def backlinks_of(target: str, day: date, *, limit: int) -> list[dict[str, Any]]:
    """Return the strongest links of a day."""
    rows = BacklinkDay.objects.filter(target=target, day=day).order_by("-domain_rating", "url_from")
    return [
        {
            "url_from": row.url_from,
            "url_to": row.url_to,
            "anchor": row.anchor,
            "domain_rating": row.domain_rating,
            "is_dofollow": row.is_dofollow,
            "first_seen": row.first_seen,
        }
        for row in rows[:limit]
    ]


def records_at(config: AhrefsConfig, pages: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return page -> record, for the addresses that are pages of this site."""
    return content.at_addresses(list(dict.fromkeys(pages))[:_ASKED_AT_ONCE], hosts=[config.target])


def hosts_of(config: AhrefsConfig) -> frozenset[str]:
    """Return where the tenant's pages stand: its own hosts, and that which Ahrefs knows."""
    return frozenset({config.target, *content.domains()})


def record_with_id(record_id: UUID | str) -> Mapping[str, Any]:
    """Return a record.

    Raises:
        NotFound: There is none.
    """
    return content.get(record_id)


def _by_traffic(target: str, feature: Feature, day: date) -> QuerySet[KeywordDay]:
    rows: QuerySet[KeywordDay] = KeywordDay.objects.filter(target=target, feature=feature.value, day=day)
    return rows.order_by("-traffic", F("position").asc(nulls_last=True), "keyword", "place")


def _document(row: KeywordDay) -> dict[str, Any]:
    return {
        "keyword": row.keyword,
        "place": row.place,
        "page": row.url,
        "position": row.position,
        "volume": row.volume,
        "traffic": row.traffic,
    }
