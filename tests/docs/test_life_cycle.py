"""The listings of docs/plugins/life-cycle.md, run as they are printed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from plugin_host.base import Plugin
from plugin_host.health.config_check import try_config
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.state import forget_tenant_plugins
from plugin_host.testing.peer import HttpPeer
from tenants.models import Tenant
from tests.servers import PROJECT

PAGE = (PROJECT / "docs/plugins/life-cycle.md").read_text()
LISTINGS = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", PAGE, re.DOTALL))


def listing(name: str) -> ModuleType:
    """Return a listing as a module."""
    module = ModuleType(name.removesuffix(".py"))
    exec(compile(LISTINGS[name], name, "exec"), module.__dict__)
    return module


def plugins_of(module: ModuleType) -> list[type[Plugin]]:
    found = [value for value in vars(module).values() if isinstance(value, type) and value is not Plugin]
    return [cls for cls in found if issubclass(cls, Plugin)]


@pytest.fixture
def no_plugins() -> Iterator[LoadedPlugins]:
    with use_plugins(LoadedPlugins()) as loaded:
        yield loaded
    forget_tenant_plugins()


def test_the_trial(
    no_plugins: LoadedPlugins, in_tenant: Tenant, http_peer: HttpPeer, caplog: pytest.LogCaptureFixture
) -> None:
    (weather,) = plugins_of(listing("trial_listing.py"))
    PluginRegistry().register(weather)
    http_peer.answer("/now", 200, 403)
    config, secrets = {"endpoint": http_peer.url("/now")}, {"token": "sunny"}

    good = try_config("weather", config=config, secrets=secrets)
    bad = try_config("weather", config=config, secrets=secrets)

    assert (good.status, good.message) == ("healthy", "It answers.")
    assert (bad.status, bad.trouble, bad.message) == (
        "unhealthy",
        "auth_failed",
        "The service refused the token.",
    )
    assert http_peer.requests_to("/now")[0].headers["authorization"] == "sunny"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
