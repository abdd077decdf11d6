"""A peer that plays the service, and a tenant that deploys there; each test runs for each service."""

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
from tests.plugins.deployments.peer import DeploymentPeer, Project
from tests.plugins.deployments.service import TOKEN, Service
from tests.plugins.deployments.services import SERVICES


class Runs(Protocol):
    def __call__(self, times: int = 1) -> list[TaskRun]: ...


class Kept(Protocol):
    def __call__(self, of: Tenant = ...) -> list[DeploymentRecord]: ...


class Publish(Protocol):
    def __call__(self, title: str = "Slow food") -> str: ...


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Service:
    """A module about one service overrides it."""
    found: Service = request.param
    return found


@pytest.fixture
def peer(service: Service) -> Iterator[DeploymentPeer]:
    made = service.peer()
    with (
        made.serving(),
        allow_outbound(f"127.0.0.1:{made.port}"),
        use_services(**{service.name: made.url}),
    ):
        yield made


@pytest.fixture
def project(service: Service, peer: DeploymentPeer) -> Project:
    return peer.add(service.own_project())


@pytest.fixture
def by_hook(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
) -> Project:
    """The plugin is on, deploys by a hook and follows with a token."""
    secrets = {**service.secret_hook, "token": TOKEN}
    plugin_enabled(service.plugin_id, tenant, config=service.config_by_hook, secrets=secrets)
    run_due()
    peer.arrived.clear()  # its health was checked
    return project


@pytest.fixture
def by_api(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
) -> Project:
    """The plugin is on and deploys by the API."""
    deploy_before(service, peer, project)
    plugin_enabled(service.plugin_id, tenant, config=service.config_by_api(), secrets={"token": TOKEN})
    run_due()
    peer.arrived.clear()  # its health was checked
    return project


def deploy_before(service: Service, peer: DeploymentPeer, project: Project) -> None:
    """Make the deployments without which the API cannot start one."""
    for _ in range(service.deployed_before):
        peer.deploy(project, states=["ready"])


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
def kept(tenant: Tenant, service: Service, plugin_scope: PluginScope) -> Kept:
    """The deployments of the tenant, the newest first, with their changes."""

    def newest(of: Tenant = tenant) -> list[DeploymentRecord]:
        with plugin_scope(service.plugin_id, of):
            return History.of(service.plugin_id).newest(10)

    return newest


@pytest.fixture
def publish(tenant: Tenant, make_content: MakeContent, deliver_all: DeliverAll) -> Publish:
    """Publish something, and deliver that."""

    def make(title: str = "Slow food") -> str:
        content = make_content(title=title)
        deliver_all(tenant)
        return str(content["content_id"])

    return make
