"""One instance per tenant and revision: never stale, never another tenant's, started and ended once."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.base import Plugin
from plugin_host.context import HookContext, PluginContext, RecordEvent
from plugin_host.errors import PluginError, PluginInitializationError
from plugin_host.instances import InstancePool, instances
from plugin_host.registry import LoadedPlugins, PluginRegistry, handlers, plugin_handlers, use_plugins
from plugin_host.runner import Handler
from plugin_host.runtime_state import current_run
from plugin_host.services import disable_plugin, enable_plugin, save_config
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from tenants.models import Tenant

HOOK = "dvp_content_published"
NUMBERS = itertools.count()


class Caching(Plugin):
    """Caches its configuration in `self`, as the guide's plugin does, and notes its life."""

    name = "caching"
    version = "1.0.0"

    life: ClassVar[list[tuple[str, Any]]] = []
    shut_down: ClassVar[threading.Event] = threading.Event()
    gate: ClassVar[threading.Event] = threading.Event()
    fails: ClassVar[bool] = False

    def __init__(self) -> None:
        self.colour: Any = None
        # An id may come again when its object has gone.
        self.number = next(NUMBERS)

    def register(self, ctx: PluginContext) -> None:
        ctx.on_any_event(self.on_event)

    def initialize(self) -> None:
        run = current_run()
        assert run is not None
        if self.fails:
            raise ValueError("no colour")
        self.colour = self.get_config(run.tenant_id).get("colour")
        self.life.append(("initialized", self.colour))

    def shutdown(self) -> None:
        self.life.append(("shut down", self.colour))
        self.shut_down.set()

    def dvp_content_published(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
    ) -> Any:
        if content_id == "wait":
            self.gate.wait(10)
        return (self.number, self.colour)

    async def dvp_content_created(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
    ) -> Any:
        return (self.number, self.colour)

    def on_event(self, event: Any) -> Any:
        return (self.number, self.colour)


class AsyncLife(Plugin):
    name = "async-life"
    version = "1.0.0"
    life: ClassVar[list[str]] = []
    shut_down: ClassVar[threading.Event] = threading.Event()

    async def initialize(self) -> None:
        await asyncio.sleep(0)
        self.life.append("initialized")

    async def shutdown(self) -> None:
        await asyncio.sleep(0)
        self.life.append("shut down")
        self.shut_down.set()

    async def dvp_content_created(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
    ) -> Any:
        return id(self)

    def dvp_content_published(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
    ) -> Any:
        return id(self)


@pytest.fixture(autouse=True)
def plugins() -> Iterator[LoadedPlugins]:
    Caching.life.clear()
    Caching.shut_down.clear()
    Caching.gate.clear()
    Caching.fails = False
    AsyncLife.life.clear()
    AsyncLife.shut_down.clear()
    with use_plugins(LoadedPlugins()) as loaded:
        PluginRegistry().register(Caching)
        PluginRegistry().register(AsyncLife)
        yield loaded
    forget_tenant_plugins()


def set_up(tenant: Tenant, colour: str) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        save_config("caching", {"colour": colour})
        enable_plugin("caching")


def handler(tenant: Tenant, hook: str = HOOK) -> Handler:
    (found,) = handlers(tenant.pk, hook)
    return found


def call(tenant: Tenant, content_id: str = "1") -> Any:
    return handler(tenant).call(None, content_id, {}, {})


def test_a_tenant_has_one_instance_for_all_its_hooks(tenant: Tenant) -> None:
    set_up(tenant, "red")

    first, second = call(tenant), call(tenant)
    event = handler(tenant, "record.created").call(None)
    created = asyncio.run(handler(tenant, "dvp_content_created").call(None, "1", {}, {}))

    assert first == second == event == created
    assert Caching.life == [("initialized", "red")]


def test_tenants_never_share_an_instance(tenant: Tenant, other_tenant: Tenant) -> None:
    set_up(tenant, "red")
    set_up(other_tenant, "blue")

    (one, red), (other, blue) = call(tenant), call(other_tenant)

    assert one != other
    assert (red, blue) == ("red", "blue")


def test_a_change_makes_a_new_instance_and_ends_the_old_one(tenant: Tenant) -> None:
    set_up(tenant, "red")
    before = call(tenant)

    set_up(tenant, "green")
    after = call(tenant)

    assert after[1] == "green"
    assert before[0] != after[0]
    assert Caching.shut_down.wait(10)
    assert sorted(Caching.life) == [
        ("initialized", "green"),
        ("initialized", "red"),
        ("shut down", "red"),
    ]


def test_an_old_instance_ends_after_its_running_hooks(tenant: Tenant) -> None:
    set_up(tenant, "red")
    answers: list[Any] = []
    call(tenant)
    old = handler(tenant)
    running = threading.Thread(target=lambda: answers.append(old.call(None, "wait", {}, {})))
    running.start()

    set_up(tenant, "green")
    assert call(tenant)[1] == "green"
    assert ("shut down", "red") not in Caching.life

    Caching.gate.set()
    running.join(10)
    assert Caching.shut_down.wait(10)
    assert answers[0][1] == "red"


