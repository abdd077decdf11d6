"""The kit for plugins' tests does what the host does, and touches nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from core.actors import system_actor
from core.errors import NotFound
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hookspec import ContentLifecycleHooks
from plugin_host.registry import PluginRegistry
from plugin_host.runtime import store
from plugin_host.testing import host
from plugin_host.testing.clock import Clock
from plugin_host.testing.peer import HttpPeer, PeerAnswer, PeerRequest
from plugin_host.testing.types import ClientFor, DeliverAll, MakeContent, PluginEnabled, PluginScope, RunHook
from tenants.models import Tenant
from tests.servers import PROJECT


class Echo(Plugin, ContentLifecycleHooks):
    name = "echo"
    version = "1.0.0"
    description = "Says what it is told."
    SECRETS_SCHEMA = {"type": "object", "properties": {"word": {"type": "string"}}}

    def dvp_before_content_create(
        self, ctx: HookContext, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {**content, "title": self.get_secrets(ctx.tenant_id).get("word", default="none")}

    async def dvp_content_created(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if content["title"] == "bad":
            raise ValueError("a bad title")

    def dvp_execute_health_check(self, check: Any, ctx: HookContext, execution_ctx: Any) -> Any:
        return check, ctx.tenant_id, execution_ctx


@pytest.fixture(autouse=True)
def echo() -> Iterator[None]:
    PluginRegistry().register(Echo)
    yield
    PluginRegistry().unregister("echo")


def create(tenant: Tenant, word: str, plugin_enabled: PluginEnabled) -> None:
    plugin_enabled("echo", tenant, secrets={"word": word})
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="notes", schema={"type": "object", "properties": {}})
        create_record(collection="notes", data={}, title="Mine")


def test_run_hook_has_the_tenants_secrets(
    tenant: Tenant, plugin_enabled: PluginEnabled, run_hook: RunHook
) -> None:
    plugin_enabled("echo", tenant, secrets={"word": "hello"})

    assert run_hook("echo", "dvp_before_content_create", {"title": "Mine"}) == {"title": "hello"}


async def test_run_hook_works_in_async_tests_and_raises_what_the_hook_raises(
    run_hook: RunHook, tenant: Tenant, plugin_enabled: PluginEnabled
) -> None:
    await sync_to_async(plugin_enabled)("echo", tenant)

    with pytest.raises(ValueError, match="a bad title"):
        await sync_to_async(run_hook)("echo", "dvp_content_created", "id", {"title": "bad"})


def test_run_hook_refuses_where_the_plugin_is_off(run_hook: RunHook) -> None:
    with pytest.raises(PluginError, match="has no hook dvp_content_created, or is off"):
        run_hook("echo", "dvp_content_created", "id", {})


def test_deliver_all_runs_the_tenants_own_only(
    tenant: Tenant, other_tenant: Tenant, plugin_enabled: PluginEnabled, deliver_all: DeliverAll
) -> None:
    create(tenant, "good", plugin_enabled)
    create(other_tenant, "bad", plugin_enabled)

    runs = deliver_all(tenant)

    assert [(run.hook, run.ended) for run in runs] == [("dvp_content_created", "done")]
    assert host.open_deliveries(other_tenant) == 1
    (late,) = deliver_all(other_tenant, waiting=True)
    assert (late.ended, late.attempt) == ("", 2)
    assert late.error.startswith("ValueError: a bad title")


def test_the_peer_answers_in_turn_and_notes_what_it_gets(http_peer: HttpPeer) -> None:
    url = http_peer.answer("/a", 503, PeerAnswer(status=200, headers={"x-test": "1"}, body=b"yes"))

    answers = [httpx.post(url, json={"n": number}) for number in range(3)]

    assert [(answer.status_code, answer.text) for answer in answers] == [
        (503, ""),
        (200, "yes"),
        (200, "yes"),
    ]
    assert answers[1].headers["x-test"] == "1"
    assert [request.json() for request in http_peer.requests_to("/a")] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert httpx.get(http_peer.url("/never-told")).status_code == 204


@pytest.mark.parametrize(
    ("path", "plugin_id"),
    [
        ("plugins/task_manager/tests/test_routes.py", "task-manager"),
        ("examples/reading-time/tests/test_reading_time.py", "reading-time"),
        ("tests/plugins/webhooks/test_sending.py", None),
    ],
)
def test_a_test_file_belongs_to_the_plugin_that_it_lies_in(path: str, plugin_id: str | None) -> None:
    assert host.plugin_at(PROJECT / path) == plugin_id


def test_content_is_made_changed_and_published(
    tenant: Tenant, other_tenant: Tenant, make_content: MakeContent
) -> None:
    draft = make_content(title="Slow food", published=False, minutes=3)
    changed = make_content(draft["content_id"], title="Slower food")
    elsewhere = make_content(tenant=other_tenant, collection="notes", title="Mine")

    assert (draft["status"], draft["data"]) == ("draft", {"minutes": 3})
    assert (changed["status"], changed["title"], changed["data"]) == (
        "published",
        "Slower food",
        {"minutes": 3},
    )
    assert changed["content_id"] == draft["content_id"]
    assert (elsewhere["tenant_id"], elsewhere["collection"]) == (str(other_tenant.pk), "notes")


def test_plugin_scope_is_the_plugins_at_that_tenant(
    tenant: Tenant, other_tenant: Tenant, plugin_scope: PluginScope, plugin_enabled: PluginEnabled
) -> None:
    plugin_enabled("echo", tenant, secrets={"word": "hello"})

    with plugin_scope("echo", tenant):
        store.set("seen", 1)
    with plugin_scope("echo", other_tenant):
        assert store.get("seen") is None
    with pytest.raises(NotFound, match="Did you mean 'echo'"), plugin_scope("ecko", tenant):
        pass


def test_clients_are_who_they_are_asked_to_be(
    tenant: Tenant, other_tenant: Tenant, client_for: ClientFor, admin_client: Client
) -> None:
    members = "/api/v1/tenant/members"

    answers = [client_for(tenant, role=role).get(members).status_code for role in (None, "viewer", "admin")]

    assert answers == [401, 403, 200]
    assert len(client_for(other_tenant, role="admin").get(members).json()["data"]) == 1
    assert admin_client.get("/admin/").status_code == 200


def test_run_hook_puts_the_context_where_the_hook_wants_it(
    tenant: Tenant, plugin_enabled: PluginEnabled, run_hook: RunHook
) -> None:
    plugin_enabled("echo", tenant)

    found = run_hook("echo", "dvp_execute_health_check", "the check", "the run")

    assert found == ("the check", tenant.pk, "the run")


class Dated(Plugin, ContentLifecycleHooks):
    name = "dated"
    version = "1.0.0"

    def dvp_before_content_create(
        self, ctx: HookContext, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {**content, "title": timezone.now().date().isoformat()}

    async def dvp_content_created(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await store.aset("at", datetime.now(UTC).isoformat())


def test_the_clock_moves_the_time_of_hooks_and_deliveries(
    tenant: Tenant,
    clock: Clock,
    plugin_enabled: PluginEnabled,
    plugin_scope: PluginScope,
    make_content: MakeContent,
    deliver_all: DeliverAll,
) -> None:
    PluginRegistry().register(Dated)
    try:
        plugin_enabled("dated", tenant)
        clock.move_to(datetime(2031, 2, 3, 23, 59, tzinfo=UTC))

        before = make_content(published=False)
        clock.advance(minutes=2)
        after = make_content(published=False)

        assert (before["title"], after["title"]) == ("2031-02-03", "2031-02-04")
        assert [run.ended for run in deliver_all(tenant) if run.plugin == "dated"] == ["done", "done"]
        with plugin_scope("dated", tenant):
            assert store.get("at").startswith("2031-02-04T00:01")
    finally:
        PluginRegistry().unregister("dated")


def test_the_clock_wants_a_time_zone(clock: Clock) -> None:
    # The test before was in 2031.
    assert clock.now.year < 2031
    with pytest.raises(ValueError, match="give it one, for example tzinfo=UTC"):
        clock.move_to(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


def test_the_peer_answers_everything_alike_when_told(http_peer: HttpPeer) -> None:
    http_peer.answer("/a", 200)

    http_peer.answer_everything(503)
    refused = [httpx.get(http_peer.url(path)).status_code for path in ("/a", "/b")]
    http_peer.answer_everything(None)

    assert refused == [503, 503]
    assert [httpx.get(http_peer.url(path)).status_code for path in ("/a", "/b")] == [200, 204]


def test_a_function_answers_what_the_peer_was_not_told(http_peer: HttpPeer) -> None:
    kept: dict[str, bytes] = {}

    def answer(request: PeerRequest) -> PeerAnswer | None:
        if request.method == "PUT":
            kept[request.path] = request.body
            return PeerAnswer(status=201)
        return PeerAnswer(body=kept[request.path]) if request.path in kept else None

    http_peer.answer_by(answer)
    http_peer.answer("/told", 418)

    statuses = [httpx.put(http_peer.url(path), content=b"tea").status_code for path in ("/a", "/told")]
    found = [httpx.get(http_peer.url(path)) for path in ("/a", "/b")]

    assert statuses == [201, 418]
    assert [(one.status_code, one.content) for one in found] == [(200, b"tea"), (204, b"")]
