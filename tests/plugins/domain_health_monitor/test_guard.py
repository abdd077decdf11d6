"""No look reaches the inside of the network: not by the name, not by a redirect, not by a name that changes."""

from __future__ import annotations

import dns.message
import pytest

from domain_health_monitor.operator_settings import OperatorSettings, operator_settings
from plugin_host.errors import PluginConfigError

from .conftest import Internet, part
from .names import addresses_of
from .sites import answering, redirecting


@pytest.mark.parametrize("address", ["10.0.0.5", "169.254.169.254", "192.168.1.1", "::1", "::ffff:10.0.0.5"])
async def test_a_domain_that_points_inside_is_not_called_and_the_address_is_not_shown(
    web: Internet, address: str
) -> None:
    web.names.add("inside.test", address)

    found = await web.look("inside.test")

    status, message = part(found, "dns")
    assert status == "unhealthy"
    assert message.startswith("Leads to an address that is not public, so it is not called")
    assert address not in str(found)


async def test_one_inner_address_among_public_ones_is_enough(web: Internet) -> None:
    site = web.domain("mixed.test")
    web.names.add("mixed.test", site.address, "10.0.0.5")

    found = await web.look("mixed.test")

    assert "not public" in part(found, "dns")[1]
    assert site.connections == 0


@pytest.mark.parametrize("location", ["http://10.0.0.5/", "https://inside.test/", "http://[::1]/"])
async def test_a_redirect_inside_is_not_followed(web: Internet, location: str) -> None:
    web.names.add("inside.test", "10.0.0.5")
    web.domain("shop.test", https=redirecting(location))

    status, message = part(await web.look("shop.test"), "redirects")

    assert status == "unhealthy"
    assert "leads to an address that is not public, so it is not called" in message


async def test_a_name_that_changes_its_address_meanwhile_is_called_at_the_first(web: Internet) -> None:
    site, other = web.domain("shop.test"), web.sites.open(https=answering(), http=answering())
    asked: list[str] = []

    def rebinding(query: dns.message.Message, is_tcp: bool) -> dns.message.Message | None:
        asked.append(query.question[0].rdtype.name)
        here = site if asked.count(asked[-1]) == 1 else other
        return addresses_of(here.address)(query, is_tcp)

    web.names.reply("shop.test", rebinding)

    found = await web.look("shop.test")

    assert found.status.value == "healthy"
    assert (sorted(asked), other.connections) == (["A", "AAAA"], 0)


def test_the_operators_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PORT", "HTTP_PORT", "CA_FILE"):
        monkeypatch.delenv(f"DOMAIN_HEALTH_{name}", raising=False)
    monkeypatch.setenv(
        "DOMAIN_HEALTH_RESOLVERS", "9.9.9.9, 10.0.0.2:5353,[2620:fe::fe]:54, 2620:fe::9, [::1]"
    )

    assert operator_settings() == OperatorSettings(
        resolvers=(
            ("9.9.9.9", 53),
            ("10.0.0.2", 5353),
            ("2620:fe::fe", 54),
            ("2620:fe::9", 53),
            ("::1", 53),
        )
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOMAIN_HEALTH_RESOLVERS", "dns.example.org"),
        ("DOMAIN_HEALTH_RESOLVERS", "9.9.9.9:0"),
        ("DOMAIN_HEALTH_HTTPS_PORT", "https"),
        ("DOMAIN_HEALTH_HTTP_PORT", "70000"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(PluginConfigError, match=name):
        operator_settings()
