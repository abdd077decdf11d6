"""How often somebody may ask: fixed windows counted in the Redis-compatible server.

Where that server does not answer, each process counts for itself for a few seconds, so that no request waits for it
twice and no limit is simply gone.

Source of the header fields: RateLimit header fields for HTTP, draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.conf import settings
from django.http import HttpRequest
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.errors import TooManyRequests
from core.scope import current_actor, current_tenant_id

_logger = logging.getLogger("tenantry.throttling")
_PERIODS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SOCKET_SECONDS: Final = 0.25
_REST_AFTER_FAILURE_SECONDS: Final = 5.0
_LOCAL_ENTRIES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many requests per window."""

    name: str
    count: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Where somebody stands within a window."""

    limit: Limit
    used: int
    reset_seconds: int

    @property
    def is_exceeded(self) -> bool:
        return self.used > self.limit.count

    def headers(self) -> dict[str, str]:
        """Return the RateLimit header fields."""
        left = max(0, self.limit.count - self.used)
        return {
            "RateLimit-Policy": f'"{self.limit.name}";q={self.limit.count};w={self.limit.seconds}',
            "RateLimit": f'"{self.limit.name}";r={left};t={self.reset_seconds}',
        }


def limit_named(name: str) -> Limit:
    """Return a limit of `DEFAULT_THROTTLE_RATES`, which are written like `600/min`."""
    text = str(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"][name])  # type: ignore[index]  # a dict of dicts
    count, _, period = text.partition("/")
    return Limit(name=name, count=int(count), seconds=_PERIODS[period[:1] or "m"])


def count_use(limit: Limit, who: str, *, clock: Callable[[], float] = time.time) -> Usage:
    """Count one request of `who` and say where that leaves them."""
    now = clock()
    window, passed = divmod(int(now), limit.seconds)
    digest = hashlib.blake2b(who.encode(), digest_size=12).hexdigest()
    key = f"{settings.DATABASE_ROLE_PREFIX}-rate:{limit.name}:{digest}:{window}"
    used = _shared.increment(key, limit.seconds)
    return Usage(limit=limit, used=used, reset_seconds=limit.seconds - passed)


def limit_sign_in(*, email: str, address: str) -> None:
    """Count a try to sign in: by address with e-mail address, and by either alone.

    Raises:
        TooManyRequests: There were too many tries.
    """
    limit = limit_named("sign_in")
    # Tries from many addresses against one account add up too, with more room, so that nobody is locked out easily.
    wide = Limit(name="sign_in_account", count=limit.count * 5, seconds=limit.seconds * 5)
    counted = [(limit, f"{address} {email}"), (wide, email)]
    if address:
        # One password tried on many accounts; many people may share an address, so there is room again.
        counted.append(
            (Limit(name="sign_in_address", count=limit.count * 10, seconds=limit.seconds), address)
        )
    for usage in [count_use(*one) for one in counted]:
        if usage.is_exceeded:
            raise TooManyRequests(
                f"Too many tries to sign in; wait {usage.reset_seconds} seconds.",
                retry_after_seconds=usage.reset_seconds,
            )


def client_address(request: HttpRequest | None) -> str:
    """Return the address that a request came from, as far as it can be trusted."""
    if request is None:
        return ""
    is_behind_proxy = settings.SECURE_PROXY_SSL_HEADER is not None
    if is_behind_proxy and (chain := request.META.get("HTTP_X_FORWARDED_FOR")):
        # The last entry is the one that our own proxy wrote.
        return str(chain).rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


class CallerRateThrottle(BaseThrottle):
    """Limits each key, person or anonymous address within a tenant; `settings` names it as DRF's default."""

    def __init__(self) -> None:
        self._usage: Usage | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        actor = current_actor()
        if actor.kind == "anonymous":
            limit, who = limit_named("anonymous"), client_address(request._request)
        else:
            limit, who = limit_named("caller"), actor.reference
        self._usage = count_use(limit, f"{current_tenant_id()} {who}")
        request._request.rate_limits = self._usage.headers()  # type: ignore[attr-defined]  # the middleware sends them
        return not self._usage.is_exceeded

    def wait(self) -> float | None:
        return float(self._usage.reset_seconds) if self._usage else None


class _SharedCounters:
    """Counters in the shared server, with local ones for the time that it does not answer."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._resting_until = 0.0
        self._local: dict[str, int] = {}
        self._lock = threading.Lock()

    def increment(self, key: str, seconds: int) -> int:
        if time.monotonic() >= self._resting_until:
            try:
                return self._increment_shared(key, seconds)
            except redis.RedisError as error:
                self._resting_until = time.monotonic() + _REST_AFTER_FAILURE_SECONDS
                _logger.warning(
                    "limits are counted per process, the shared counters do not answer: %s", error
                )
        return self._increment_local(key)

    def _increment_shared(self, key: str, seconds: int) -> int:
        if self._client is None:
            self._client = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=_SOCKET_SECONDS,
                socket_connect_timeout=_SOCKET_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        pipeline = self._client.pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, seconds, nx=True)
        used, _ = pipeline.execute()
        return int(used)

    def _increment_local(self, key: str) -> int:
        with self._lock:
            if len(self._local) >= _LOCAL_ENTRIES:
                self._local.clear()
            self._local[key] = self._local.get(key, 0) + 1
            return self._local[key]


_shared = _SharedCounters()
