from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from rest_framework.routers import SimpleRouter

from plugin_host.context import EventType, PluginContext, Registrations, rebound
from plugin_host.errors import PluginError
from plugin_host.runtime_state import PluginRun, Secrets, plugin_run

TENANT = UUID("11111111-1111-1111-1111-111111111111")


class Router:
    urls: list[Any] = []


def handle(event: Any) -> None:
    return None


def hook(ctx: Any, metadata: Any) -> None:
    return None


@pytest.fixture
def ctx() -> PluginContext:
    return PluginContext("task-manager")


def test_everything_of_the_guide_is_recorded_in_order(ctx: PluginContext) -> None:
    router = Router()
    ctx.include_router(router, prefix="/task-manager")
    ctx.include_router([], prefix="/task-manager-admin", tags=["Task Manager Admin"])
    ctx.include_router(router)
    ctx.on_record_create("posts", handle)
    ctx.on_record_update(None, handle)
    ctx.on_record_delete(None, handle)
    ctx.on_any_event(handle)
    ctx.on("dvp_plugin_enabled", hook, priority=5, time_limit=200)
    ctx.add_admin_page(
        nav_id="task-manager", label="Tasks", icon="fa-check-square", url="/admin/plugins/task-manager"
    )
    recorded = ctx.close()
    assert [(one.prefix, one.tags) for one in recorded.routers] == [
        ("task-manager", ()),
        ("task-manager-admin", ("Task Manager Admin",)),
        ("task-manager", ()),
    ]
    assert [(one.collection, sorted(one.types)) for one in recorded.events] == [
        ("posts", ["record.created"]),
        (None, ["record.updated"]),
        (None, ["record.deleted"]),
        (None, sorted(EventType)),
    ]
    (registered,) = recorded.hooks
    assert (registered.hook.name, registered.priority, registered.time_limit_seconds) == (
        "dvp_plugin_enabled",
        5,
        200,
    )
    assert [(page.nav_id, page.label, page.view) for page in recorded.admin_pages] == [
        ("task-manager", "Tasks", None)
    ]


def test_handlers_want_their_events_and_collections_only(ctx: PluginContext) -> None:
    ctx.on_record_create("posts", handle)
    ctx.on_any_event(handle)
    posts, anything = ctx.close().events
    assert posts.wants("record.created", "posts")
    assert not posts.wants("record.created", "pages")
    assert not posts.wants("record.deleted", "posts")
    assert anything.wants("record.published", "pages")
    assert not anything.wants("collection.created", "pages")


def test_keys_are_stable_and_different(ctx: PluginContext) -> None:
    here = __name__
    ctx.on_record_create("posts", handle)
    ctx.on_record_create(None, handle)
    ctx.on_any_event(handle)
    ctx.on_any_event(lambda event: None)
    ctx.on_any_event(lambda event: 1)
    ctx.on_any_event(functools.partial(hook, metadata=1))
    keys = [one.key for one in ctx.close().events]
    assert keys == [
        f"on_record_create:posts:{here}.handle",
        f"on_record_create:{here}.handle",
        f"on_any_event:{here}.handle",
        f"on_any_event:{here}.test_keys_are_stable_and_different.<locals>.<lambda>",
        f"on_any_event:{here}.test_keys_are_stable_and_different.<locals>.<lambda>#2",
        f"on_any_event:{here}.hook",
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda ctx: ctx.include_router("routes"), "router or a list of URL patterns, not str"),
        (lambda ctx: ctx.include_router(None), "not NoneType"),
        (lambda ctx: ctx.include_router([1, 2]), "entry 1 is 1, no URL pattern"),
        (lambda ctx: ctx.include_router(SimpleRouter), "write SimpleRouter\\(\\)"),
        (lambda ctx: ctx.include_router([], prefix="/Task Manager"), "cannot be used"),
        (lambda ctx: ctx.include_router([], prefix="../other"), "cannot be used"),
        (lambda ctx: ctx.include_router([], prefix=3), "cannot be used"),
        (lambda ctx: ctx.include_router([], tags="Tasks"), "takes a list of names"),
        (lambda ctx: ctx.on_record_create(handle, "posts"), "name of a collection"),
        (lambda ctx: ctx.on_record_create("", handle), "name of a collection"),
        (lambda ctx: ctx.on_record_create("posts", "handle"), "takes a function"),
        (lambda ctx: ctx.on_any_event(lambda: None), "must take one argument, the event"),
        (lambda ctx: ctx.on_any_event(lambda a, b: None), "must take one argument, the event"),
        (lambda ctx: ctx.on_any_event(yields), "yields of on_any_event must not yield"),
        (lambda ctx: ctx.on("dvp_plugin_enabled", yields), "dvp_plugin_enabled must not yield"),
        (lambda ctx: ctx.on("dvp_plugin_enabld", hook), "Did you mean 'dvp_plugin_enabled'"),
        (lambda ctx: ctx.on("dvp_plugin_enabled", handle), "must take"),
        (lambda ctx: ctx.on("dvp_plugin_enabled", None), "takes a function"),
        (lambda ctx: ctx.on("dvp_plugin_enabled", hook, priority="first"), "whole number"),
        (lambda ctx: ctx.on("dvp_plugin_enabled", hook, time_limit=301), "300 seconds at most"),
        (lambda ctx: ctx.on("dvp_plugin_enabled", hook, time_limit=0), "above 0"),
        (lambda ctx: page(ctx, nav_id="Tasks"), "nav_id 'Tasks' cannot be used"),
        (lambda ctx: page(ctx, label=" "), "label of the admin page"),
        (lambda ctx: page(ctx, icon=None), "icon of the admin page"),
        (lambda ctx: page(ctx, url="https://evil.example/"), "must be a path on this host"),
        (lambda ctx: page(ctx, url="//evil.example/"), "must be a path on this host"),
        (lambda ctx: page(ctx, url="javascript:alert(1)"), "must be a path on this host"),
        (lambda ctx: page(ctx, view="view"), "must be a Django view"),
    ],
)
def test_what_cannot_be_used_is_refused(
    ctx: PluginContext, wrong: Callable[[PluginContext], None], told: str
) -> None:
    with pytest.raises(PluginError, match=told):
        wrong(ctx)
    assert ctx.registrations == Registrations()


