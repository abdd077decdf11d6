"""Connections to checked addresses only, and answers of bounded size."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Any

import httpcore
import httpx

from plugin_host.errors import PluginError
from plugin_host.http.targets import OutboundRefused, Resolver, permitted_addresses, resolve

MAX_BODY_BYTES = 10 * 1024 * 1024


class _PinnedBackend(httpcore.AnyIOBackend):
    """Connects to checked addresses only; httpcore keeps the name for TLS and for sharing connections."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await permitted_addresses(host, port, self._resolver)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"The name {host!r} was not resolved in time.") from error
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            try:
                return await super().connect_tcp(
                    address,
                    port,
                    timeout=timeout,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError(f"The name {host!r} has no address.")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise OutboundRefused("Plugins do not connect to unix sockets.")


class _CappedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, limit: int, url: str) -> None:
        self._stream = stream
        self._limit = limit
        self._url = url

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._stream:
            received += len(chunk)
            check_size(received, self._limit, self._url)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


@cache
def _default_context(*, http2: bool) -> ssl.SSLContext:
    # Reading all authorities' certificates takes 20 ms of the event loop, far too long for every hook's client. One
    # for each value of http2, because connections write into it which protocols they offer.
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Sends requests over connections to permitted addresses only.

    Args:
        max_body_bytes: How much of an answer is read, as it comes over the wire.
        resolver: Finds the addresses of a name.
    """

    def __init__(
        self,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        resolver: Resolver = resolve,
        verify: Any = True,
        http2: bool = False,
        limits: httpx.Limits | None = None,
    ) -> None:
        limits = (
            limits if limits is not None else httpx.Limits(max_connections=20, max_keepalive_connections=5)
        )
        context = _default_context(http2=http2) if verify is True else httpx.create_ssl_context(verify=verify)
        super().__init__(verify=context, trust_env=False, http2=http2, limits=limits)
        self._max_body_bytes = max_body_bytes
        self._resolver = resolver
        pool: dict[str, Any] = {
            "ssl_context": context,
            "max_connections": limits.max_connections,
            "max_keepalive_connections": limits.max_keepalive_connections,
            "keepalive_expiry": limits.keepalive_expiry,
            "http1": True,
            "http2": http2,
        }
        proxy = os.environ.get("OUTBOUND_PROXY", "")
        self._is_proxied = bool(proxy)
        # httpx has no argument for the network backend, so the pool that it made is replaced by an equal one with ours.
        self._pool = (
            httpcore.AsyncHTTPProxy(proxy_url=proxy, **pool)
            if proxy
            else httpcore.AsyncConnectionPool(network_backend=_PinnedBackend(resolver), **pool)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; each redirect hop is one of its own.

        Raises:
            OutboundRefused: where it may not go there.
        """
        if request.url.scheme not in ("http", "https"):
            raise OutboundRefused(f"Only http and https addresses can be called, not {request.url.scheme!r}.")
        if self._is_proxied:
            await self._check_before_proxy(request.url)
        response = await super().handle_async_request(request)
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and request.method != "HEAD" and int(declared) > self._max_body_bytes:
            await response.aclose()
            check_size(int(declared), self._max_body_bytes, str(request.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _CappedStream(response.stream, self._max_body_bytes, str(request.url))
        return response

    async def _check_before_proxy(self, url: httpx.URL) -> None:
        """Refuse inner addresses as far as they can be seen from here: the proxy looks the name up once more."""
        port = url.port or (443 if url.scheme == "https" else 80)
        # A name that only the proxy can resolve is the proxy's to judge.
        with contextlib.suppress(httpcore.ConnectError):
            await permitted_addresses(url.host, port, self._resolver)


def check_size(size: int, limit: int, url: str) -> None:
    """Refuse an answer that is larger than allowed.

    Raises:
        PluginError: It is.
    """
    if size > limit:
        raise PluginError(
            f"The answer of {url} is larger than {limit} bytes: ask for less, or raise max_body_bytes.",
            code="answer_too_large",
        )
