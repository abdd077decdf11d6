"""Which addresses have settled a message, so that a retry for one of them does not repeat it to the others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from plugin_host.runtime import store

from .answers import Answer, Meaning

_SETTLED: Final = {Meaning.DELIVERED: "delivered", Meaning.GONE: "gone"}
_TRIED_AGAIN: Final = (Meaning.FAILED, Meaning.SLOW_DOWN)


class Progress:
    """How far one message has come; nothing is stored while every address takes it at the first try.

    Args:
        message_id: The message, the same in each try.
        attempt: Number of the try, from 1.
    """

    def __init__(self, message_id: str, *, attempt: int) -> None:
        self._key = f"progress:{message_id}"
        self._attempt = attempt

    async def earlier_answers(self, urls: Sequence[str]) -> dict[str, Answer]:
        """Return the answers of addresses that need no other try."""
        if self._attempt == 1:
            return {}
        kept: Mapping[str, str] = await store.aget(self._key, {})
        meanings = {name: meaning for meaning, name in _SETTLED.items()}
        return {
            url: Answer(url=url, meaning=meanings[kept[_fingerprint(url)]], reason="answered 410 before")
            for url in urls
            if _fingerprint(url) in kept
        }

    async def keep(self, answers: Sequence[Answer]) -> None:
        """Remember who need not be asked again, as long as somebody has to be."""
        settled = {
            _fingerprint(answer.url): _SETTLED[answer.meaning]
            for answer in answers
            if answer.meaning in _SETTLED
        }
        if settled and any(answer.meaning in _TRIED_AGAIN for answer in answers):
            await store.aset(self._key, settled)
        elif self._attempt > 1:
            await store.adelete(self._key)


def _fingerprint(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]
