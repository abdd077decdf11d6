from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from core.logging import bind_log_context
from plugin_host import http
from plugin_host.errors import PluginError
from plugin_host.http import targets

CORRELATION = UUID("0190a0a0-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
def nothing_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the surroundings of the tests allow is none of these tests' business."""
    monkeypatch.setattr(targets, "_configured", None)
    monkeypatch.delenv("OUTBOUND_PROXY", raising=False)
    monkeypatch.delenv("OUTBOUND_ALLOW", raising=False)


@pytest.fixture
def server(httpserver: HTTPServer) -> Iterator[HTTPServer]:
    """A loopback server that the guard lets through."""
    with http.allow_outbound(f"{httpserver.host}:{httpserver.port}"):
        yield httpserver


async def test_request_to_an_allowed_address_is_answered(server: HTTPServer) -> None:
    server.expect_request("/items", headers={"Host": f"{server.host}:{server.port}"}).respond_with_json(
        {"items": [1]}
    )
    async with http.client() as client:
        response = await client.get(server.url_for("/items"))
    assert response.json() == {"items": [1]}
    assert isinstance(client, httpx.AsyncClient)


async def test_loopback_is_refused_and_the_way_out_told(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("inside")
    async with http.client() as client:
        with pytest.raises(PluginError) as caught:
            await client.get(f"http://127.0.0.1:{httpserver.port}/")
    assert caught.value.permanent
    assert caught.value.code == "outbound_refused"
    assert f"add '127.0.0.1:{httpserver.port}' to OUTBOUND_ALLOW" in caught.value.message
    assert httpserver.log == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
async def test_inner_addresses_are_refused_however_they_are_written(host: str) -> None:
    async with http.client() as client:
        with pytest.raises((http.OutboundRefused, httpx.ConnectError, httpx.InvalidURL)):
            await client.get(f"http://{host}:9/")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("64:ff9b::101:101", True),
        ("2002:101:101::", True),
        ("::ffff:1.1.1.1", True),
        ("192.88.99.1", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("240.0.0.1", False),
        ("2001:db8::1", False),
        ("2001::1", False),
        ("ff02::1", False),
        ("64:ff9b:1::1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert http.is_public(ipaddress.ip_address(address)) is public


async def test_every_address_of_a_name_must_be_public() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["1.1.1.1", "127.0.0.1"]

    async with http.client(resolver=resolver) as client:
        with pytest.raises(http.OutboundRefused, match=r"leads to 127\.0\.0\.1"):
            await client.get("http://two-faced.example/")


async def test_name_is_resolved_once_and_its_address_pinned(server: HTTPServer) -> None:
    asked: list[str] = []
    server.expect_request("/").respond_with_data("pinned")

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with http.allow_outbound(f"127.0.0.1:{server.port}"):
        async with http.client(resolver=resolver) as client:
            response = await client.get(f"http://pinned.example:{server.port}/")
    assert response.text == "pinned"
    assert asked == ["pinned.example"]
    assert server.log[0][0].headers["Host"] == f"pinned.example:{server.port}"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for `pinned.example`, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pinned.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pinned.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_certificate_is_checked_against_the_name_not_the_address(certificate: Path) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with HTTPServer(host="127.0.0.1", ssl_context=served) as server:
        server.expect_request("/").respond_with_data("over TLS")
        with http.allow_outbound(f"127.0.0.1:{server.port}"):
            async with http.client(resolver=resolver, verify=trusting) as client:
                answer = await client.get(f"https://pinned.example:{server.port}/")
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get(f"https://other.example:{server.port}/")
    assert answer.text == "over TLS"


async def test_name_that_cannot_be_resolved_is_a_connection_error() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    async with http.client(resolver=resolver) as client:
        with pytest.raises(httpx.ConnectError, match="cannot be resolved"):
            await client.get("http://nowhere.example/")


async def test_redirects_are_not_followed_unless_asked_for(server: HTTPServer) -> None:
    server.expect_request("/from").respond_with_data("", status=302, headers={"Location": "/to"})
    server.expect_request("/to").respond_with_data("arrived")
    async with http.client() as client:
        assert (await client.get(server.url_for("/from"))).status_code == 302
        assert (await client.get(server.url_for("/from"), follow_redirects=True)).text == "arrived"


async def test_each_hop_of_a_redirect_is_checked(server: HTTPServer) -> None:
    server.expect_request("/from").respond_with_data(
        "", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"}
    )
    async with http.client(follow_redirects=True) as client:
        with pytest.raises(http.OutboundRefused, match=r"169\.254\.169\.254:80"):
            await client.get(server.url_for("/from"))


async def test_other_schemes_are_refused() -> None:
    async with http.client() as client:
        with pytest.raises((httpx.UnsupportedProtocol, http.OutboundRefused)):
            await client.get("ftp://example.com/")


async def test_proxies_of_the_environment_are_not_used(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.expect_request("/").respond_with_data("direct")
    async with http.client() as client:
        assert (await client.get(server.url_for("/"))).text == "direct"


@pytest.mark.parametrize("argument", ["transport", "mounts", "proxy", "trust_env"])
def test_arguments_that_go_round_the_guard_are_refused(argument: str) -> None:
    with pytest.raises(PluginError, match="round the guard"):
        http.client(**{argument: None})  # type: ignore[arg-type]  # the mistake that is tested


async def test_answer_that_is_too_large_is_cut_off(server: HTTPServer) -> None:
    server.expect_request("/declared").respond_with_data(b"x" * 2000)

    def endless(request: Request) -> Response:
        return Response((b"x" * 500 for _ in range(100)), direct_passthrough=True)

    server.expect_request("/endless").respond_with_handler(endless)
    async with http.client(max_body_bytes=1000) as client:
        for path in ("/declared", "/endless"):
            with pytest.raises(PluginError, match="larger than 1000 bytes") as caught:
                await client.get(server.url_for(path))
            assert caught.value.code == "answer_too_large"
        server.expect_request("/small").respond_with_data("fits")
        assert (await client.get(server.url_for("/small"))).text == "fits"


async def test_small_body_that_unpacks_to_a_large_one_is_cut_off(server: HTTPServer) -> None:
    bomb = gzip.compress(b"0" * 1_000_000)
    server.expect_request("/").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    assert len(bomb) < 10_000
    async with http.client(max_body_bytes=100_000) as client:
        with pytest.raises(PluginError, match="larger than 100000 bytes"):
            await client.get(server.url_for("/"))


async def test_streamed_answer_is_capped_too(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_handler(
        lambda request: Response((b"x" * 500 for _ in range(100)), direct_passthrough=True)
    )
    async with (
        http.client(max_body_bytes=1000) as client,
        client.stream("GET", server.url_for("/")) as response,
    ):
        with pytest.raises(PluginError, match="larger than 1000 bytes"):
            async for _ in response.aiter_bytes():
                pass


async def test_whole_answer_has_one_time_limit(server: HTTPServer) -> None:
    release = threading.Event()

    def drips(request: Request) -> Response:
        def body() -> Iterator[bytes]:
            yield b"a"
            release.wait(30)

        return Response(body(), direct_passthrough=True)

    server.expect_request("/").respond_with_handler(drips)
    async with http.client(total_seconds=0.2) as client:
        with pytest.raises(httpx.ReadTimeout, match=r"within 0\.2 seconds"):
            await client.get(server.url_for("/"))
    release.set()


async def test_correlation_id_goes_along(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data("")
    with bind_log_context(correlation_id=CORRELATION):
        async with http.client() as client:
            await client.get(server.url_for("/"))
            await client.get(server.url_for("/"), headers={"X-Correlation-ID": "the plugin's own"})
    assert [entry[0].headers["X-Correlation-ID"] for entry in server.log] == [
        str(CORRELATION),
        "the plugin's own",
    ]


def test_allow_list_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", " Peer.Internal:443, 10.0.0.0/8:* ,[::1]:8000,")
    name, network, loopback = http.allowed_targets()
    assert name.covers_name("peer.internal", 443)
    assert not name.covers_name("peer.internal", 80)
    assert network.covers_address(ipaddress.ip_address("10.1.2.3"), 5)
    assert not network.covers_address(ipaddress.ip_address("11.1.2.3"), 5)
    assert loopback.covers_address(ipaddress.ip_address("::1"), 8000)


@pytest.mark.parametrize("entry", ["localhost", "http://x:1", "*.internal:80", "a b:1", "10.0.0.0/99:1"])
def test_allow_list_entry_that_cannot_be_read_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="OUTBOUND_ALLOW has"):
        http.parse_allowed(entry)


def test_configured_list_replaces_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", "a:1")
    monkeypatch.setattr(targets, "_configured", None)
    monkeypatch.delenv("OUTBOUND_PROXY", raising=False)  # put back afterwards
    http.configure("b:2")
    assert http.allowed_targets() == http.parse_allowed("b:2")
