"""Google Search Console, as the plugin uses it.

Source: the Search Console API's reference (developers.google.com/webmaster-tools/v1/api_reference_index): "Sites: list"
and "Search Analytics: query"; its guides "Getting all your data" (one day at a time, 25,000 rows at a time, until an
answer has none) and "Usage limits" (a quota that is used up comes back after 15 minutes, or with the next day).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import httpx

from plugin_host import http
from plugin_host.errors import AuthFailed, NotReady, PluginError

from .key import ServiceAccountKey

OAUTH_SERVICE: Final = "google-oauth"
OAUTH_URL: Final = "https://oauth2.googleapis.com"
SERVICE: Final = "google-search-console"
SERVICE_URL: Final = "https://searchconsole.googleapis.com"
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"

ROW_LIMIT: Final = 25_000
TIMEOUT_SECONDS: Final = 60.0
# A page of 25,000 rows with long addresses and search terms.
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
QUOTA_WAIT_SECONDS: Final = 900.0
# A token is not used in its last minutes: a request may take some, and clocks differ.
_TOKEN_MARGIN_SECONDS: Final = 120.0
_RETRIES: Final = http.Retries(tries=3, first_wait_seconds=0.2, longest_wait_seconds=20.0)

_QUOTA_REASONS: Final = frozenset(
    {
        "quotaExceeded",
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "dailyLimitExceeded",
        "RATE_LIMIT_EXCEEDED",
        "RESOURCE_EXHAUSTED",
    }
)
_SWITCHED_OFF_REASONS: Final = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})


class PropertyRefused(AuthFailed):
    """The account is known, and may not see the property."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A property that the account can see, and as what."""

    url: str
    permission: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Figures of one day, page, or page and search term.

    Args:
        keys: The dimensions that were asked for, in their order.
        position: Mean place in the results, from 1.
    """

    keys: tuple[str, ...]
    clicks: int
    impressions: int
    position: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One page of rows.

    Args:
        first_incomplete: The first day that is still being counted; None where all are final.
    """

    rows: tuple[Row, ...]
    first_incomplete: date | None = None


class Tokens:
    """The access token of one key, kept in memory until shortly before it ends."""

    def __init__(self) -> None:
        self._token = ""
        self._until = 0.0

    def current(self) -> str:
        """Return the token, or nothing where there is none that can still be used."""
        return self._token if time.time() < self._until else ""

    def keep(self, token: str, *, seconds: float) -> None:
        """Keep a token that was just given out."""
        self._token, self._until = token, time.time() + max(0.0, seconds - _TOKEN_MARGIN_SECONDS)

    def forget(self) -> None:
        """Drop it: it is not taken any more."""
        self._until = 0.0


