"""The client: `httpx.AsyncClient` over guarded connections, with limits of time and size, and tries."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from core.logging import log_context
from plugin_host.errors import PluginError
from plugin_host.http.retrying import Retries, send_with_retries
from plugin_host.http.targets import Resolver, resolve
from plugin_host.http.transport import MAX_BODY_BYTES, GuardedTransport, check_size

CORRELATION_HEADER = "X-Correlation-ID"
DEFAULT_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
TOTAL_SECONDS = 30.0


class GuardedClient(httpx.AsyncClient):
    """`httpx.AsyncClient` over a `GuardedTransport`; made by `client()`."""

    def __init__(
        self, *, max_body_bytes: int, total_seconds: float | None, retries: Retries | None, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._max_body_bytes = max_body_bytes
        self._total_seconds = total_seconds
        self._retries = retries

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send a request and, unless it is streamed, read its answer, each try inside the total time.

        Raises:
            OutboundRefused: where it may not go there.
            PluginError: where the answer is larger than allowed.
            httpx.HTTPError: as in httpx.
        """
        if CORRELATION_HEADER not in request.headers and (value := log_context().get("correlation_id")):
            request.headers[CORRELATION_HEADER] = value

        async def send_once() -> httpx.Response:
            return await self._send_once(request, stream=stream, auth=auth, follow_redirects=follow_redirects)

        if self._retries is None or stream:
            return await send_once()
        return await send_with_retries(request, send_once, self._retries)

    async def _send_once(
        self, request: httpx.Request, *, stream: bool, auth: Any, follow_redirects: Any
    ) -> httpx.Response:
        try:
            async with asyncio.timeout(None if stream else self._total_seconds):
                response = await super().send(
                    request, stream=True, auth=auth, follow_redirects=follow_redirects
                )
                if not stream:
                    await self._read(response)
                return response
        except TimeoutError as error:
            raise httpx.ReadTimeout(
                f"No whole answer within {self._total_seconds:g} seconds.", request=request
            ) from error

    async def _read(self, response: httpx.Response) -> None:
        # A small compressed body can grow without bounds, so the decoded size is watched too.
        parts: list[bytes] = []
        size = 0
        try:
            async for part in response.aiter_bytes():
                size += len(part)
                check_size(size, self._max_body_bytes, str(response.request.url))
                parts.append(part)
        finally:
            await response.aclose()
        response._content = b"".join(parts)


def client(
    *,
    timeout: httpx.Timeout | float | None = DEFAULT_TIMEOUT,
    follow_redirects: bool = False,
    max_body_bytes: int = MAX_BODY_BYTES,
    total_seconds: float | None = TOTAL_SECONDS,
    verify: Any = True,
    http2: bool = False,
    limits: httpx.Limits | None = None,
    resolver: Resolver = resolve,
    retries: Retries | None = None,
    **arguments: Any,
) -> httpx.AsyncClient:
    """Return an `httpx.AsyncClient` that reaches public addresses only.

    Args:
        timeout: httpx's limits for connecting, reading and writing, in seconds; 3 for connecting and 10 else.
        follow_redirects: Whether to follow redirects; each hop is checked.
        max_body_bytes: How much of an answer is read at most, before and after decompression.
        total_seconds: For one try and its whole answer; streamed answers have no such limit.
        retries: Tries again what may be repeated; without it each request is sent once.
        arguments: As for `httpx.AsyncClient`: `headers`, `params`, `base_url`, `auth`, `event_hooks` and so on.

    Raises:
        PluginError: where an argument would go round the guard.
    """
    for forbidden in ("transport", "mounts", "proxy", "trust_env", "app"):
        if forbidden in arguments:
            raise PluginError(
                f"http.client() takes no {forbidden!r}: it would go round the guard. Use httpx itself in tests.",
                permanent=True,
            )
    return GuardedClient(
        max_body_bytes=max_body_bytes,
        total_seconds=total_seconds,
        retries=retries,
        transport=GuardedTransport(
            max_body_bytes=max_body_bytes, resolver=resolver, verify=verify, http2=http2, limits=limits
        ),
        timeout=timeout,
        follow_redirects=follow_redirects,
        trust_env=False,
        **arguments,
    )
