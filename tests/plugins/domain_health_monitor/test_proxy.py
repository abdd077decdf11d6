"""Behind the operator's proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from .authority import root
from .conftest import Internet, part
from .sites import Behaviour, Site


def forwarding(addresses: Mapping[str, str]) -> Behaviour:
    """Do what a proxy does: tunnels for CONNECT, and plain requests passed on; 502 for names it does not know."""

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(4096):
            sink.write(data)
            await sink.drain()
        sink.close()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        method, target, _ = head.split(" ", 2)
        host, _, port = target.removeprefix("http://").partition("/")[0].rpartition(":")
        if host not in addresses:
            writer.write(b"HTTP/1.1 502 No such host\r\nContent-Length: 0\r\n\r\n")
            return
        there, onward = await asyncio.open_connection(addresses[host], int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            onward.write(head.encode("latin-1"))
        await asyncio.gather(copy(reader, onward), copy(there, writer), return_exceptions=True)

    return behave


@pytest.fixture
def known() -> dict[str, str]:
    """What the proxy knows: name -> address."""
    return {}


@pytest.fixture
def proxy(web: Internet, known: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Site:
    site = web.sites.open(http=forwarding(known))
    monkeypatch.setenv("OUTBOUND_PROXY", f"http://{site.address}:{web.sites.http_port}")
    return site


async def test_a_domain_is_looked_at_through_the_proxy(
    web: Internet, proxy: Site, known: dict[str, str]
) -> None:
    known["shop.test"] = web.domain("shop.test").address

    found = await web.look("shop.test")

    assert found.status.value == "healthy"
    assert part(found, "tls")[1].startswith("TLSv1.3, certificate of")
    assert {head.split(" ")[0] for head in proxy.heads} == {"CONNECT", "GET"}


async def test_a_certificate_that_is_not_accepted_is_read_through_the_proxy(
    web: Internet, proxy: Site, known: dict[str, str]
) -> None:
    known["shop.test"] = web.domain("shop.test", signed=root().sign("other.test")).address

    status, message = part(await web.look("shop.test"), "tls")

    assert status == "unhealthy"
    assert "other.test" in message


async def test_where_the_proxy_makes_no_tunnel_the_finding_gives_its_words(
    web: Internet, proxy: Site
) -> None:
    web.domain("shop.test")

    status, message = part(await web.look("shop.test"), "https")

    assert status == "unhealthy"
    assert "is not reached by the operator's proxy, which says: 502 No such host" in message
    assert "OUTBOUND_PROXY" in message


async def test_a_proxy_that_takes_no_connection_is_named(
    web: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTBOUND_PROXY", "http://127.0.0.1:9")
    web.domain("shop.test")

    message = part(await web.look("shop.test"), "https")[1]

    assert "cannot be looked at: the operator's proxy takes no connection" in message


async def test_inner_addresses_are_refused_before_the_proxy_is_asked(
    web: Internet, proxy: Site, known: dict[str, str]
) -> None:
    web.names.add("inside.test", "10.0.0.5")
    known["inside.test"] = "10.0.0.5"

    found = await web.look("inside.test")

    assert "not public" in part(found, "dns")[1]
    assert proxy.connections == 0
