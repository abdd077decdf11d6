"""From published content to a deployment: real deliveries and runs, and a server that plays Vercel."""

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
from tests.plugins.vercel_deployer.conftest import HOOK, Kept, Publish, Runs
from tests.plugins.vercel_deployer.peer import Project, VercelPeer
from vercel_deployer.models import Change


def test_what_is_published_is_deployed_and_followed_to_its_end(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    content_id = publish("Slow food")
    runs(5)

    (start,) = vercel.starts()
    assert (start.path, start.query, start.token) == ("/v1/integrations/deploy/prj_mine/hookOfMine", {}, "")
    (deployment,) = kept()
    assert (deployment.state, deployment.remote_id, deployment.error) == ("ready", "dpl_1", "")
    assert deployment.url == "https://mine-1.vercel.app"
    assert deployment.details_url == "https://vercel.com/acme/mine/1"
    assert deployment.took != ""
    changes = [(one.event, one.content_id, one.title) for one in deployment.changes.all()]
    assert changes == [("record.published", content_id, "Slow food")]
    # Nothing more is asked of Vercel.
    asked = len(vercel.arrived)
    runs(2)
    assert len(vercel.arrived) == asked


def test_fifty_publishes_make_one_deployment(
    tenant: Tenant,
    vercel: VercelPeer,
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
    assert vercel.starts() == []  # not quiet yet

    runs(5)

    assert len(vercel.starts()) == 1
    (deployment,) = kept()
    assert deployment.changes.count() == 50


def test_without_quiet_it_starts_after_the_longest_wait(
    tenant: Tenant,
    vercel: VercelPeer,
    by_hook: Project,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
) -> None:
    plugin_enabled("vercel-deployer", tenant, config={"quiet_seconds": 90, "longest_wait_seconds": 150})
    started = []
    for number in range(3):
        publish(f"Tea {number}")
        runs()
        started.append(len(vercel.starts()))

    assert started == [0, 0, 1]


def test_the_api_repeats_the_last_deployment_with_the_newest_commit(
    vercel: VercelPeer, by_api: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    publish()
    runs(4)

    (deployment,) = kept()
    assert (deployment.state, deployment.remote_id) == ("ready", "dpl_2")
    (start,) = vercel.starts()
    assert start.query == {"forceNew": "1"}
    assert start.body == {
        "name": "mine",
        "project": "mine",
        "deploymentId": "dpl_1",
        "withLatestCommit": True,
        "meta": {"tenantryDeployment": str(deployment.pk)},
        "target": "production",
    }


def test_a_hook_without_a_token_starts_and_does_not_follow(
    tenant: Tenant,
    vercel: VercelPeer,
    project: Project,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    config = {"without_build_cache": True}
    plugin_enabled("vercel-deployer", tenant, config=config, secrets={"deploy_hook": HOOK})
    run_due()
    publish()
    runs(3)

    assert [(one.path.rpartition("/")[2], one.query) for one in vercel.arrived] == [
        ("hookOfMine", {"buildCache": "false"})
    ]
    (deployment,) = kept()
    assert (deployment.state, deployment.took) == ("started", "")


def test_deploy_now_waits_for_nothing(
    tenant: Tenant,
    vercel: VercelPeer,
    by_hook: Project,
    run_task: RunTask,
    run_due: RunDue,
    plugin_scope: PluginScope,
) -> None:
    assert run_task("vercel-deployer.deploy-now").ended == "done"
    run_due(waiting=True)

    assert len(vercel.starts()) == 1
    with plugin_scope("vercel-deployer", tenant):
        assert [one.event for one in Change.objects.all()] == ["manual"]


def test_only_what_is_wanted_starts_a_deployment(
    tenant: Tenant,
    vercel: VercelPeer,
    by_hook: Project,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    runs: Runs,
) -> None:
    config = {"events": ["record.published"], "collections": ["products"]}
    plugin_enabled("vercel-deployer", tenant, config=config)
    make_content(title="An article")
    make_content(title="A draft", collection="products", published=False)
    deliver_all(tenant)
    runs(2)
    assert vercel.starts() == []

    make_content(title="A product", collection="products")
    deliver_all(tenant)
    runs()
    assert len(vercel.starts()) == 1


def test_what_changes_during_a_build_is_deployed_after_it(
    vercel: VercelPeer, by_hook: Project, publish: Publish, runs: Runs, kept: Kept
) -> None:
    vercel.states = ["BUILDING"] * 4 + ["READY"]
    publish("First")
    runs()
    publish("Second")
    runs(8)

    assert [[one.title for one in found.changes.all()] for found in kept()] == [["Second"], ["First"]]
    assert [(found.state, found.remote_id) for found in kept()] == [("ready", "dpl_2"), ("ready", "dpl_1")]


def test_two_tenants_never_mix(
    tenant: Tenant,
    other_tenant: Tenant,
    vercel: VercelPeer,
    by_api: Project,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    publish: Publish,
    clock: Clock,
    kept: Kept,
) -> None:
    theirs = vercel.add(
        Project(id="prj_theirs", name="theirs", token="token-of-theirs-9876543210", team_id="team_T")
    )
    vercel.deploy(theirs, states=["READY"])
    plugin_enabled(
        "vercel-deployer",
        other_tenant,
        config={"method": "api", "project": "theirs", "team_id": "team_T"},
        secrets={"token": theirs.token},
    )
    schedule.run_due(other_tenant)
    vercel.arrived.clear()
    publish("Mine")
    make_content(tenant=other_tenant, title="Theirs")
    deliver_all(other_tenant)

    asked_by = []
    for one in (tenant, other_tenant):
        before = len(vercel.arrived)
        for _ in range(4):
            clock.advance(minutes=1)
            schedule.run_due(one, waiting=True)
        asked = vercel.arrived[before:]
        named = {one.query.get("projectId") or (one.body or {}).get("project") for one in asked} - {None}
        asked_by.append(({(one.token, one.query.get("teamId")) for one in asked}, named))

    assert asked_by == [
        ({(by_api.token, None)}, {"mine"}),
        ({(theirs.token, "team_T")}, {"theirs"}),
    ]
    for of, title, host in ((tenant, "Mine", "mine"), (other_tenant, "Theirs", "theirs")):
        (deployment,) = kept(of)
        assert [one.title for one in deployment.changes.all()] == [title]
        assert (deployment.state, deployment.url.startswith(f"https://{host}-")) == ("ready", True)
