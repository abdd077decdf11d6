"""A peer that plays Vercel, and a tenant that deploys there."""

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
from tests.plugins.vercel_deployer.peer import Project, VercelPeer

HOOK = "https://api.vercel.com/v1/integrations/deploy/prj_mine/hookOfMine"
TOKEN = "token-of-mine-0123456789"


class Runs(Protocol):
    def __call__(self, times: int = 1) -> list[TaskRun]: ...


class Kept(Protocol):
    def __call__(self, of: Tenant = ...) -> list[DeploymentRecord]: ...


class Publish(Protocol):
    def __call__(self, title: str = "Slow food") -> str: ...


@pytest.fixture
def vercel() -> Iterator[VercelPeer]:
    peer = VercelPeer()
    with peer.serving(), allow_outbound(f"127.0.0.1:{peer.port}"), use_services(vercel=peer.url):
        yield peer


@pytest.fixture
def project(vercel: VercelPeer) -> Project:
    return vercel.add(Project(id="prj_mine", name="mine", token=TOKEN, hooks={"hookOfMine"}))


@pytest.fixture
def by_hook(
    tenant: Tenant, vercel: VercelPeer, project: Project, plugin_enabled: PluginEnabled, run_due: RunDue
) -> Project:
    """The plugin is on, deploys by a hook and follows with a token."""
    plugin_enabled("vercel-deployer", tenant, secrets={"deploy_hook": HOOK, "token": TOKEN})
    run_due()
    vercel.arrived.clear()  # its health was checked
    return project


@pytest.fixture
def by_api(
    tenant: Tenant, vercel: VercelPeer, project: Project, plugin_enabled: PluginEnabled, run_due: RunDue
) -> Project:
    """The plugin is on and repeats the project's last deployment."""
    vercel.deploy(project, states=["READY"])
    plugin_enabled(
        "vercel-deployer", tenant, config={"method": "api", "project": "mine"}, secrets={"token": TOKEN}
    )
    run_due()
    vercel.arrived.clear()  # its health was checked
    return project


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
        with plugin_scope("vercel-deployer", of):
            return History.of("vercel-deployer").newest(10)

    return newest


@pytest.fixture
def publish(tenant: Tenant, make_content: MakeContent, deliver_all: DeliverAll) -> Publish:
    """Publish something, and deliver that."""

    def make(title: str = "Slow food") -> str:
        content = make_content(title=title)
        deliver_all(tenant)
        return str(content["content_id"])

    return make
