"""`Idempotency-Key`: a POST that is sent again, because its answer got lost, is not carried out again.

The first answer is kept for a day in the Redis-compatible server and given again to the same caller with the same key
and body. Answers that refuse are not kept: they changed nothing, so trying again is safe.

Source: The Idempotency-Key HTTP Header Field, draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.errors import Conflict, Invalid, Malformed, Unavailable
from core.scope import current_actor, current_tenant_id

HEADER: Final = "Idempotency-Key"
KEPT_SECONDS: Final = 24 * 3600
# A process that is killed while it works leaves the key taken; until then it cannot be told from one still at it.
_WORKING_SECONDS: Final = 60
_SOCKET_SECONDS: Final = 1.0
_KEY: Final = re.compile(r"^[\x21-\x7e]{1,255}$")
_KEPT_HEADERS: Final = ("ETag", "Location")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer that was given before."""

    status: int
    headers: Mapping[str, str]
    document: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request that is being carried out under a key.

    Args:
        place: Where its answer will be kept.
        fingerprint: What it asks for.
    """

    place: str
    fingerprint: str

    def keep(self, *, status: int, headers: Mapping[str, str], document: Any) -> None:
        """Keep the answer for whoever asks again; what was done is done, so a failure to keep it is no error."""
        kept = {
            "fingerprint": self.fingerprint,
            "status": status,
            "headers": {name: headers[name] for name in _KEPT_HEADERS if name in headers},
            "document": document,
        }
        try:
            _client().set(self.place, zlib.compress(json.dumps(kept).encode()), ex=KEPT_SECONDS)
        except redis.RedisError:
            # The key stays taken for a minute, after which the caller may find out what became of the request.
            return

    def give_up(self) -> None:
        """Free the key: nothing was done under it."""
        try:
            _client().delete(self.place)
        except redis.RedisError:
            return  # it frees itself


def begin(*, key: str, path: str, body: Any, precondition: str) -> Attempt | KeptAnswer:
    """Take a key for a request, or return the answer that was given under it before.

    Raises:
        Malformed: The key is none.
        Invalid: The key was used for another body.
        Conflict: The same request is being carried out at this moment.
        Unavailable: Nothing can be promised, because the shared server does not answer.
    """
    if not _KEY.match(key):
        raise Malformed(f"{HEADER} is 1 to 255 visible ASCII characters.", code="bad_idempotency_key")
    attempt = Attempt(
        place=_digest(f"{current_tenant_id()} {current_actor().reference} {path} {key}", prefix=True),
        fingerprint=_digest(json.dumps([body, precondition], sort_keys=True)),
    )
    working = zlib.compress(json.dumps({"fingerprint": attempt.fingerprint}).encode())
    try:
        if _client().set(attempt.place, working, nx=True, ex=_WORKING_SECONDS):
            return attempt
        stored = _client().get(attempt.place)
    except redis.RedisError as error:
        message = f"{HEADER} cannot be honoured at the moment, so nothing was done; try again."
        raise Unavailable(message, code="idempotency_unavailable") from error
    if not isinstance(stored, bytes):
        raise Conflict(_STILL_WORKING, code="idempotency_in_progress")
    known = json.loads(zlib.decompress(stored))
    if known["fingerprint"] != attempt.fingerprint:
        raise Invalid(
            f"This {HEADER} was used for another request; take a new one.", code="idempotency_reused"
        )
    if "status" not in known:
        raise Conflict(_STILL_WORKING, code="idempotency_in_progress")
    return KeptAnswer(status=known["status"], headers=known["headers"], document=known["document"])


_STILL_WORKING: Final = "The same request is being carried out; ask again in a moment."


def _digest(text: str, *, prefix: bool = False) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
    return f"{settings.DATABASE_ROLE_PREFIX}-idempotency:{digest}" if prefix else digest


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
