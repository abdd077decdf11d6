"""TLS as real servers offer it, and what is said of each."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from plugin_host.errors import PluginConfigError

from .authority import root, self_signed
from .conftest import Internet, part


async def said_of(web: Internet, host: str = "shop.test") -> tuple[str, str]:
    return part(await web.look(host), "tls")


async def test_expired(web: Internet) -> None:
    web.domain("shop.test", signed=root().sign("shop.test", days=-3, begun_days_ago=90))

    status, message = await said_of(web)

    assert status == "unhealthy"
    assert message.startswith("The certificate has expired on ")
    assert message.endswith(": renew it.")


async def test_not_yet_valid(web: Internet) -> None:
    web.domain("shop.test", signed=root().sign("shop.test", begun_days_ago=-3))

    status, message = await said_of(web)

    assert status == "unhealthy"
    assert message.startswith("The certificate is not valid before ")


async def test_wrong_host(web: Internet) -> None:
    web.domain("shop.test", signed=root().sign("other.test", "*.other.test"))

    assert await said_of(web) == (
        "unhealthy",
        "The certificate is not for shop.test (it is for other.test, *.other.test): get one that names shop.test.",
    )


async def test_a_wildcard_fits_one_label(web: Internet) -> None:
    signed = root().sign("*.shop.test")
    web.domain("www.shop.test", signed=signed)
    web.domain("a.b.shop.test", signed=signed)

    assert (await said_of(web, "www.shop.test"))[0] == "healthy"
    assert "is not for a.b.shop.test" in (await said_of(web, "a.b.shop.test"))[1]


async def test_self_signed(web: Internet) -> None:
    web.domain("shop.test", signed=self_signed("shop.test"))

    assert await said_of(web) == (
        "unhealthy",
        "The certificate is self-signed, which browsers refuse: get one from a certificate authority.",
    )


async def test_self_signed_for_another_host_says_both(web: Internet) -> None:
    web.domain("shop.test", signed=self_signed("other.test"))

    message = (await said_of(web))[1]

    assert "self-signed" in message
    assert "is not for shop.test" in message


async def test_unknown_authority(web: Internet) -> None:
    stranger = root("A Stranger")
    web.domain("shop.test", signed=stranger.sign("shop.test"), chain=(stranger,))

    status, message = await said_of(web)

    assert status == "unhealthy"
    assert message.startswith("The certificate's authority, A Stranger, is not one that browsers trust")


async def test_missing_intermediate(web: Internet) -> None:
    between = root().sign("Between", is_authority=True)
    signed = between.sign("shop.test", names_issuer=True)
    web.domain("shop.test", signed=signed)
    web.domain("whole.test", signed=between.sign("whole.test", names_issuer=True), chain=(between,))

    assert (await said_of(web, "whole.test"))[0] == "healthy"
    status, message = await said_of(web)
    assert status == "unhealthy"
    assert message.startswith("The server sends its own certificate without that of Between above it")


async def test_an_expired_intermediate_is_not_taken_for_the_servers_own(web: Internet) -> None:
    between = root().sign("Between", is_authority=True, days=-3, begun_days_ago=90)
    web.domain("shop.test", signed=between.sign("shop.test"), chain=(between,))

    status, message = await said_of(web)

    assert status == "unhealthy"
    assert message.startswith("A certificate above the server's own has expired")


@pytest.mark.parametrize(
    ("days", "status", "said"),
    [
        (22, "healthy", "(22 days left)."),
        (21, "degraded", "(21 days left): see to it that it is renewed."),
        (8, "degraded", "(8 days left)"),
        (7, "unhealthy", "(7 days left): renew it now"),
        (1, "unhealthy", "(1 day left)"),
    ],
)
async def test_days_to_the_end(web: Internet, days: int, status: str, said: str) -> None:
    web.domain("shop.test", signed=root().sign("shop.test", days=days))

    found = await said_of(web)

    assert found[0] == status
    assert said in found[1]


async def test_the_limits_are_the_tenants(web: Internet) -> None:
    web.domain("shop.test", signed=root().sign("shop.test", days=50))

    found = await web.look("shop.test", certificate_warning_days=60, certificate_critical_days=10)

    assert part(found, "tls")[0] == "degraded"


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
async def test_old_versions_only(web: Internet, version: str) -> None:
    context = web.context(root().sign("shop.test"))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion[version]
    context.set_ciphers("ALL:@SECLEVEL=0")
    web.domain("shop.test", context=context)

    status, message = await said_of(web)

    assert status == "unhealthy"
    shown = version.replace("_", ".")
    assert message == f"Speaks {shown} only, which browsers refuse: switch TLS 1.2 and 1.3 on at the server."


async def test_tls_1_2_is_fine(web: Internet) -> None:
    context = web.context(root().sign("shop.test"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    web.domain("shop.test", context=context)

    status, message = await said_of(web)

    assert status == "healthy"
    assert message.startswith("TLSv1.2,")


async def test_without_the_operators_file_the_tests_authority_is_a_stranger(
    web: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.domain("shop.test")
    monkeypatch.delenv("DOMAIN_HEALTH_CA_FILE")

    assert "is not one that browsers trust" in (await said_of(web))[1]


@pytest.mark.parametrize("text", [None, "no certificate"])
async def test_an_unreadable_file_of_the_operator_is_named(
    web: Internet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "wrong.pem"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("DOMAIN_HEALTH_CA_FILE", str(path))

    with pytest.raises(PluginConfigError, match="DOMAIN_HEALTH_CA_FILE names"):
        await web.look("shop.test")
