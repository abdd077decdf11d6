"""Ahrefs, as the plugin uses it.

Source: the documentation of API v3 (docs.ahrefs.com/api): "Introduction" (60 requests a minute, 429), "Limits
consumption" (what a request costs, and the headers that say so), "Filter syntax", and the references of
`site-explorer/organic-keywords`, `site-explorer/all-backlinks`, `site-explorer/backlinks-stats`,
`rank-tracker/overview` and `subscription-info/limits-and-usage`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import httpx

from plugin_host import http
from plugin_host.errors import AuthFailed, NotReady, PluginError

from .config import AhrefsConfig
from .pace import Pace

SERVICE: Final = "ahrefs"
SERVICE_URL: Final = "https://api.ahrefs.com/v3"
TIMEOUT_SECONDS: Final = 60.0
RATE_WAIT_SECONDS: Final = 60.0
# max(50, units of a row * rows); the units of a row are the sum of its fields' ("Limits consumption").
BASE_UNITS: Final = 50
KEYWORD_FIELDS: Final = ("keyword", "best_position", "best_position_url", "volume", "sum_traffic")
KEYWORD_ROW_UNITS: Final = 1 + 1 + 1 + 10 + 10
BACKLINK_FIELDS: Final = ("url_from", "url_to", "anchor", "domain_rating_source", "is_dofollow", "first_seen")
BACKLINK_ROW_UNITS: Final = 6
RANKING_FIELDS: Final = ("keyword", "country", "location", "position", "url", "volume", "traffic")
MAX_RANKINGS: Final = 10_000
# Free requests may be repeated; those that cost something are not, because a lost answer may have cost it already.
_RETRIES: Final = http.Retries(tries=3, first_wait_seconds=0.2, longest_wait_seconds=10.0)


class UnitsGone(PluginError):
    """Ahrefs itself says that no units are left."""


class Unanswered(PluginError):
    """Nothing whole came back: nobody knows what it has cost."""


class Unreadable(PluginError):
    """An answer came, and is none of Ahrefs'; it may have cost what the request costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What Ahrefs says of the key.

    Args:
        left: Units that the key and its workspace still have; None where there is no limit.
        resets_on: When Ahrefs counts from zero again.
        expires_on: When the key ends.
    """

    subscription: str
    left: int | None
    resets_on: date | None
    expires_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """A search term, and the place of the site's page for it.

    Args:
        place: Country and location of a tracked keyword; the country of any other.
        position: None where no page is among the results.
    """

    keyword: str
    place: str
    url: str
    position: int | None
    volume: int
    traffic: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlink:
    """A link from another site, the strongest of that site."""

    url_from: str
    url_to: str
    anchor: str
    domain_rating: float
    is_dofollow: bool
    first_seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklinkTotals:
    """How many links and linking domains there are, and were ever."""

    live: int
    all_time: int
    live_domains: int
    all_time_domains: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a request has cost, as its answer says.

    Args:
        units: Spent; None where the answer does not say.
        per_row: Units of a row; 0 where the answer does not say.
    """

    units: int | None
    per_row: int


