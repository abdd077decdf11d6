"""The HTTP client for plugins: httpx, kept away from the inside of the network.

    async with http.client() as client:
        response = await client.get("https://api.example.com/items")

A name is resolved once, all its addresses must be public, and the connection goes to one of exactly those addresses,
with the name for TLS and the Host header. So neither a name that points inside, nor one that changes its address in
between, nor a redirect reaches anything that the public internet does not. Redirects are not followed unless asked for,
and then each hop is a new connection under the same rule. Proxies of the environment are not used.

The operator opens exceptions with `OUTBOUND_ALLOW`: entries `host:port`, `host:*` or `10.0.0.0/8:443`, separated by
commas.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpcore
import httpx

from core.logging import log_context
from plugin_host.errors import PluginError

__all__ = ["client"]

CORRELATION_HEADER = "X-Correlation-ID"
DEFAULT_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
TOTAL_SECONDS = 30.0
MAX_BODY_BYTES = 10 * 1024 * 1024
_ENTRY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\](?:/\d+)?|[^:\s]+):(?P<port>\*|\d{1,5})")

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_DEPRECATED_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")  # 6to4 anycast, RFC 7526
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Resolver = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class AllowedTarget:
    """One exception of the operator.

    Args:
        host: A name, exactly as in the address, or None where `network` is given.
        network: Addresses; a name that resolves into it is let through too.
        port: None for any.
    """

    host: str | None
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    port: int | None

    def covers_name(self, host: str, port: int) -> bool:
        """Say whether the name itself is allowed, whatever it resolves to."""
        return self.host is not None and self.host == host and self.port in (None, port)

    def covers_address(self, address: Address, port: int) -> bool:
        """Say whether an address is allowed."""
        return (
            self.network is not None
            and self.network.version == address.version
            and address in self.network
            and self.port in (None, port)
        )


def parse_allowed(entries: str | Iterable[str]) -> tuple[AllowedTarget, ...]:
    """Return what `OUTBOUND_ALLOW` describes.

    Raises:
        ValueError: where an entry cannot be read; the message names it.
    """
    listed = entries.split(",") if isinstance(entries, str) else list(entries)
    return tuple(_parsed(entry.strip()) for entry in listed if entry.strip())


_lock = threading.Lock()
_configured: tuple[AllowedTarget, ...] | None = None
_temporary: list[tuple[AllowedTarget, ...]] = []


def configure(allow: str | Iterable[str]) -> None:
    """Set the operator's exceptions for this process, instead of the environment's."""
    global _configured
    _configured = parse_allowed(allow)


@contextmanager
def allow_outbound(*entries: str) -> Iterator[None]:
    """Open more exceptions inside the block, in the whole process; for tests."""
    added = parse_allowed(entries)
    with _lock:
        _temporary.append(added)
    try:
        yield
    finally:
        with _lock:
            _temporary.remove(added)


def allowed_targets() -> tuple[AllowedTarget, ...]:
    """Return the exceptions in force."""
    base = _configured if _configured is not None else parse_allowed(os.environ.get("OUTBOUND_ALLOW", ""))
    with _lock:
        return (*base, *(target for group in _temporary for target in group))


def is_public(address: Address) -> bool:
    """Say whether an address belongs to the public internet, looking into addresses that carry another one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address.teredo is not None or address in _V4_COMPATIBLE or address.is_site_local:
            return False
    elif address in _DEPRECATED_RELAYS:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class OutboundRefused(PluginError):
    """A request was refused before anything was sent."""

    default_code = "outbound_refused"

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


