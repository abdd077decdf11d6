"""A tenant whose plugin is connected to a server that plays Google."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import pytest

from gsc_integration.syncing import google_today
from plugin_host.http import allow_outbound, use_services
from plugin_host.testing.host import PluginEnabled
from tenants.models import Tenant
from tests.plugins.gsc_integration.google import Account, Google, new_account


class Connect(Protocol):
    def __call__(self, tenant: Tenant, account: Account, site: str, **config: Any) -> None: ...


@pytest.fixture(scope="session")
def accounts() -> tuple[Account, Account]:
    """Two accounts; making keys takes a while."""
    return new_account("reader"), new_account("other")


@pytest.fixture
def account(accounts: tuple[Account, Account]) -> Account:
    return accounts[0]


@pytest.fixture
def google() -> Iterator[Google]:
    with (
        Google() as server,
        allow_outbound(f"127.0.0.1:{server.port}"),
        use_services(google_oauth=server.url, google_search_console=server.url),
    ):
        yield server


@pytest.fixture
def site(tenant: Tenant) -> str:
    return f"sc-domain:{tenant.slug}.test"


@pytest.fixture
def last() -> date:
    """The last day of which there are final figures."""
    return google_today() - timedelta(days=3)


@pytest.fixture
def connect(plugin_enabled: PluginEnabled, google: Google) -> Connect:
    """Make an account a user of a property, and switch the plugin on with its key."""

    def connect(tenant: Tenant, account: Account, site: str, **config: Any) -> None:
        google.let_in(account, site)
        # Two hours ago, so that no fetch by the clock falls into the hours that a test lets pass.
        hour = (datetime.now(UTC) - timedelta(hours=2)).hour
        plugin_enabled(
            "gsc-integration",
            tenant,
            config={"property": site, "backfill_days": 20, "hour": hour, **config},
            secrets={"service_account_key": account.key_file()},
        )

    return connect
