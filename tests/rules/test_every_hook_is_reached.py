"""Every hook of the catalogue is dispatched: a plugin that implements all of them is reached as its user reaches it.

In class style and in function style. Hooks of tasks and checks have tests of their own, named below; a hook that is in
neither list fails here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest
from django.test import Client

from core.actors import system_actor
from core.models import Record
from core.scope import tenant_scope
from plugin_host import runtime
from plugin_host.base import Plugin
from plugin_host.context import PluginContext
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.hookspec import HOOKS, HookKind
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.runtime_state import plugin_run
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from plugin_host.testing.host import DeliverAll
from tenants.models import Role, Tenant
from tests.core.api.content import make_collection
from tests.servers import PROJECT
from tests.tenants.people import host_of, make_key_text, make_member, program

JSON: Final = "application/json"
NAME: Final = "everything"
# Hook -> the file in whose tests it is reached.
ELSEWHERE: Final[Mapping[str, str]] = {
    "dvp_register_scheduled_tasks": "tests/plugin_host/scheduling/test_definitions.py",
    "dvp_execute_scheduled_task": "tests/plugin_host/scheduling/conftest.py",
    "dvp_task_completed": "tests/plugin_host/scheduling/test_running.py",
    "dvp_task_failed": "tests/plugin_host/scheduling/conftest.py",
    "dvp_register_health_checks": "tests/plugin_host/health/watchers.py",
    "dvp_execute_health_check": "tests/plugin_host/health/watchers.py",
    "dvp_health_status_changed": "tests/plugin_host/health/test_recording.py",
}
HERE: Final = [name for name in HOOKS if name not in ELSEWHERE]

seen: list[str] = []


def answer(hook: str, arguments: tuple[Any, ...]) -> Any:
    """Note that a hook was reached and return what changes nothing; the context comes first, the value by its name."""
    seen.append(hook)
    spec = HOOKS[hook]
    assert len(arguments) == len(spec.arguments)
    if spec.kind is HookKind.GATE:
        return PublishGateResult(allowed=True) if hook == "dvp_before_content_publish" else True
    if spec.kind is HookKind.FILTER:
        value = next(name for name in spec.arguments if name not in ("ctx", "content_id"))
        return arguments[spec.arguments.index(value)]
    return None


def function(hook: str) -> Callable[..., Any]:
    return lambda *arguments: answer(hook, arguments)


def method(hook: str) -> Callable[..., Any]:
    return lambda self, *arguments: answer(hook, arguments)


def in_class_style() -> type[Plugin]:
    """Return a plugin class with a method for each hook."""
    about: dict[str, Any] = {"name": NAME, "version": "1.0.0"}
    return type("Everything", (Plugin,), about | {hook: method(hook) for hook in HERE})


def in_function_style() -> type[Plugin]:
    """Return a plugin that registers a function for each hook."""

    class Everything(Plugin):
        name = NAME
        version = "1.0.0"

        def register(self, ctx: PluginContext) -> None:
            for hook in HERE:
                ctx.on(hook, function(hook), priority=7, time_limit=1)

    return Everything


@pytest.fixture(params=[in_class_style, in_function_style], ids=["class", "functions"])
def everything(request: pytest.FixtureRequest) -> Iterator[None]:
    """The plugin, loaded and off."""
    seen.clear()
    with use_plugins(LoadedPlugins()):
        PluginRegistry().register(request.param())
        yield
    forget_tenant_plugins()


@pytest.mark.usefixtures("everything")
def test_every_hook_is_reached(tenant: Tenant, deliver_all: DeliverAll) -> None:
    client = program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.OWNER)))
    make_collection(tenant)
    plugin = f"/api/v1/admin/plugins/{NAME}"

    succeeds(client.post(f"{plugin}/enable", {}, JSON))
    succeeds(client.patch(f"{plugin}/settings", {"colour": "red"}, JSON))
    write_publish_and_delete(client)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        feed_in_and_learn(tenant)
    deliver_all(tenant)
    succeeds(client.post(f"{plugin}/disable", {}, JSON))
    runs = deliver_all(tenant)

    assert [(run.hook.partition(":")[0], run.ended) for run in runs] == [("dvp_plugin_disabled", "done")]
    assert sorted(set(HERE) - set(seen)) == []


def write_publish_and_delete(client: Client) -> None:
    """Do through the API what people do, a failure included."""
    records = "/api/v1/collections/posts/records"
    made = succeeds(client.post(records, {"data": {"title": "Hello"}}, JSON))
    one = f"{records}/{made.json()['id']}"
    refused = client.post(records, {"data": {"title": "Hello"}, "slug": "hello"}, JSON)
    assert refused.status_code == 409
    succeeds(client.patch(one, {"data": {"title": "Hello again"}}, JSON))
    succeeds(client.post(f"{one}/publish", {}, JSON))
    succeeds(client.post(f"{one}/unpublish", {}, JSON))
    succeeds(client.delete(one))
    succeeds(client.post(records, {"data": {"title": "Kept"}, "slug": "kept"}, JSON))


def feed_in_and_learn(tenant: Tenant) -> None:
    """Do what a plugin does about search metrics."""
    usual = [{"page": f"/posts/{n}", "clicks": 50, "impressions": 1000, "position": 3} for n in range(6)]
    poor = {"page": "/posts/poor", "clicks": 1, "impressions": 1000, "position": 3}
    with plugin_run(tenant_plugins(tenant.pk)[NAME].run(hook="test")):
        runtime.emit_seo_metrics(SEOMetricsPayload("gsc", "example.org", {"rows": [*usual, poor]}))
        runtime.apply_learning("low_click_rate", Record.objects.get(slug="kept").pk, {"title": "Better"})


def succeeds(response: Any) -> Any:
    """Return an answer that is no refusal."""
    assert response.status_code < 300, response.content
    return response


def test_hooks_that_are_reached_elsewhere_are_hooks_and_are_reached_there() -> None:
    assert set(ELSEWHERE) <= set(HOOKS)
    assert [
        (hook, file) for hook, file in ELSEWHERE.items() if hook not in (PROJECT / file).read_text()
    ] == []


def test_both_lists_are_all_there_is() -> None:
    assert {HOOKS[hook].protocol for hook in ELSEWHERE} == {"ScheduledTaskHooks", "HealthMonitorHooks"}
    assert len(HERE) + len(ELSEWHERE) == len(HOOKS)
