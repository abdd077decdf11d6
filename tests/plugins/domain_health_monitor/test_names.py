"""What is found of names, from a real name server."""

from __future__ import annotations

import dns.rcode
import pytest

from domain_health_monitor import lookup
from plugin_host import http

from .conftest import Internet, part
from .names import (
    Reply,
    addresses_of,
    aliases,
    failing_for,
    no_such_name,
    silent,
    too_large_for_udp,
    with_code,
)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        pytest.param(no_such_name, "The DNS knows no shop.test: add an A or AAAA record", id="nxdomain"),
        pytest.param(addresses_of(), "shop.test has no address: add an A or AAAA", id="no-address"),
        pytest.param(with_code(dns.rcode.SERVFAIL), "The name servers fail (SERVFAIL)", id="servfail"),
        pytest.param(with_code(dns.rcode.REFUSED), "The name servers refuse to answer", id="refused"),
        pytest.param(
            aliases(*(["b.test", "shop.test"] * 20)), "an alias that leads back to itself", id="circle"
        ),
        pytest.param(aliases("gone.test"), "is an alias of gone.test, which has no address", id="dangling"),
    ],
)
async def test_a_name_without_an_address_is_unhealthy_and_says_what_to_do(
    web: Internet, reply: Reply, said: str
) -> None:
    web.names.reply("shop.test", reply)

    found = await web.look("shop.test")

    assert [one.check_id for one in found.details] == ["domain-health-monitor.dns"]
    status, message = part(found, "dns")
    assert status == "unhealthy"
    assert said in message


async def test_name_servers_that_say_nothing_are_given_up(
    web: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "LOOKUP_SECONDS", 0.5)
    web.names.reply("shop.test", silent)

    found = await web.look("shop.test")

    assert part(found, "dns") == (
        "unhealthy",
        "The name servers do not answer in time: check that the domain's name servers work.",
    )


async def test_an_answer_too_large_for_udp_is_fetched_over_tcp(web: Internet) -> None:
    site = web.domain("shop.test")
    web.names.reply("shop.test", too_large_for_udp(site.address))

    found = await web.look("shop.test")

    assert part(found, "dns")[0] == "healthy"
    assert sorted(web.names.asked_for("shop.test")) == [
        ("A", "tcp"),
        ("A", "udp"),
        ("AAAA", "tcp"),
        ("AAAA", "udp"),
    ]


async def test_both_families_are_named_and_what_the_name_is_an_alias_of(web: Internet) -> None:
    site = web.domain("shop.test")
    web.names.reply("www.shop.test", aliases("shop.test", address=site.address))

    found = await web.look("www.shop.test")

    assert part(found, "dns") == ("healthy", f"Found, as shop.test (IPv4: {site.address}; IPv6: none).")


async def test_where_one_family_fails_the_other_is_used_and_it_is_said(web: Internet) -> None:
    site = web.domain("shop.test")
    web.names.reply("shop.test", failing_for("AAAA", site.address))

    found = await web.look("shop.test")

    status, message = part(found, "dns")
    assert status == "degraded"
    assert message.startswith("The question for IPv6 (AAAA) fails")
    assert part(found, "https")[0] == "healthy"


async def test_ipv6_alone_is_said(web: Internet) -> None:
    web.names.add("six.test", "::1")

    with http.allow_outbound("[::1]:*"):
        found = await web.look("six.test")

    status, message = part(found, "dns")
    assert status == "degraded"
    assert "Add an A record" in message


async def test_the_second_name_server_is_asked_where_the_first_fails(
    web: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.domain("shop.test")
    monkeypatch.setenv("DOMAIN_HEALTH_RESOLVERS", f"127.0.0.1:1, {web.names.address}")

    assert part(await web.look("shop.test"), "dns")[0] == "healthy"


async def test_a_name_is_looked_up_once_for_a_whole_look(web: Internet) -> None:
    web.domain("shop.test")

    await web.look("shop.test")

    assert sorted(web.names.asked_for("shop.test")) == [("A", "udp"), ("AAAA", "udp")]


async def test_what_is_no_name_is_said(web: Internet) -> None:
    found = await web.look("a..test")

    assert part(found, "dns")[1] == "'a..test' is no name that the DNS can have: correct the domain."
