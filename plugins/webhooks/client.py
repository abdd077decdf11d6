"""One exchange with one receiver.

Source: the Standard Webhooks specification 1.0, https://github.com/standard-webhooks/standard-webhooks, sections
"Webhook headers" and "Delivery".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import httpx

from plugin_host import http
from plugin_host.base import Secrets
from plugin_host.errors import PluginError

from .answers import Answer, Meaning, read_answer
from .config import Endpoint
from .signing import signed_headers

# The specification recommends 15 to 30 seconds; the hook's own limit is 120.
TIMEOUT_SECONDS: Final = 20.0
USER_AGENT: Final = "Tenantry-Webhooks/1.0"
_READ_BYTES: Final = 4096
_EXCERPT_CHARACTERS: Final = 500


def client() -> httpx.AsyncClient:
    """Return the client with which receivers are called."""
    return http.client(timeout=TIMEOUT_SECONDS)


async def post(
    opened: httpx.AsyncClient,
    endpoint: Endpoint,
    *,
    secrets: Secrets,
    message_id: str,
    request_id: str,
    sent_at: float,
    secret_names: Iterable[str],
    body: bytes,
) -> Answer:
    """Send a message to an endpoint and return how it took it; nothing is raised.

    Args:
        message_id: The same for each try of a message.
        request_id: Of this try, so that it is found again in the receiver's log.
        sent_at: Seconds since 1970.
    """
    values = {name: secrets.get(name) for name in secret_names}
    if missing := [name for name, value in values.items() if not value]:
        reason = f"was not called: the secret {missing[0]!r} that signs for it is not set"
        return Answer(meaning=Meaning.NOT_CALLED, reason=reason)
    begun = time.monotonic()
    try:
        headers = signed_headers(
            list(values.values()), message_id=message_id, timestamp=int(sent_at), body=body
        )
        answer = await _exchange(opened, endpoint.url, headers | {"x-request-id": request_id}, body)
    except TimeoutError:
        answer = Answer(meaning=Meaning.FAILED, reason=f"did not answer within {TIMEOUT_SECONDS:g} seconds")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = f"could not be reached ({type(error).__name__}: {_masked(str(error), values)})"
        answer = Answer(meaning=Meaning.FAILED, reason=reason)
    except PluginError as error:
        answer = Answer(meaning=Meaning.NOT_CALLED, reason=f"was not called ({error})")
    took = (time.monotonic() - begun) * 1000
    return replace(answer, duration_ms=took, excerpt=_one_line(_masked(answer.excerpt, values)))


async def _exchange(opened: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    headers = {**headers, "content-type": "application/json", "user-agent": USER_AGENT}
    answer: Answer | None = None
    said = b""
    try:
        # The time limit is for the whole exchange; httpx's own are per packet.
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            opened.stream("POST", url, content=body, headers=headers, follow_redirects=False) as response,
        ):
            answer = read_answer(response)
            async for part in response.aiter_bytes(_READ_BYTES):
                said += part
                if len(said) >= _READ_BYTES:
                    break
    except (TimeoutError, httpx.HTTPError):
        # The status is the answer. Whether the rest of it arrives does not matter.
        if answer is None:
            raise
    assert answer is not None  # it would have raised
    return replace(answer, excerpt=said[:_READ_BYTES].decode(errors="replace"))


def _masked(text: str, values: Mapping[str, str]) -> str:
    for value in values.values():
        text = text.replace(value, "***").replace(value.removeprefix("whsec_"), "***")
    return text


def _one_line(text: str) -> str:
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= _EXCERPT_CHARACTERS else line[:_EXCERPT_CHARACTERS] + "…"
