"""Answers, redirects and headers of real servers, the ill-behaved included."""

from __future__ import annotations

import pytest

from domain_health_monitor import probe

from .authority import self_signed
from .conftest import Internet, part
from .sites import (
    SECURE_HEADERS,
    Behaviour,
    answering,
    drips_headers,
    hangs_up,
    never_ends,
    reads_and_waits,
    redirecting,
    sends_no_page,
    silent,
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "STEP_SECONDS", 1.0)
    monkeypatch.setattr(probe, "CHAIN_SECONDS", 2.0)


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (200, "healthy", "answers 200 in"),
        (204, "healthy", "answers 204 in"),
        (304, "degraded", "which is no page"),
        (404, "degraded", "make that page, or set another path"),
        (500, "unhealthy", "the site fails, look into its server's log"),
        (503, "unhealthy", "answers 503"),
    ],
)
async def test_status(web: Internet, status: int, state: str, said: str) -> None:
    web.domain("shop.test", https=answering(status, SECURE_HEADERS, b""))

    found = await web.look("shop.test")

    assert part(found, "https")[0] == state
    assert said in part(found, "https")[1]


async def test_the_path_is_the_tenants_and_its_query_is_not_shown(web: Internet) -> None:
    site = web.domain("shop.test")

    found = await web.look("shop.test", path="/up?key=open-sesame")

    assert site.heads[0].startswith("GET /up?key=open-sesame HTTP/1.1")
    assert f"{web.url('shop.test', '/up')} answers 200" in part(found, "https")[1]
    assert "sesame" not in str(found.details)


async def test_a_slow_answer_is_degraded(web: Internet) -> None:
    web.domain("shop.test")
    found = await web.look("shop.test", slow_ms=0)

    assert part(found, "https")[0] == "degraded"
    assert "which is slow (limit 0 ms)" in part(found, "https")[1]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        pytest.param(silent, "the TLS handshake is not finished in time", id="hangs-after-accept"),
        pytest.param(reads_and_waits, "the TLS handshake is not finished in time", id="hangs-in-handshake"),
        pytest.param(hangs_up, "breaks the connection off during the TLS handshake", id="closes"),
    ],
)
async def test_servers_that_get_no_further_than_the_handshake(
    web: Internet, behaviour: Behaviour, said: str
) -> None:
    web.raw("shop.test", behaviour)

    found = await web.look("shop.test")

    status, message = part(found, "https")
    assert status == "unhealthy"
    assert said in message
    assert "Check the server's TLS settings." in message


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        pytest.param(silent, "takes the request, but does not answer in time", id="silent"),
        pytest.param(drips_headers, "takes the request, but does not answer in time", id="drips"),
        pytest.param(sends_no_page, "begins to answer, but sends no page in time", id="no-page"),
        pytest.param(hangs_up, "breaks the connection off without an answer", id="hangs-up"),
    ],
)
async def test_servers_that_do_not_finish_an_answer(web: Internet, behaviour: Behaviour, said: str) -> None:
    web.domain("shop.test", https=behaviour)

    found = await web.look("shop.test")

    status, message = part(found, "https")
    assert status == "unhealthy"
    assert said in message
    assert part(found, "tls")[0] == "healthy"


async def test_an_endless_page_is_read_to_a_small_extent(web: Internet) -> None:
    site = web.domain("shop.test", https=never_ends)

    found = await web.look("shop.test")

    assert part(found, "https")[0] == "healthy"
    # What the kernel's buffers took on the way is not read, but sent.
    assert site.bytes_sent < 16 * 1024 * 1024


async def test_nothing_listens(web: Internet) -> None:
    site = web.sites.open(http=redirecting(web.url("shop.test")))
    web.names.add("shop.test", site.address)

    found = await web.look("shop.test")

    status, message = part(found, "https")
    assert status == "unhealthy"
    assert "nothing listens there, or a firewall refuses" in message
    assert part(found, "http")[0] == "healthy"


async def test_redirects_are_followed_and_shown(web: Internet) -> None:
    web.domain("www.shop.test")
    web.domain("shop.test", https=redirecting(web.url("www.shop.test", "/?from=apex")))

    found = await web.look("shop.test")

    assert part(found, "redirects") == (
        "healthy",
        f"Redirects: {web.url('shop.test')} → {web.url('www.shop.test')}.",
    )
    assert part(found, "https")[0] == "healthy"


