"""One service's HTTP API."""

from __future__ import annotations

import pytest

from plugin_host import http
from plugin_host.errors import PluginError
from plugin_host.testing.peer import HttpPeer

THINGS = http.Service(
    name="things", title="Things", address="https://api.things.example", user_agent="Tests/1.0"
)


async def test_a_request_goes_to_where_the_service_is(http_peer: HttpPeer) -> None:
    http_peer.answer("/v1/list?of=tea", 404)

    with http.use_services(things=http_peer.url("/v1/")):
        answer = await THINGS.request("GET", "/list", params={"of": "tea"}, headers={"x-mine": "1"})

    assert answer.status_code == 404
    (request,) = http_peer.requests
    assert (request.headers["user-agent"], request.headers["x-mine"]) == ("Tests/1.0", "1")


async def test_where_it_cannot_be_reached_nothing_of_the_request_is_said(http_peer: HttpPeer) -> None:
    address = http_peer.url("")
    http_peer.__exit__()

    with http.use_services(things=address), pytest.raises(PluginError) as caught:
        await THINGS.request("POST", "/hook-of-somebody", headers={"authorization": "Bearer hidden"})

    error = caught.value
    assert (error.code, error.permanent) == ("service_unreachable", False)
    assert error.message == "Things could not be reached, or its answer broke off (ConnectError)."
    assert (error.__cause__, error.__suppress_context__) == (None, True)
