"""Trying again what may be repeated, as long as the hook's time allows.

Source: RFC 9110, section 9.2.2 (idempotent methods) and 10.2.3 (Retry-After); RFC 6585, section 4 (429).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import stamina

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
# Nobody is asked to wait longer than this, whatever the header says.
MAX_RETRY_AFTER_SECONDS: Final = 86_400.0
_EARLIEST_MOMENT: Final = 1_000_000_000.0
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
# The server says that it has not looked at the request.
_NOT_PROCESSED: Final = frozenset({425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often, and for how long, a request is tried again.

    Tried again are: requests whose connection was never made; 429; and, where the method is idempotent or the request
    has an `Idempotency-Key`, lost connections, time-outs and the statuses 408, 500, 502, 503 and 504. The waits grow,
    with jitter; `Retry-After` replaces them. The last answer is returned as it is, the last error raised.

    Args:
        tries: All of them, the first one included.
        first_wait_seconds: Before the second try, up to as much again being added.
        longest_wait_seconds: Where `Retry-After` asks for more, the answer is returned at once: come back later.
        total_seconds: After that no new try begins.
    """

    tries: int = 3
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 20.0
    total_seconds: float = 60.0


class _Unfinished(Exception):
    """An answer that is worth another try."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def send_with_retries(
    request: httpx.Request, send: Callable[[], Awaitable[httpx.Response]], retries: Retries
) -> httpx.Response:
    """Send a request until its answer is final, or the tries are used up."""
    repeatable = isinstance(request.stream, httpx.ByteStream)
    idempotent = request.method in IDEMPOTENT or "Idempotency-Key" in request.headers

    def wait_after(error: Exception) -> bool | float:
        if not repeatable:
            return False
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return True
        if isinstance(error, _Unfinished):
            asked = retry_after_seconds(error.response)
            if asked is None:
                return True
            return asked if asked <= retries.longest_wait_seconds else False
        return idempotent and isinstance(error, httpx.TransportError)

    try:
        async for attempt in stamina.retry_context(
            on=wait_after,
            attempts=retries.tries,
            timeout=retries.total_seconds,
            wait_initial=retries.first_wait_seconds,
            wait_jitter=retries.first_wait_seconds,
            wait_max=retries.longest_wait_seconds,
        ):
            with attempt:
                response = await send()
                status = response.status_code
                if status in _NOT_PROCESSED or (idempotent and status in _PASSING):
                    raise _Unfinished(response)
                return response
    except _Unfinished as last:
        return last.response
    raise AssertionError  # the last try returns or raises


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Return for how long an answer asks to wait, a day at most; None where it does not say.

    That is its `Retry-After`; a 429 without one may say by `X-RateLimit-Reset` when it counts from zero again, in
    seconds since 1970 or in seconds from now.
    """
    value = response.headers.get("retry-after", "").strip()
    if value:
        seconds = _seconds_until(value)
    elif response.status_code == 429:
        seconds = _seconds_until_reset(response.headers.get("x-ratelimit-reset", "").strip())
    else:
        seconds = None
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _seconds_until(value: str) -> float | None:
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _seconds_until_reset(value: str) -> float | None:
    if not value.isdecimal():
        return None
    # Nobody has a limit for thirty years.
    return float(value) - time.time() if float(value) > _EARLIEST_MOMENT else float(value)
