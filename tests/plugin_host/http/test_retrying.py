from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from plugin_host import http
from plugin_host.testing.peer import HttpPeer, PeerAnswer

QUICK = http.Retries(tries=3, first_wait_seconds=0.01)


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    with HttpPeer() as opened, http.allow_outbound("127.0.0.1:*"):
        yield opened


async def ask(
    peer: HttpPeer,
    method: str,
    *,
    retries: http.Retries | None = QUICK,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    async with http.client(retries=retries) as client:
        return await client.request(method, peer.url("/x"), headers=headers)


async def test_without_retries_a_request_is_sent_once(peer: HttpPeer) -> None:
    peer.answer("/x", 503, 200)

    assert (await ask(peer, "GET", retries=None)).status_code == 503
    assert len(peer.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_passes_is_tried_again(peer: HttpPeer, status: int) -> None:
    peer.answer("/x", status, status, 200)

    assert (await ask(peer, "PUT")).status_code == 200
    assert len(peer.requests) == 3


async def test_the_last_answer_is_returned_as_it_is(peer: HttpPeer) -> None:
    peer.answer("/x", PeerAnswer(status=503, body=b"resting"))

    answer = await ask(peer, "GET")

    assert (answer.status_code, answer.text) == (503, "resting")
    assert len(peer.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_what_stays_wrong_is_not_tried_again(peer: HttpPeer, status: int) -> None:
    peer.answer("/x", status)

    assert (await ask(peer, "GET")).status_code == status
    assert len(peer.requests) == 1


async def test_what_must_not_happen_twice_is_sent_once(peer: HttpPeer) -> None:
    peer.answer("/x", 503, 200)

    assert (await ask(peer, "POST")).status_code == 503
    assert len(peer.requests) == 1


async def test_a_post_that_was_not_looked_at_is_tried_again(peer: HttpPeer) -> None:
    peer.answer("/x", 429, 201)

    assert (await ask(peer, "POST")).status_code == 201


async def test_a_post_with_an_idempotency_key_is_tried_again(peer: HttpPeer) -> None:
    peer.answer("/x", 503, 201)

    assert (await ask(peer, "POST", headers={"Idempotency-Key": "one"})).status_code == 201
    assert {request.headers["idempotency-key"] for request in peer.requests} == {"one"}


async def test_retry_after_replaces_the_wait(peer: HttpPeer) -> None:
    slow = http.Retries(tries=2, first_wait_seconds=3600, total_seconds=10)
    peer.answer("/x", PeerAnswer(status=429, headers={"Retry-After": "0"}), 200)

    assert (await ask(peer, "GET", retries=slow)).status_code == 200


async def test_who_asks_for_more_patience_than_there_is_gets_the_answer_back(peer: HttpPeer) -> None:
    peer.answer("/x", PeerAnswer(status=429, headers={"Retry-After": "600"}), 200)

    answer = await ask(peer, "GET")

    assert answer.status_code == 429
    assert http.retry_after_seconds(answer) == 600.0


async def test_a_body_that_cannot_be_sent_twice_is_not(peer: HttpPeer) -> None:
    peer.answer("/x", 429, 200)

    async def parts() -> object:
        yield b"a"

    async with http.client(retries=QUICK) as client:
        answer = await client.put(peer.url("/x"), content=parts())  # type: ignore[arg-type]  # an async generator

    assert answer.status_code == 429
    assert [request.body for request in peer.requests_to("/x")] == [b"a"]


async def test_a_connection_that_is_never_made_ends_in_its_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with http.allow_outbound("127.0.0.1:*"):
            async with http.client(retries=QUICK) as client:
                with pytest.raises(httpx.ConnectError):
                    await client.post(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        ("", None),
        ("soon", None),
        ("999999999", 86_400.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    assert http.retry_after_seconds(httpx.Response(503, headers={"Retry-After": value})) == seconds


def test_retry_after_may_be_a_moment() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)

    seconds = http.retry_after_seconds(httpx.Response(503, headers={"Retry-After": moment}))

    assert seconds is not None
    assert 100 < seconds <= 120


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"X-RateLimit-Reset": "40"}, 40.0),
        (429, {"X-RateLimit-Reset": "1372700873"}, 0.0),
        (429, {"X-RateLimit-Reset": "soon"}, None),
        (429, {"X-RateLimit-Reset": "40", "Retry-After": "7"}, 7.0),
        (503, {"X-RateLimit-Reset": "40"}, None),
    ],
)
def test_who_counts_requests_may_say_when_it_begins_anew(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    assert http.retry_after_seconds(httpx.Response(status, headers=headers)) == seconds


def test_a_limit_may_be_reset_at_a_moment() -> None:
    reset = str(int(time.time()) + 120)

    seconds = http.retry_after_seconds(httpx.Response(429, headers={"X-RateLimit-Reset": reset}))

    assert seconds is not None
    assert 100 < seconds <= 120