class Ahrefs:
    """The API with one key."""

    def __init__(self, api_key: str, pace: Pace) -> None:
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._pace = pace
        self._base_url = http.service_url(SERVICE, SERVICE_URL)

    async def limits(self) -> Limits:
        """Return what is left of the key's units; costs nothing."""
        found, _ = await self._asked("subscription-info/limits-and-usage", {}, is_free=True)
        limits = found.get("limits_and_usage")
        if not isinstance(limits, Mapping):
            raise _rubbish("limits_and_usage is missing")
        left = [
            max(
                0,
                _whole(limits.get(f"units_limit_{whose}")) - _whole(limits.get(f"units_usage_{whose}") or 0),
            )
            for whose in ("api_key", "workspace")
            if limits.get(f"units_limit_{whose}") is not None
        ]
        return Limits(
            subscription=_text(limits.get("subscription")),
            left=min(left, default=None),
            resets_on=_day(limits.get("usage_reset_date")),
            expires_on=_day(limits.get("api_key_expiration_date")),
        )

    async def keywords(
        self, config: AhrefsConfig, *, day: date, limit: int, after: Sequence[Any] | None
    ) -> tuple[list[Keyword], Cost]:
        """Return the site's keywords with most traffic, below the last one of the batch before.

        Args:
            after: Traffic and keyword of that one.
        """
        found, cost = await self._asked(
            "site-explorer/organic-keywords",
            {
                "target": config.target,
                "mode": config.mode,
                "country": config.country,
                "date": day.isoformat(),
                "select": ",".join(KEYWORD_FIELDS),
                "order_by": "sum_traffic:desc,keyword:asc",
                "limit": limit,
                **_below(("sum_traffic", "keyword"), after),
            },
        )
        return [
            _keyword(row, config.country, "best_position", "best_position_url", "sum_traffic")
            for row in _rows(found, "keywords")
        ], cost

    async def backlinks(
        self, config: AhrefsConfig, *, limit: int, after: Sequence[Any] | None
    ) -> tuple[list[Backlink], Cost]:
        """Return links to the site, one of each linking domain, the strongest first.

        Args:
            after: Domain rating and address of the last one of the batch before.
        """
        found, cost = await self._asked(
            "site-explorer/all-backlinks",
            {
                "target": config.target,
                "mode": config.mode,
                "aggregation": "1_per_domain",
                "history": "live",
                "select": ",".join(BACKLINK_FIELDS),
                "order_by": "domain_rating_source:desc,url_from:asc",
                "limit": limit,
                **_below(("domain_rating_source", "url_from"), after),
            },
        )
        return [_backlink(row) for row in _rows(found, "backlinks")], cost

    async def backlink_totals(self, config: AhrefsConfig, *, day: date) -> tuple[BacklinkTotals, Cost]:
        """Return how many links there are."""
        found, cost = await self._asked(
            "site-explorer/backlinks-stats",
            {"target": config.target, "mode": config.mode, "date": day.isoformat()},
        )
        metrics = found.get("metrics")
        if not isinstance(metrics, Mapping):
            raise _rubbish("metrics is missing")
        return BacklinkTotals(
            live=_whole(metrics.get("live")),
            all_time=_whole(metrics.get("all_time")),
            live_domains=_whole(metrics.get("live_refdomains")),
            all_time_domains=_whole(metrics.get("all_time_refdomains")),
        ), cost

    async def rankings(self, config: AhrefsConfig, *, day: date, limit: int = MAX_RANKINGS) -> list[Keyword]:
        """Return the keywords of the Rank Tracker project; costs nothing."""
        found, _ = await self._asked(
            "rank-tracker/overview",
            {
                "project_id": config.project_id,
                "device": config.device,
                "date": day.isoformat(),
                "select": ",".join(RANKING_FIELDS),
                "limit": limit,
            },
            is_free=True,
        )
        return [
            _keyword(
                row,
                "/".join(filter(None, (_text(row.get("country")), _text(row.get("location"))))),
                "position",
                "url",
                "traffic",
            )
            for row in _rows(found, "overviews")
        ]

    async def _asked(
        self, path: str, parameters: Mapping[str, Any], *, is_free: bool = False
    ) -> tuple[Mapping[str, Any], Cost]:
        await self._pace.wait()
        async with http.client(
            timeout=TIMEOUT_SECONDS, total_seconds=TIMEOUT_SECONDS, retries=_RETRIES if is_free else None
        ) as client:
            try:
                response = await client.get(
                    f"{self._base_url}/{path}", params=dict(parameters), headers=self._headers
                )
            except http.OutboundRefused:
                raise
            except httpx.HTTPError as error:
                # The request, with its headers, hangs on httpx's error: it stays out of what is kept.
                raise Unanswered(
                    f"Ahrefs did not answer ({type(error).__name__}).", code="ahrefs_unreachable"
                ) from None
        if not response.is_success:
            raise _trouble(response)
        return _read(response), _cost(response)