class SearchConsole:
    """The API with one service account.

    Args:
        tokens: Where its access token is kept from call to call.
    """

    def __init__(self, key: ServiceAccountKey, tokens: Tokens) -> None:
        self._key = key
        self._tokens = tokens
        self._base_url = http.service_url(SERVICE, SERVICE_URL)

    async def sites(self) -> tuple[Site, ...]:
        """Return the properties that the account can see."""
        found = await self._asked("GET", "/webmasters/v3/sites")
        entries = found.get("siteEntry", [])
        if not isinstance(entries, list):
            raise _rubbish("siteEntry is no list")
        return tuple(
            Site(url=entry["siteUrl"], permission=str(entry.get("permissionLevel", "")))
            for entry in entries
            if isinstance(entry, Mapping) and isinstance(entry.get("siteUrl"), str)
        )

    async def days(self, site: str, *, first: date, last: date, with_fresh: bool) -> Answer:
        """Return the figures of each day between two; days without any are left out."""
        answer = await self._query(
            site, first=first, last=last, dimensions=("date",), state="all" if with_fresh else "final"
        )
        for row in answer.rows:
            try:
                date.fromisoformat(row.keys[0])
            except ValueError:
                raise _rubbish("a row's date is none") from None
        return answer

    async def pages(
        self, site: str, *, day: date, dimensions: tuple[str, ...], with_fresh: bool, limit: int
    ) -> AsyncIterator[tuple[Row, ...]]:
        """Return a day's rows by some dimensions, those with most clicks first, page by page.

        Args:
            limit: After how many rows it is enough.
        """
        start = 0
        while start < limit:
            wanted = min(ROW_LIMIT, limit - start)
            answer = await self._query(
                site,
                first=day,
                last=day,
                dimensions=dimensions,
                state="all" if with_fresh else "final",
                row_limit=wanted,
                start_row=start,
            )
            if answer.rows:
                yield answer.rows
            # The guide asks until a page is empty; a page may have fewer rows than asked for, and be not the last.
            if not answer.rows:
                return
            start += len(answer.rows)

    async def _query(
        self,
        site: str,
        *,
        first: date,
        last: date,
        dimensions: tuple[str, ...],
        state: str,
        row_limit: int = ROW_LIMIT,
        start_row: int = 0,
    ) -> Answer:
        body = {
            "startDate": first.isoformat(),
            "endDate": last.isoformat(),
            "dimensions": list(dimensions),
            "type": "web",
            "dataState": state,
            "rowLimit": row_limit,
            "startRow": start_row,
        }
        path = f"/webmasters/v3/sites/{quote(site, safe='')}/searchAnalytics/query"
        found = await self._asked("POST", path, json=body)
        # 25,000 rows take a while to be looked through.
        return await asyncio.to_thread(_answer, found, len(dimensions))

    async def _asked(
        self, method: str, path: str, *, json: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        async with http.client(
            timeout=TIMEOUT_SECONDS,
            total_seconds=TIMEOUT_SECONDS,
            max_body_bytes=MAX_ANSWER_BYTES,
            retries=_RETRIES,
        ) as client:
            response = await self._sent(client, method, path, json)
            if response.status_code == 401:
                # A token can be taken back before its time; a new one tells whether the key is still good.
                self._tokens.forget()
                response = await self._sent(client, method, path, json)
        if response.is_success:
            return await asyncio.to_thread(_read, response, "Search Console")
        raise self._trouble(response)

    async def _sent(
        self, client: httpx.AsyncClient, method: str, path: str, json: Mapping[str, Any] | None
    ) -> httpx.Response:
        # A query changes nothing, so it may be repeated although it is a POST.
        headers = {"Authorization": f"Bearer {await self._token(client)}", "Idempotency-Key": uuid4().hex}
        return await _exchange(
            client, method, self._base_url + path, "Search Console", json=json, headers=headers
        )

    async def _token(self, client: httpx.AsyncClient) -> str:
        if token := self._tokens.current():
            return token
        form = {"grant_type": GRANT_TYPE, "assertion": self._key.assertion(now=int(time.time()))}
        url = f"{http.service_url(OAUTH_SERVICE, OAUTH_URL)}/token"
        response = await _exchange(
            client, "POST", url, "Google's sign-in", data=form, headers={"Idempotency-Key": uuid4().hex}
        )
        if not response.is_success:
            raise _sign_in_trouble(response, self._key.email)
        found = _read(response, "Google's sign-in")
        given, seconds = found.get("access_token"), found.get("expires_in", 0)
        if not isinstance(given, str) or not given or not given.isascii() or not given.isprintable():
            raise PluginError("Google's sign-in answered without an access token.", code="gsc_answer")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            seconds = 0
        self._tokens.keep(given, seconds=seconds)
        return given

    def _trouble(self, response: httpx.Response) -> PluginError:
        """Return what an answer that is no success means.

        Source: "Standard Error Responses" of the API's reference; the reasons are in `error.errors`, or, in the newer
        form, in `error.status` and `error.details`.
        """
        status = response.status_code
        said, reasons = _said(response)
        wait = http.retry_after_seconds(response)
        if status == 429 or (status == 403 and reasons & _QUOTA_REASONS):
            return NotReady(
                f"The quota of Search Console is used up{said}. What is missing is fetched later.",
                retry_after=max(wait or 0.0, QUOTA_WAIT_SECONDS)
                if status == 403
                else wait or QUOTA_WAIT_SECONDS,
            )
        if status == 401:
            return AuthFailed(
                f"Search Console does not take the service account's key{said}. Make a new key."
            )
        if status == 403 and reasons & _SWITCHED_OFF_REASONS:
            return AuthFailed(
                f"The Search Console API is off in the project of {self._key.email}{said}. "
                "Switch it on in the Google Cloud console, under APIs & Services."
            )
        if status == 403:
            return PropertyRefused(
                f"{self._key.email} may not see the property{said}. "
                "Add the address as a user of the property, in Search Console under Settings."
            )
        if status == 404:
            return PluginError(
                f"Search Console does not know the property{said}. Write it as it stands there.",
                code="gsc_property",
                permanent=True,
            )
        message = f"Search Console answered {status}{said}."
        if wait is not None and status >= 500:
            return NotReady(message, retry_after=wait)
        if status >= 500 or status in (408, 409, 425):
            return PluginError(message, code="gsc_failed")
        return PluginError(message, code="gsc_refused", permanent=True)


async def _exchange(
    client: httpx.AsyncClient, method: str, url: str, whom: str, **arguments: Any
) -> httpx.Response:
    try:
        return await client.request(method, url, **arguments)
    except http.OutboundRefused:
        raise
    except httpx.HTTPError as error:
        # The request, with its headers, hangs on httpx's error: it stays out of what is kept.
        raise PluginError(
            f"{whom} did not answer ({type(error).__name__}).", code="gsc_unreachable"
        ) from None


def _sign_in_trouble(response: httpx.Response, email: str) -> PluginError:
    """Return what the token endpoint's refusal means; RFC 6749, section 5.2."""
    status = response.status_code
    try:
        found = response.json()
    except ValueError:
        found = None
    code = found.get("error") if isinstance(found, Mapping) else None
    described = found.get("error_description") if isinstance(found, Mapping) else None
    text = ": ".join(part for part in (code, described) if isinstance(part, str) and part)
    said = f" ({_shortened(text)})" if text else ""
    if status == 429:
        return NotReady(
            f"Google's sign-in asks to wait{said}.", retry_after=http.retry_after_seconds(response) or 60.0
        )
    if status >= 500 or status in (408, 409, 425):
        return PluginError(f"Google's sign-in answered {status}{said}.", code="gsc_failed")
    if isinstance(described, str) and "iat" in described and "timeframe" in described:
        return PluginError(
            f"Google's sign-in says that the time of this server is wrong{said}. Set its clock.",
            code="gsc_clock",
        )
    return AuthFailed(
        f"Google's sign-in refuses the key of {email}{said}. The key may be deleted or the account disabled: "
        "make a new key and save it among the secrets."
    )


def _read(response: httpx.Response, whom: str) -> Mapping[str, Any]:
    try:
        found = response.json()
    except (ValueError, RecursionError):
        raise PluginError(f"{whom} answered something that is no JSON.", code="gsc_answer") from None
    if not isinstance(found, Mapping):
        raise PluginError(f"{whom} answered JSON that is no object.", code="gsc_answer")
    return found


def _answer(found: Mapping[str, Any], keys: int) -> Answer:
    rows = found.get("rows", [])
    if not isinstance(rows, list):
        raise _rubbish("rows is no list")
    return Answer(
        rows=tuple(_row(row, keys) for row in rows), first_incomplete=_first_incomplete(found.get("metadata"))
    )


def _row(row: object, keys: int) -> Row:
    """Return a row; one that cannot be read makes the answer rubbish, because nothing is to be lost silently."""
    if not isinstance(row, Mapping):
        raise _rubbish("a row is no object")
    found = row.get("keys")
    if not isinstance(found, list) or len(found) != keys or not all(isinstance(one, str) for one in found):
        raise _rubbish("the keys of a row are not those that were asked for")
    clicks, impressions, position = (row.get(name, 0) for name in ("clicks", "impressions", "position"))
    for number in (clicks, impressions, position):
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < 1e15:
            raise _rubbish("a row has figures that are no numbers")
    return Row(
        keys=tuple(_storable(one) for one in found),
        clicks=round(clicks),
        impressions=round(impressions),
        position=float(position),
    )


def _storable(text: str) -> str:
    """Return a text that the database takes: people search for NUL and half characters too."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _first_incomplete(metadata: object) -> date | None:
    value = metadata.get("first_incomplete_date") if isinstance(metadata, Mapping) else None
    if value is None and isinstance(metadata, Mapping):
        value = metadata.get("firstIncompleteDate")
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _said(response: httpx.Response) -> tuple[str, frozenset[str]]:
    """Return what an answer says went wrong, in brackets, and the machine-readable reasons."""
    try:
        error = response.json()["error"]
        message = error.get("message", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", frozenset()
    parts = [*_mappings(error.get("errors")), *_mappings(error.get("details"))]
    reasons = {part.get("reason") for part in parts} | {error.get("status")}
    text = _shortened(message) if isinstance(message, str) else ""
    return (f" ({text})" if text else ""), frozenset(one for one in reasons if isinstance(one, str))


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _shortened(text: str) -> str:
    return " ".join(_storable(text).split())[:300].rstrip(".")


def _rubbish(what: str) -> PluginError:
    return PluginError(f"Search Console answered something that cannot be read: {what}.", code="gsc_answer")
