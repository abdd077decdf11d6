from __future__ import annotations

import pytest

from plugin_host import http
from plugin_host.testing.peer import HttpPeer


@pytest.fixture
def proxy(http_peer: HttpPeer, monkeypatch: pytest.MonkeyPatch) -> HttpPeer:
    """A peer that answers as a proxy does: it is asked for whole addresses."""
    monkeypatch.setenv("OUTBOUND_PROXY", http_peer.url("").rstrip("/"))
    return http_peer


async def test_a_name_that_only_the_proxy_knows_is_asked_through_it(proxy: HttpPeer) -> None:
    proxy.answer("http://service.invalid/things", 200)

    async with http.client() as client:
        answer = await client.get("http://service.invalid/things")

    assert answer.status_code == 200
    assert [request.headers["host"] for request in proxy.requests] == ["service.invalid"]


async def test_an_inner_address_is_refused_before_the_proxy_sees_it(
    proxy: HttpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugin_host.http.targets._configured", ())
    async with http.client() as client:
        with pytest.raises(http.OutboundRefused):
            await client.get("http://10.0.0.7/")

    assert proxy.requests == []
