"""A peer that plays Netlify, and a tenant that deploys there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from plugin_host.deployments.history import History
from plugin_host.deployments.models import DeploymentRecord
from plugin_host.http import allow_outbound, use_services
from plugin_host.testing import (
    Clock,
    DeliverAll,
    MakeContent,
    PluginEnabled,
    PluginScope,
    RunDue,
    TaskRun,
    Tenant,
)
from tests.plugins.netlify_deployer.peer import NetlifyPeer, Site

HOOK = "https://api.netlify.com/build_hooks/hookOfMine123"
TOKEN = "token-of-mine-0123456789"


class Runs(Protocol):
    def __call__(self, times: int = 1) -> list[TaskRun]: ...


class Kept(Protocol):
    def __call__(self, of: Tenant = ...) -> list[DeploymentRecord]: ...


class Publish(Protocol):
    def __call__(self, title: str = "Slow food") -> str: ...


@pytest.fixture
def netlify() -> Iterator[NetlifyPeer]:
    peer = NetlifyPeer()
    with peer.serving(), allow_outbound(f"127.0.0.1:{peer.port}"), use_services(netlify=peer.url):
        yield peer


@pytest.fixture
def site(netlify: NetlifyPeer) -> Site:
    return netlify.add(Site(id="site-mine", name="mine", token=TOKEN, hooks={"hookOfMine123"}))


@pytest.fixture
def by_hook(
    tenant: Tenant, netlify: NetlifyPeer, site: Site, plugin_enabled: PluginEnabled, run_due: RunDue
) -> Site:
    """The plugin is on, deploys by a hook and follows with a token."""
    secrets = {"build_hook": HOOK, "token": TOKEN}
    plugin_enabled("netlify-deployer", tenant, config={"site": "mine.netlify.app"}, secrets=secrets)
    run_due()
    netlify.arrived.clear()  # its health was checked
    return site


@pytest.fixture
def by_api(
    tenant: Tenant, netlify: NetlifyPeer, site: Site, plugin_enabled: PluginEnabled, run_due: RunDue
) -> Site:
    """The plugin is on and builds by the API."""
    plugin_enabled(
        "netlify-deployer", tenant, config={"method": "api", "site": "site-mine"}, secrets={"token": TOKEN}
    )
    run_due()
    netlify.arrived.clear()  # its health was checked
    return site


@pytest.fixture
def runs(clock: Clock, run_due: RunDue) -> Runs:
    """Let a minute pass, and run what was asked for; `runs(3)` does so three times."""

    def run(times: int = 1) -> list[TaskRun]:
        made: list[TaskRun] = []
        for _ in range(times):
            clock.advance(minutes=1)
            made += [one for one in run_due(waiting=True) if one.kind == "task"]
        return made

    return run


@pytest.fixture
def kept(tenant: Tenant, plugin_scope: PluginScope) -> Kept:
    """The deployments of the tenant, the newest first, with their changes."""

    def newest(of: Tenant = tenant) -> list[DeploymentRecord]:
        with plugin_scope("netlify-deployer", of):
            return History.of("netlify-deployer").newest(10)

    return newest


@pytest.fixture
def publish(tenant: Tenant, make_content: MakeContent, deliver_all: DeliverAll) -> Publish:
    """Publish something, and deliver that."""

    def make(title: str = "Slow food") -> str:
        content = make_content(title=title)
        deliver_all(tenant)
        return str(content["content_id"])

    return make