async def test_a_circle_of_redirects(web: Internet) -> None:
    web.domain("shop.test", https=redirecting(web.url("www.shop.test")))
    web.domain("www.shop.test", https=redirecting(web.url("shop.test")))

    status, message = part(await web.look("shop.test"), "redirects")

    assert status == "unhealthy"
    assert "redirects in a circle" in message


async def test_too_many_redirects(web: Internet) -> None:
    site = web.domain("shop.test", https=redirecting(lambda path: f"{path}x"))

    status, message = part(await web.look("shop.test", max_redirects=3), "redirects")

    assert status == "unhealthy"
    assert "redirects more than 3 times, at last to" in message
    secure = [head.split(" ")[1] for head in site.heads if f":{web.sites.https_port}" in head]
    assert secure == ["/", "/x", "/xx", "/xxx"]


async def test_a_page_that_sets_a_cookie_and_sends_to_itself_is_no_circle(web: Internet) -> None:
    async def behave(reader, writer, head):  # type: ignore[no-untyped-def]  # as Behaviour has it
        ready = "cookie: seen=1" in head.lower()
        answer = (
            answering(headers=SECURE_HEADERS)
            if ready
            else answering(302, {"Location": "/", "Set-Cookie": "seen=1"}, b"")
        )
        await answer(reader, writer, head)

    web.domain("shop.test", https=behave)

    assert part(await web.look("shop.test"), "https")[0] == "healthy"


async def test_from_https_to_http_is_degraded(web: Internet) -> None:
    web.domain("plain.test", http=answering())
    web.domain("shop.test", https=redirecting(web.plain_url("plain.test")))

    status, message = part(await web.look("shop.test"), "redirects")

    assert status == "degraded"
    assert message.startswith("Redirects from https to http (")


@pytest.mark.parametrize("location", ["ftp://shop.test/", "javascript:alert(1)", "https://shop.test:99999/"])
async def test_a_redirect_to_what_is_no_web_address(web: Internet, location: str) -> None:
    web.domain("shop.test", https=redirecting(location))

    status, message = part(await web.look("shop.test"), "redirects")

    assert status == "unhealthy"
    assert "redirects to what is no web address" in message


async def test_a_redirect_to_a_name_that_is_not_there(web: Internet) -> None:
    web.domain("shop.test", https=redirecting("https://gone.test/"))

    status, message = part(await web.look("shop.test"), "redirects")

    assert status == "unhealthy"
    assert message.startswith("https://gone.test/ is not found. The DNS knows no gone.test")


async def test_a_redirect_to_a_bad_certificate_says_where(web: Internet) -> None:
    web.domain("www.shop.test", signed=self_signed("www.shop.test"))
    web.domain("shop.test", https=redirecting(web.url("www.shop.test")))

    found = await web.look("shop.test")

    status, message = part(found, "redirects")
    assert status == "unhealthy"
    assert message.startswith(web.url("www.shop.test"))
    assert part(found, "tls")[0] == "healthy"


async def test_pages_without_encryption_are_said(web: Internet) -> None:
    web.domain("shop.test", http=answering())

    assert part(await web.look("shop.test"), "http") == (
        "degraded",
        "http://shop.test shows pages without encryption: redirect every address to https.",
    )


async def test_missing_headers_are_named_and_only_warn_where_wanted(web: Internet) -> None:
    web.domain("shop.test", https=answering())

    told = await web.look("shop.test")
    warned = await web.look("shop.test", missing_headers="warning")

    names = [one.check_id.partition(".header.")[2] for one in told.details if ".header." in one.check_id]
    assert names == [
        "strict-transport-security",
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "x-frame-options",
    ]
    assert part(told, "header.x-content-type-options")[1].endswith("send 'nosniff'.")
    assert (told.status.value, warned.status.value) == ("healthy", "degraded")


@pytest.mark.parametrize(
    ("header", "value", "said"),
    [
        ("Strict-Transport-Security", "max-age=300", "holds for 300 seconds only"),
        ("X-Content-Type-Options", "sniff", "is missing or wrong"),
        ("Referrer-Policy", "unsafe-url", "is missing or unsafe"),
    ],
)
async def test_headers_that_do_not_protect(web: Internet, header: str, value: str, said: str) -> None:
    web.domain("shop.test", https=answering(headers={**SECURE_HEADERS, header: value}))

    assert said in part(await web.look("shop.test"), f"header.{header.lower()}")[1]


async def test_only_the_wanted_headers_are_looked_at(web: Internet) -> None:
    web.domain("shop.test", https=answering())

    found = await web.look("shop.test", security_headers=[])

    assert [one for one in found.details if "header" in one.check_id] == []