def yields(*args: Any) -> Iterator[None]:
    yield


def page(ctx: PluginContext, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "nav_id": "tasks",
        "label": "Tasks",
        "icon": "fa-x",
        "url": "/admin/plugins/tasks",
    }
    ctx.add_admin_page(**{**fields, **changed})


def test_registering_twice_is_refused(ctx: PluginContext) -> None:
    ctx.on_record_create("posts", handle)
    page(ctx)
    with pytest.raises(PluginError, match="was registered twice"):
        ctx.on_record_create("posts", handle)
    with pytest.raises(PluginError, match="was added twice"):
        page(ctx)


def test_nothing_can_be_registered_afterwards(ctx: PluginContext) -> None:
    ctx.close()
    with pytest.raises(PluginError, match="has returned"):
        ctx.on_any_event(handle)


def test_setting_in_register_is_the_platforms() -> None:
    ctx = PluginContext(
        "p",
        read_setting=lambda key, default: 1 if key == "set" else default,
        config_schema={"properties": {"declared": {"default": [1]}, "bare": {}}},
    )
    assert ctx.get_setting("set", default=9) == 1
    assert ctx.get_setting("declared", default=9) == [1]
    assert ctx.get_setting("bare", default=9) == 9
    assert ctx.get_setting("other") is None
    assert ctx.registrations.settings_read == {"set", "declared", "bare", "other"}


def test_setting_without_a_reader_is_the_default() -> None:
    assert PluginContext("p").get_setting("webhook_url", default="") == ""


def test_setting_in_a_handler_is_the_current_tenants() -> None:
    ctx = PluginContext("p", config_schema={"properties": {"declared": {"default": [1]}}})
    ctx.close()
    with plugin_run(PluginRun(plugin_id="p", tenant_id=TENANT, config={"set": {"a": 1}})):
        ctx.get_setting("set")["a"] = 2
        assert ctx.get_setting("set") == {"a": 1}
        assert ctx.get_setting("declared") == [1]
        assert ctx.get_setting("other", default=9) == 9
    with plugin_run(PluginRun(plugin_id="another", tenant_id=TENANT, config={"set": 3})):
        assert ctx.get_setting("set", default=9) == 9


def test_methods_of_the_template_are_bound_to_the_current_instance() -> None:
    class Registers:
        def __init__(self, name: str) -> None:
            self.name = name

        def handle(self, event: Any) -> str:
            return f"{self.name} {event}"

    template, current, foreign = Registers("template"), Registers("current"), Registers("foreign")
    assert rebound(template.handle, template, current)("e") == "current e"
    assert rebound(foreign.handle, template, current)("e") == "foreign e"
    assert rebound(handle, template, current) is handle
    assert rebound(template.handle, None, None)("e") == "template e"


def test_context_has_id_and_logger(ctx: PluginContext) -> None:
    assert ctx.plugin_id == "task-manager"
    assert ctx.logger.name == "plugins.task-manager"


def test_secrets_are_those_of_the_tenant_that_the_handler_runs_for() -> None:
    ctx = PluginContext("p")
    assert ctx.get_secrets().get("token") == ""
    run = PluginRun(plugin_id="p", tenant_id=TENANT, secrets=Secrets("p", {"token": "open sesame"}))

    with plugin_run(run):
        assert ctx.get_secrets().require("token") == "open sesame"
        assert "open sesame" not in repr(ctx.get_secrets())
        # Another plugin that calls this one's code does not get its own secrets out of it.
        with pytest.raises(KeyError, match="Plugin q needs the secret 'token'"):
            PluginContext("q").get_secrets().require("token")