def test_switching_off_ends_the_instance(tenant: Tenant) -> None:
    set_up(tenant, "red")
    call(tenant)

    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        disable_plugin("caching")

    assert handlers(tenant.pk, HOOK) == ()
    assert Caching.shut_down.wait(10)


def test_what_a_plugin_handles_is_known_also_when_it_is_off(tenant: Tenant) -> None:
    known = plugin_handlers(tenant.pk, "caching")

    assert sorted(known) == [
        "dvp_content_created",
        "dvp_content_published",
        "record.created",
        "record.deleted",
        "record.published",
        "record.unpublished",
        "record.updated",
    ]


def test_a_failing_start_is_told_and_tried_again(tenant: Tenant) -> None:
    set_up(tenant, "red")
    Caching.fails = True
    with pytest.raises(PluginInitializationError, match="failed to initialize: ValueError: no colour"):
        call(tenant)

    Caching.fails = False
    assert call(tenant)[1] == "red"


def test_many_calls_at_once_start_one_instance(tenant: Tenant) -> None:
    set_up(tenant, "red")
    one = handler(tenant)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(one.call(None, "1", {}, {}))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(set(answers)) == 1
    assert len(answers) == 8
    assert Caching.life == [("initialized", "red")]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_life_in_async_code_works_from_both_kinds_of_hooks(tenant: Tenant, kind: str) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin("async-life")
        if kind == "sync":
            handler(tenant).call(None, "1", {}, {})
        else:
            asyncio.run(handler(tenant, "dvp_content_created").call(None, "1", {}, {}))
        assert AsyncLife.life == ["initialized"]
        disable_plugin("async-life")

    assert handlers(tenant.pk, HOOK) == ()
    assert AsyncLife.shut_down.wait(10)


def test_the_pool_is_bounded(tenant: Tenant, other_tenant: Tenant, plugins: LoadedPlugins) -> None:
    pool = InstancePool(max_entries=1)
    plugin = plugins.plugins["caching"]
    for one in (tenant, other_tenant):
        set_up(one, "red")
        with pool.lease(plugin, tenant_plugins(one.pk)["caching"]) as instance:
            assert isinstance(instance, Caching)

    assert len(pool) == 1
    assert Caching.shut_down.wait(10)


def test_the_end_of_the_process_ends_instances(tenant: Tenant, plugins: LoadedPlugins) -> None:
    set_up(tenant, "red")
    pool = InstancePool()
    with pool.lease(plugins.plugins["caching"], tenant_plugins(tenant.pk)["caching"]):
        pass

    pool.close(wait_seconds=10)

    assert Caching.life == [("initialized", "red"), ("shut down", "red")]


def test_an_instance_registered_by_hand_is_used_itself(tenant: Tenant, plugins: LoadedPlugins) -> None:
    PluginRegistry().unregister("caching")
    own = Caching()
    PluginRegistry().register(own)
    set_up(tenant, "red")

    assert call(tenant) == (own.number, None)
    assert Caching.life == []


def test_waiting_callers_learn_that_a_start_has_failed(tenant: Tenant, plugins: LoadedPlugins) -> None:
    set_up(tenant, "red")
    plugin, wanted = plugins.plugins["caching"], tenant_plugins(tenant.pk)["caching"]
    first, second = instances.take(plugin, wanted), instances.take(plugin, wanted)
    assert first is second
    Caching.fails = True
    with pytest.raises(PluginInitializationError, match="no colour"):
        instances.start(plugin, first)

    with pytest.raises(PluginInitializationError, match="no colour"):
        instances.start(plugin, second)


def test_record_events_go_to_handlers_of_their_collection(tenant: Tenant, plugins: LoadedPlugins) -> None:
    class Narrow(Plugin):
        name = "narrow"
        version = "1.0.0"

        def register(self, ctx: PluginContext) -> None:
            ctx.on_record_create("posts", self.one)
            ctx.on_record_create(None, self.all)

        def one(self, event: RecordEvent) -> None: ...

        def all(self, event: RecordEvent) -> None: ...

    PluginRegistry().register(Narrow)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin("narrow")

    keys = {
        name: {one.key.rpartition(".")[2] for one in handlers(tenant.pk, "record.created", name)}
        for name in ("posts", "pages")
    }

    assert keys == {"posts": {"all", "one"}, "pages": {"all"}}
    assert handlers(tenant.pk, "record.updated", "posts") == ()


def test_the_registry_is_a_handle_on_what_is_loaded(plugins: LoadedPlugins) -> None:
    registry = PluginRegistry()

    assert isinstance(registry.get("caching"), Caching)
    assert registry.get("nobody") is None
    with pytest.raises(PluginError, match="registered already"):
        registry.register(Caching())
    registry.unregister("caching")
    assert registry.get("caching") is None


def test_the_registry_turns_on_here_or_for_a_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    registry = PluginRegistry()

    registry.enable("caching")
    assert tenant_plugins(tenant.pk)["caching"].runs
    assert tenant_plugins(tenant.pk)["caching"].in_process_only

    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        registry.disable("caching")
    registry.disable("caching")
    assert not tenant_plugins(other_tenant.pk)["caching"].runs
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        registry.enable("caching", tenant=str(tenant.pk))
    assert tenant_plugins(tenant.pk)["caching"].runs
    assert not tenant_plugins(other_tenant.pk)["caching"].runs
