"""What a receiver's answer means for the delivery.

Source: the Standard Webhooks specification 1.0, section "Delivery": 2xx alone is success, redirects are not followed,
410 says that nobody listens any more, 429 and `Retry-After` ask to slow down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from urllib.parse import urlsplit

from plugin_host.errors import AuthFailed, NotReady, PluginError

# Nobody is asked to wait longer than this, whatever the header says.
MAX_RETRY_AFTER_SECONDS = 86_400.0


class Meaning(Enum):
    DELIVERED = auto()
    FAILED = auto()  # try again later
    SLOW_DOWN = auto()  # try again when the receiver said so
    REFUSED = auto()  # the receiver does not accept our credentials
    GONE = auto()  # the receiver wants no more messages
    FORBIDDEN = auto()  # the installation does not let plugins call it


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one address took one message.

    Args:
        reason: What it answered, as half a sentence: `answered 503`.
        retry_after_seconds: When it wants to be asked again, where it said so.
    """

    url: str
    meaning: Meaning
    reason: str = ""
    retry_after_seconds: float | None = None


def read_answer(url: str, status: int, headers: Mapping[str, str], *, now: datetime) -> Answer:
    """Return what a receiver's status and headers mean."""
    retry_after = _retry_after_seconds(headers.get("retry-after"), now)
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
    return Answer(url=url, meaning=meaning, reason=reason, retry_after_seconds=retry_after)


def unanswered(url: str, problem: str) -> Answer:
    """Return the answer of a receiver that could not be reached."""
    return Answer(url=url, meaning=Meaning.FAILED, reason=problem)


def not_allowed(url: str, problem: str) -> Answer:
    """Return the answer of an address that is not called at all."""
    return Answer(url=url, meaning=Meaning.FORBIDDEN, reason=problem)


def raise_for(answers: Sequence[Answer]) -> None:
    """Raise what the worst answer asks for; pass where every address took the message.

    Raises:
        PluginError: where an address failed; the delivery is tried again. Permanent where nothing is left but
            addresses that are gone or may not be called.
        NotReady: where all that failed asked to wait.
        AuthFailed: where nothing is left but addresses that refuse our credentials.
    """
    trouble = [answer for answer in answers if answer.meaning is not Meaning.DELIVERED]
    if not trouble:
        return
    waiting = [answer for answer in trouble if answer.meaning is Meaning.SLOW_DOWN]
    failed = [answer for answer in trouble if answer.meaning is Meaning.FAILED]
    message = _sentence(trouble, of=len(answers))
    if failed:
        raise PluginError(message, code="webhook_failed")
    if waiting:
        asked = [answer.retry_after_seconds for answer in waiting if answer.retry_after_seconds is not None]
        raise NotReady(message, retry_after=max(asked, default=None))
    if any(answer.meaning is Meaning.REFUSED for answer in trouble):
        raise AuthFailed(f"{message} Check the address and what it asks for.")
    if any(answer.meaning is Meaning.GONE for answer in trouble):
        message += " Who answers 410 wants no more messages: take the address out of the configuration."
    raise PluginError(message, code="webhook_refused", permanent=True)


def shown(url: str) -> str:
    """Return the address without query and sign-in, which may carry keys."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _sentence(trouble: Sequence[Answer], *, of: int) -> str:
    said = "; ".join(f"{shown(answer.url)} {answer.reason}" for answer in trouble)
    return f"{said}." if of == 1 else f"{len(trouble)} of {of} addresses did not take the message: {said}."


def _retry_after_seconds(value: str | None, now: datetime) -> float | None:
    if value is None:
        return None
    if value.strip().isdecimal():
        seconds = float(value)
    else:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
