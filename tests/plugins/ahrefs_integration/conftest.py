"""A tenant whose plugin is connected to a server that plays Ahrefs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from plugin_host.http import allow_outbound, use_services
from plugin_host.testing.host import PluginEnabled
from tenants.models import Tenant
from tests.plugins.ahrefs_integration.ahrefs import Account, AhrefsPeer

KEY = "AhrefsKey-0123456789abcdef"
OTHER_KEY = "AhrefsKey-fedcba9876543210"


class Connect(Protocol):
    def __call__(self, tenant: Tenant, key: str = KEY, **config: Any) -> Account: ...


@pytest.fixture
def ahrefs() -> Iterator[AhrefsPeer]:
    with (
        AhrefsPeer() as server,
        allow_outbound(f"127.0.0.1:{server.port}"),
        use_services(ahrefs=server.url),
    ):
        yield server


@pytest.fixture
def connect(plugin_enabled: PluginEnabled, ahrefs: AhrefsPeer) -> Connect:
    """Make a key known, and switch the plugin on with it."""

    def connect(tenant: Tenant, key: str = KEY, **config: Any) -> Account:
        account = ahrefs.accounts.setdefault(key, Account())
        plugin_enabled(
            "ahrefs-integration",
            tenant,
            config={"target": f"{tenant.slug}.test", **config},
            secrets={"api_key": key},
        )
        return account

    return connect


def keywords(tenant: Tenant, count: int, *, page: str = "tea") -> list[dict[str, Any]]:
    """Return rows as Ahrefs has them, many with the same traffic."""
    return [
        {
            "keyword": f"{page} {number:04}",
            "best_position": 1 + number % 10,
            "best_position_url": f"https://{tenant.slug}.test/articles/{page}",
            "volume": 1000 - number,
            "sum_traffic": 100 - number // 7,
        }
        for number in range(count)
    ]


def backlinks(tenant: Tenant, count: int) -> list[dict[str, Any]]:
    return [
        {
            "url_from": f"https://site-{number:04}.example/",
            "url_to": f"https://{tenant.slug}.test/",
            "anchor": "tea <here>",
            "domain_rating_source": 90.0 - number // 5,
            "is_dofollow": number % 2 == 0,
            "first_seen": "2026-01-01T00:00:00Z",
        }
        for number in range(count)
    ]


def rankings(tenant: Tenant) -> list[dict[str, Any]]:
    page = f"https://{tenant.slug}.test/articles/tea"
    shared = {"country": "AT", "location": "Vienna", "volume": 100, "traffic": 9}
    return [
        {"keyword": "tea", "position": 3, "url": page, **shared},
        {"keyword": "coffee", "position": None, "url": None, **shared, "traffic": None},
    ]


TOTALS = {"live": 500, "all_time": 900, "live_refdomains": 40, "all_time_refdomains": 70}


@pytest.fixture
def filled(tenant: Tenant, ahrefs: AhrefsPeer) -> AhrefsPeer:
    """Ahrefs knows the tenant's site."""
    target = f"{tenant.slug}.test"
    ahrefs.rows["keywords"][target] = keywords(tenant, 30)
    ahrefs.rows["backlinks"][target] = backlinks(tenant, 12)
    ahrefs.rows["overviews"]["77"] = rankings(tenant)
    ahrefs.totals[target] = dict(TOTALS)
    return ahrefs
