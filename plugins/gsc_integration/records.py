"""From pages to the records that they show, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from plugin_host import content

from .config import GSCConfig
from .figures import Figures, days_of_pages, pages_at, top_queries, total_of

_ASKED_AT_ONCE = 200


def records_of(config: GSCConfig, pages: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return page -> record, for the addresses that are pages of this site."""
    return content.at_addresses(list(pages)[:_ASKED_AT_ONCE], hosts=[config.domain])


class RecordFigures:
    """What is known of one record's page.

    Raises:
        NotFound: There is no such record.
    """

    def __init__(self, config: GSCConfig, record_id: UUID | str, *, first: date, last: date) -> None:
        self.record = content.get(record_id)
        keys = pages_at(config.site, path, _hosts(config)) if (path := self.record["path"]) else []
        self.days: list[Figures] = days_of_pages(config.site, keys, first=first, last=last)
        self.queries = top_queries(config.site, first=first, last=last, limit=50, page_keys=keys)
        self.total = total_of("", self.days)


def _hosts(config: GSCConfig) -> frozenset[str]:
    """Return where the tenant's pages stand: its own hosts, and that of the property, which may be in front of them."""
    return frozenset({config.domain, *content.domains()})
