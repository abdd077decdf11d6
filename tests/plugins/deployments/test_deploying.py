"""From published content to a deployment: real deliveries and runs, and a server that plays the service."""

from __future__ import annotations

from plugin_host.testing import (
    Clock,
    DeliverAll,
    MakeContent,
    PluginEnabled,
    PluginScope,
    RunDue,
    RunTask,
    Tenant,
    schedule,
)
from tests.plugins.deployments.fixtures import Kept, Publish, Runs, deploy_before
from tests.plugins.deployments.peer import DeploymentPeer, Project
from tests.plugins.deployments.service import Service


def test_what_is_published_is_deployed_and_followed_to_its_end(
    service: Service, peer: DeploymentPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    content_id = publish("Slow food")
    runs(5)

    (start,) = peer.starts()
    assert (service.hook_address.endswith(start.path), start.token) == (True, "")
    (deployment,) = kept()
    assert (deployment.state, deployment.remote_id) == ("ready", service.remote_id.format(1))
    assert (deployment.error, deployment.took != "") == ("", True)
    assert deployment.url == service.url.format(1)
    assert deployment.details_url == service.details_url.format(1)
    changes = [(one.event, one.content_id, one.title) for one in deployment.changes.all()]
    assert changes == [("record.published", content_id, "Slow food")]
    # Nothing more is asked of the service.
    asked = len(peer.arrived)
    runs(2)
    assert len(peer.arrived) == asked


def test_fifty_publishes_make_one_deployment(
    tenant: Tenant,
    peer: DeploymentPeer,
    by_hook: Project,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    run_due: RunDue,
    runs: Runs,
    kept: Kept,
) -> None:
    for number in range(50):
        make_content(title=f"Tea {number}")
    deliver_all(tenant)
    run_due(waiting=True)
    assert peer.starts() == []  # not quiet yet

    runs(5)

    assert len(peer.starts()) == 1
    (deployment,) = kept()
    assert deployment.changes.count() == 50


def test_without_quiet_it_starts_after_the_longest_wait(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
) -> None:
    plugin_enabled(service.plugin_id, tenant, config={"quiet_seconds": 90, "longest_wait_seconds": 150})
    started = []
    for number in range(3):
        publish(f"Tea {number}")
        runs()
        started.append(len(peer.starts()))

    assert started == [0, 0, 1]


def test_the_api_deploys_and_follows_to_the_end(
    service: Service, peer: DeploymentPeer, by_api: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    runs(5)

    assert [one.token for one in peer.starts()] == [by_api.token]
    (deployment,) = kept()
    own = service.remote_id.format(service.deployed_before + 1)
    assert (deployment.state, deployment.remote_id) == ("ready", own)


def test_a_hook_without_a_token_starts_and_does_not_follow(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    plugin_enabled(service.plugin_id, tenant, secrets=service.secret_hook)
    run_due()
    publish()
    runs(3)

    assert [one.method for one in peer.arrived] == ["POST"]
    (deployment,) = kept()
    assert (deployment.state, deployment.took) == ("started", "")


def test_deploy_now_waits_for_nothing(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    run_task: RunTask,
    run_due: RunDue,
    plugin_scope: PluginScope,
) -> None:
    assert run_task(f"{service.plugin_id}.deploy-now").ended == "done"
    run_due(waiting=True)

    assert len(peer.starts()) == 1
    with plugin_scope(service.plugin_id, tenant):
        assert [one.event for one in service.changes.objects.all()] == ["manual"]


def test_only_what_is_wanted_starts_a_deployment(
    tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    by_hook: Project,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    runs: Runs,
) -> None:
    config = {"events": ["record.published"], "collections": ["products"]}
    plugin_enabled(service.plugin_id, tenant, config=config)
    make_content(title="An article")
    make_content(title="A draft", collection="products", published=False)
    deliver_all(tenant)
    runs(2)
    assert peer.starts() == []

    make_content(title="A product", collection="products")
    deliver_all(tenant)
    runs()
    assert len(peer.starts()) == 1


def test_what_changes_during_a_build_is_deployed_after_it(
    service: Service, peer: DeploymentPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    peer.states = ["building"] * 4 + ["ready"]
    publish("First")
    runs()
    publish("Second")
    runs(8)

    assert [[one.title for one in found.changes.all()] for found in kept()] == [["Second"], ["First"]]
    assert [(found.state, found.remote_id) for found in kept()] == [
        ("ready", service.remote_id.format(2)),
        ("ready", service.remote_id.format(1)),
    ]


def test_two_tenants_never_mix(
    tenant: Tenant,
    other_tenant: Tenant,
    service: Service,
    peer: DeploymentPeer,
    by_api: Project,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    publish: Publish,
    clock: Clock,
    kept: Kept,
) -> None:
    theirs = peer.add(Project(id="id-of-theirs", name="theirs", token="token-of-theirs-9876543210"))
    deploy_before(service, peer, theirs)
    plugin_enabled(
        service.plugin_id,
        other_tenant,
        config=service.config_by_api(theirs.id),
        secrets={"token": theirs.token},
    )
    schedule.run_due(other_tenant)
    peer.arrived.clear()
    publish("Mine")
    make_content(tenant=other_tenant, title="Theirs")
    deliver_all(other_tenant)

    asked_by = []
    for one in (tenant, other_tenant):
        before = len(peer.arrived)
        for _ in range(5):
            clock.advance(minutes=1)
            schedule.run_due(one, waiting=True)
        asked = peer.arrived[before:]
        named = {project.id for project in peer.projects if project.id in str(asked)}
        asked_by.append(({request.token for request in asked}, named))

    assert asked_by == [({by_api.token}, {by_api.id}), ({theirs.token}, {theirs.id})]
    for of, title, name in ((tenant, "Mine", by_api.name), (other_tenant, "Theirs", theirs.name)):
        (deployment,) = kept(of)
        assert [one.title for one in deployment.changes.all()] == [title]
        assert (deployment.state, name in deployment.url) == ("ready", True)
