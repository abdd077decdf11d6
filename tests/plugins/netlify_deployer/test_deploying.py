"""From published content to a deployment: real deliveries and runs, and a server that plays Netlify."""

from __future__ import annotations

from netlify_deployer.models import Change
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
from tests.plugins.netlify_deployer.conftest import HOOK, TOKEN, Kept, Publish, Runs
from tests.plugins.netlify_deployer.peer import NetlifyPeer, Site


def test_what_is_published_is_deployed_and_followed_to_its_end(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept
) -> None:
    content_id = publish("Slow food")
    runs(7)

    (start,) = netlify.starts()
    (deployment,) = kept()
    query = {"trigger_title": f"Tenantry {deployment.pk}"}
    assert (start.path, start.query, start.token) == ("/build_hooks/hookOfMine123", query, "")
    assert (deployment.state, deployment.remote_id, deployment.error) == ("ready", "deploy1", "")
    assert deployment.url == "https://deploy1--mine.netlify.app"
    assert deployment.details_url == "https://app.netlify.com/projects/mine/deploys/deploy1"
    assert deployment.took != ""
    changes = [(one.event, one.content_id, one.title) for one in deployment.changes.all()]
    assert changes == [("record.published", content_id, "Slow food")]
    # Nothing more is asked of Netlify.
    asked = len(netlify.arrived)
    runs(2)
    assert len(netlify.arrived) == asked


def test_fifty_publishes_make_one_deployment(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_hook: Site,
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
    assert netlify.starts() == []  # not quiet yet

    runs(7)

    assert len(netlify.starts()) == 1
    (deployment,) = kept()
    assert deployment.changes.count() == 50


def test_without_quiet_it_starts_after_the_longest_wait(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_hook: Site,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
) -> None:
    plugin_enabled("netlify-deployer", tenant, config={"quiet_seconds": 90, "longest_wait_seconds": 150})
    started = []
    for number in range(3):
        publish(f"Tea {number}")
        runs()
        started.append(len(netlify.starts()))

    assert started == [0, 0, 1]


def test_the_api_builds_the_site(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_api: Site,
    plugin_enabled: PluginEnabled,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    config = {"method": "api", "site": "site-mine", "branch": "main", "clear_cache": True}
    plugin_enabled("netlify-deployer", tenant, config=config)
    publish()
    runs(6)

    (deployment,) = kept()
    assert (deployment.state, deployment.remote_id) == ("ready", "deploy1")
    (start,) = netlify.starts()
    assert (start.path, start.token) == ("/api/v1/sites/site-mine/builds", TOKEN)
    assert start.query == {"title": f"Tenantry {deployment.pk}", "branch": "main", "clear_cache": "true"}


def test_a_hook_without_a_token_starts_and_does_not_follow(
    tenant: Tenant,
    netlify: NetlifyPeer,
    site: Site,
    plugin_enabled: PluginEnabled,
    run_due: RunDue,
    publish: Publish,
    runs: Runs,
    kept: Kept,
) -> None:
    config = {"clear_cache": True, "branch": "cms"}
    plugin_enabled("netlify-deployer", tenant, config=config, secrets={"build_hook": HOOK})
    run_due()
    publish()
    runs(3)

    (deployment,) = kept()
    (start,) = netlify.arrived
    assert start.path == "/build_hooks/hookOfMine123"
    assert start.query == {
        "trigger_title": f"Tenantry {deployment.pk}",
        "trigger_branch": "cms",
        "clear_cache": "true",
    }
    assert (deployment.state, deployment.took) == ("started", "")


def test_deploy_now_waits_for_nothing(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_hook: Site,
    run_task: RunTask,
    run_due: RunDue,
    plugin_scope: PluginScope,
) -> None:
    assert run_task("netlify-deployer.deploy-now").ended == "done"
    run_due(waiting=True)

    assert len(netlify.starts()) == 1
    with plugin_scope("netlify-deployer", tenant):
        assert [one.event for one in Change.objects.all()] == ["manual"]


def test_only_what_is_wanted_starts_a_deployment(
    tenant: Tenant,
    netlify: NetlifyPeer,
    by_hook: Site,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    runs: Runs,
) -> None:
    config = {"events": ["record.published"], "collections": ["products"]}
    plugin_enabled("netlify-deployer", tenant, config=config)
    make_content(title="An article")
    make_content(title="A draft", collection="products", published=False)
    deliver_all(tenant)
    runs(2)
    assert netlify.starts() == []

    make_content(title="A product", collection="products")
    deliver_all(tenant)
    runs()
    assert len(netlify.starts()) == 1


def test_what_changes_during_a_build_is_deployed_after_it(
    netlify: NetlifyPeer, by_hook: Site, publish: Publish, runs: Runs, kept: Kept
) -> None:
    netlify.states = ["building"] * 4 + ["ready"]
    publish("First")
    runs()
    publish("Second")
    runs(10)

    assert [[one.title for one in found.changes.all()] for found in kept()] == [["Second"], ["First"]]
    assert [(found.state, found.remote_id) for found in kept()] == [
        ("ready", "deploy2"),
        ("ready", "deploy1"),
    ]


def test_two_tenants_never_mix(
    tenant: Tenant,
    other_tenant: Tenant,
    netlify: NetlifyPeer,
    by_api: Site,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
    deliver_all: DeliverAll,
    publish: Publish,
    clock: Clock,
    kept: Kept,
) -> None:
    theirs = netlify.add(Site(id="site-theirs", name="theirs", token="token-of-theirs-9876543210"))
    plugin_enabled(
        "netlify-deployer",
        other_tenant,
        config={"method": "api", "site": "site-theirs"},
        secrets={"token": theirs.token},
    )
    schedule.run_due(other_tenant)
    netlify.arrived.clear()
    publish("Mine")
    make_content(tenant=other_tenant, title="Theirs")
    deliver_all(other_tenant)

    asked_by = []
    for one in (tenant, other_tenant):
        before = len(netlify.arrived)
        for _ in range(6):
            clock.advance(minutes=1)
            schedule.run_due(one, waiting=True)
        asked_by.append({(one.token, one.path) for one in netlify.arrived[before:]})

    assert asked_by == [
        {(by_api.token, "/api/v1/sites/site-mine/builds"), (by_api.token, "/api/v1/deploys/deploy1")},
        {(theirs.token, "/api/v1/sites/site-theirs/builds"), (theirs.token, "/api/v1/deploys/deploy2")},
    ]
    for of, title, host in ((tenant, "Mine", "mine"), (other_tenant, "Theirs", "theirs")):
        (deployment,) = kept(of)
        assert [one.title for one in deployment.changes.all()] == [title]
        assert (deployment.state, deployment.url.endswith(f"--{host}.netlify.app")) == ("ready", True)