def _trouble(response: httpx.Response) -> PluginError:
    """Return what an answer that is no success means; the documentation knows 400, 401, 403, 429 and 500."""
    status, said = response.status_code, _said(response)
    wait = http.retry_after_seconds(response)
    if status == 429:
        return NotReady(f"Ahrefs asks to slow down{said}.", retry_after=wait or RATE_WAIT_SECONDS)
    if status == 401:
        return AuthFailed(
            f"Ahrefs does not take the API key{said}. A key is good for a year: make a new one under Account "
            "settings, API keys."
        )
    if status == 403 and "unit" in said.casefold():
        return UnitsGone(f"Ahrefs says that no API units are left{said}.", code="ahrefs_units")
    if status == 403:
        return AuthFailed(
            f"Ahrefs does not allow this{said}. Look whether the subscription has API access to it."
        )
    message = f"Ahrefs answered {status}{said}."
    if wait is not None and status >= 500:
        return NotReady(message, retry_after=wait)
    if status >= 500 or status in (408, 409, 425):
        return PluginError(message, code="ahrefs_failed")
    return PluginError(message, code="ahrefs_refused", permanent=True)


def _below(fields: tuple[str, str], after: Sequence[Any] | None) -> dict[str, str]:
    """Return the filter for what comes behind a row: a smaller number, or the same and a later text.

    The reports have no offset. Each field counts once, however often it is named, so this costs nothing.
    """
    if after is None:
        return {}
    number, text = fields
    condition = {
        "or": [
            {"field": number, "is": ["lt", after[0]]},
            {"and": [{"field": number, "is": ["eq", after[0]]}, {"field": text, "is": ["gt", after[1]]}]},
        ]
    }
    return {"where": json.dumps(condition, ensure_ascii=False, separators=(",", ":"))}


def _cost(response: httpx.Response) -> Cost:
    numbers = [
        int(value) if value.isdecimal() else None
        for value in (
            response.headers.get(name, "").strip()
            for name in ("x-api-units-cost-total-actual", "x-api-units-cost-total", "x-api-units-cost-row")
        )
    ]
    actual, total, per_row = numbers
    return Cost(units=actual if actual is not None else total, per_row=per_row or 0)


def _read(response: httpx.Response) -> Mapping[str, Any]:
    try:
        found = response.json()
    except (ValueError, RecursionError):
        raise _rubbish("it is no JSON") from None
    if not isinstance(found, Mapping):
        raise _rubbish("it is no object")
    return found


def _rows(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = found.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise _rubbish(f"{name} is no list of rows")
    return rows


def _keyword(row: Mapping[str, Any], place: str, position: str, url: str, traffic: str) -> Keyword:
    keyword = _text(row.get("keyword"))
    if not keyword:
        raise _rubbish("a row has no keyword")
    at = row.get(position)
    return Keyword(
        keyword=keyword,
        place=place,
        url=_text(row.get(url)),
        position=None if at is None else _whole(at),
        volume=_whole(row.get("volume") or 0),
        traffic=_whole(row.get(traffic) or 0),
    )


def _backlink(row: Mapping[str, Any]) -> Backlink:
    source = _text(row.get("url_from"))
    rating = row.get("domain_rating_source") or 0
    if not source:
        raise _rubbish("a backlink has no address")
    if isinstance(rating, bool) or not isinstance(rating, int | float) or not 0 <= rating <= 100:
        raise _rubbish("a domain rating is no number from 0 to 100")
    return Backlink(
        url_from=source,
        url_to=_text(row.get("url_to")),
        anchor=_text(row.get("anchor")),
        domain_rating=float(rating),
        is_dofollow=row.get("is_dofollow") is True,
        first_seen=_text(row.get("first_seen"))[:40],
    )


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        raise _rubbish(f"a figure is no number from 0: {value!r:.40}")
    return round(value)


def _text(value: object) -> str:
    """Return a text that the database takes; nothing where there is none."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _day(value: object) -> date | None:
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except ValueError:
        return None


def _said(response: httpx.Response) -> str:
    """Return what an answer says went wrong, in brackets: `{"error": "…"}`."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        return ""
    error = found.get("error") if isinstance(found, Mapping) else None
    if isinstance(error, list):
        error = " ".join(one for one in error if isinstance(one, str))
    text = " ".join(_text(error).split())[:300].rstrip(".")
    return f" ({text})" if text else ""


def _rubbish(what: str) -> PluginError:
    return Unreadable(f"Ahrefs answered something that cannot be read: {what}.", code="ahrefs_answer")
