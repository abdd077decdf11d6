"""What a receiver's answer means for the message and for the endpoint.

Source: the Standard Webhooks specification 1.0, section "Delivery": 2xx alone is success, redirects are not followed,
410 says that nobody listens any more, 429 and `Retry-After` ask to slow down.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

import httpx

from plugin_host import http


class Meaning(Enum):
    DELIVERED = auto()
    FAILED = auto()  # try again later
    SLOW_DOWN = auto()  # try again when the receiver said so
    REFUSED = auto()  # the receiver does not accept our signature, or us
    GONE = auto()  # the receiver wants no more messages
    NOT_CALLED = auto()  # nobody was asked: the operator does not allow it, or there is no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How an endpoint took a message.

    Args:
        reason: What it answered, as half a sentence: `answered 503`.
        status: The HTTP status; None where there was none.
        retry_after_seconds: When it wants to be asked again, where it said so.
        duration_ms: From the beginning of the request to the end of what was read of the answer.
        excerpt: The beginning of what it said, on one line.
    """

    meaning: Meaning
    reason: str
    status: int | None = None
    retry_after_seconds: float | None = None
    duration_ms: float = 0.0
    excerpt: str = ""


def read_answer(response: httpx.Response) -> Answer:
    """Return what a receiver's status and headers mean."""
    status = response.status_code
    retry_after = http.retry_after_seconds(response)
    if 200 <= status < 300:
        meaning = Meaning.DELIVERED
    elif status == 410:
        meaning = Meaning.GONE
    elif status in (401, 403):
        meaning = Meaning.REFUSED
    elif status == 429 or (status >= 500 and retry_after is not None):
        meaning = Meaning.SLOW_DOWN
    else:
        meaning = Meaning.FAILED
    reason = f"answered {status}"
    if 300 <= status < 400:
        reason += ", and redirects are not followed: write the final address"
    return Answer(meaning=meaning, reason=reason, status=status, retry_after_seconds=retry_after)


def shown(url: str) -> str:
    """Return the address without query and sign-in, which may carry keys."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
