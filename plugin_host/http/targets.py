"""Which addresses plugins may call: public ones, and those that the operator opens with `OUTBOUND_ALLOW`."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore

from plugin_host.errors import PluginError

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