async def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a name, as the system resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def permitted_addresses(host: str, port: int, resolver: Resolver = resolve) -> list[str]:
    """Return the addresses that a connection to `host` may use, in the resolver's order.

    Raises:
        OutboundRefused: where one of them is not public and the operator has not allowed it.
        httpcore.ConnectError: where the name cannot be resolved.
    """
    name = host.rstrip(".").lower()
    targets = allowed_targets()
    try:
        addresses = await resolver(host, port)
    except OSError as error:
        raise httpcore.ConnectError(f"The name {host!r} cannot be resolved: {error}") from error
    if not addresses:
        raise httpcore.ConnectError(f"The name {host!r} has no address.")
    if any(target.covers_name(name, port) for target in targets):
        return addresses
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if is_public(address) or any(target.covers_address(address, port) for target in targets):
            continue
        leads = "is" if text == host else f"leads to {text}, which is"
        raise OutboundRefused(
            f"{host}:{port} {leads} not a public address, so the request was refused. "
            f"An operator who trusts it can add '{_shown(name)}:{port}' to OUTBOUND_ALLOW."
        )
    return addresses


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
            _check_size(received, self._limit, self._url)
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
        # httpx has no argument for the network backend, so the pool that it made is replaced by an equal one with ours.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http1=True,
            http2=http2,
            network_backend=_PinnedBackend(resolver),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; each redirect hop is one of its own.

        Raises:
            OutboundRefused: where it may not go there.
        """
        if request.url.scheme not in ("http", "https"):
            raise OutboundRefused(f"Only http and https addresses can be called, not {request.url.scheme!r}.")
        response = await super().handle_async_request(request)
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and request.method != "HEAD" and int(declared) > self._max_body_bytes:
            await response.aclose()
            _check_size(int(declared), self._max_body_bytes, str(request.url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _CappedStream(response.stream, self._max_body_bytes, str(request.url))
        return response


class GuardedClient(httpx.AsyncClient):
    """`httpx.AsyncClient` over a `GuardedTransport`; made by `client()`."""

    def __init__(self, *, max_body_bytes: int, total_seconds: float | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._max_body_bytes = max_body_bytes
        self._total_seconds = total_seconds

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send a request and, unless it is streamed, read its answer, all inside the total time.

        Raises:
            OutboundRefused: where it may not go there.
            PluginError: where the answer is larger than allowed.
            httpx.HTTPError: as in httpx.
        """
        if CORRELATION_HEADER not in request.headers and (value := log_context().get("correlation_id")):
            request.headers[CORRELATION_HEADER] = value
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
                _check_size(size, self._max_body_bytes, str(response.request.url))
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
    **arguments: Any,
) -> httpx.AsyncClient:
    """Return an `httpx.AsyncClient` that reaches public addresses only.

    Args:
        timeout: httpx's limits for connecting, reading and writing, in seconds; 3 for connecting and 10 else.
        follow_redirects: Whether to follow redirects; each hop is checked.
        max_body_bytes: How much of an answer is read at most, before and after decompression.
        total_seconds: For the request and its whole answer; streamed answers have no such limit.
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
        transport=GuardedTransport(
            max_body_bytes=max_body_bytes, resolver=resolver, verify=verify, http2=http2, limits=limits
        ),
        timeout=timeout,
        follow_redirects=follow_redirects,
        trust_env=False,
        **arguments,
    )


def _parsed(entry: str) -> AllowedTarget:
    parts = _ENTRY.fullmatch(entry)
    if parts is None:
        raise ValueError(f"OUTBOUND_ALLOW has {entry!r}: write 'host:port', 'host:*' or '10.0.0.0/8:443'.")
    port = None if parts["port"] == "*" else int(parts["port"])
    host = parts["host"].replace("[", "").replace("]", "")
    try:
        return AllowedTarget(None, ipaddress.ip_network(host), port)
    except ValueError:
        if "/" in host or "*" in host:
            raise ValueError(
                f"OUTBOUND_ALLOW has {entry!r}: a name must be exact, a network such as 10.0.0.0/8."
            ) from None
        return AllowedTarget(host.rstrip(".").lower(), None, port)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_size(size: int, limit: int, url: str) -> None:
    if size > limit:
        raise PluginError(
            f"The answer of {url} is larger than {limit} bytes: ask for less, or raise max_body_bytes.",
            code="answer_too_large",
        )
