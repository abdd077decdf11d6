from __future__ import annotations

import functools
from typing import Any

import pytest

from plugin_host.base import Plugin
from plugin_host.hooks.commands import Command
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hooks.scheduled_tasks import ScheduledTaskDefinition, TaskSchedule
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.hookspec import (
    HOOKS,
    PROTOCOLS,
    CommandHooks,
    ContentLifecycleHooks,
    EventHooks,
    HealthMonitorHooks,
    HookKind,
    PluginLifecycleHooks,
    ScheduledTaskHooks,
    SEOMetricsHooks,
    argument_problem,
    health_check_arguments,
    implemented_hooks,
    validate_plugin_class,
)

CONTENT = ("ctx", "content_id", "content", "metadata")
CATALOGUE = {
    "dvp_before_content_create": (HookKind.FILTER, ("ctx", "content", "metadata")),
    "dvp_content_created": (HookKind.ACTION, CONTENT),
    "dvp_before_content_update": (HookKind.FILTER, CONTENT),
    "dvp_content_updated": (HookKind.ACTION, CONTENT),
    "dvp_before_content_delete": (HookKind.GATE, ("ctx", "content_id", "metadata")),
    "dvp_content_deleted": (HookKind.ACTION, CONTENT),
    "dvp_before_content_publish": (HookKind.GATE, CONTENT),
    "dvp_content_published": (HookKind.ACTION, CONTENT),
    "dvp_before_content_unpublish": (HookKind.GATE, ("ctx", "content_id", "metadata")),
    "dvp_content_unpublished": (HookKind.ACTION, CONTENT),
    "dvp_before_command": (HookKind.FILTER, ("ctx", "command")),
    "dvp_after_command": (HookKind.ACTION, ("ctx", "command", "result")),
    "dvp_command_failed": (HookKind.FIRST_WINS, ("ctx", "command", "error")),
    "dvp_before_event_publish": (HookKind.FILTER, ("ctx", "event")),
    "dvp_after_event_publish": (HookKind.ACTION, ("ctx", "event")),
    "dvp_seo_metrics_received": (HookKind.FILTER, ("ctx", "payload")),
    "dvp_before_pattern_extraction": (HookKind.FILTER, ("ctx", "payload")),
    "dvp_pattern_discovered": (HookKind.ACTION, ("ctx", "pattern")),
    "dvp_learning_applied": (HookKind.ACTION, ("ctx", "learning")),
    "dvp_register_scheduled_tasks": (HookKind.COLLECT, ("ctx",)),
    "dvp_execute_scheduled_task": (HookKind.EXECUTE, ("task", "ctx", "execution_ctx")),
    "dvp_task_completed": (HookKind.ACTION, ("ctx", "task", "result")),
    "dvp_task_failed": (HookKind.FIRST_WINS, ("ctx", "task", "result")),
    "dvp_register_health_checks": (HookKind.COLLECT, ("ctx",)),
    "dvp_execute_health_check": (HookKind.EXECUTE, ("ctx", "check_type", "target")),
    "dvp_health_status_changed": (HookKind.ACTION, ("ctx", "check", "previous", "current")),
    "dvp_plugin_enabled": (HookKind.ACTION, ("ctx", "metadata")),
    "dvp_plugin_disabled": (HookKind.ACTION, ("ctx", "metadata")),
    "dvp_config_changed": (HookKind.ACTION, ("ctx", "metadata")),
}
LIMITS = {
    HookKind.FILTER: 2,
    HookKind.GATE: 2,
    HookKind.ACTION: 120,
    HookKind.COLLECT: 5,
    HookKind.FIRST_WINS: 2,
}


def test_catalogue_is_the_published_one() -> None:
    assert {name: (spec.kind, spec.arguments) for name, spec in HOOKS.items()} == CATALOGUE


def test_every_kind_has_its_limit() -> None:
    assert {name: spec.time_limit_seconds for name, spec in HOOKS.items() if spec.kind in LIMITS} == {
        name: LIMITS[kind] for name, (kind, _) in CATALOGUE.items() if kind in LIMITS
    }


@pytest.mark.parametrize("spec", HOOKS.values(), ids=lambda spec: spec.name)
def test_every_hook_says_when_it_is_called_and_its_limit(spec: Any) -> None:
    assert spec.doc.startswith("Called ")
    assert "Limit: " in spec.doc


def test_neutral_bodies_change_nothing() -> None:
    class Everything(
        ContentLifecycleHooks,
        CommandHooks,
        EventHooks,
        SEOMetricsHooks,
        ScheduledTaskHooks,
        HealthMonitorHooks,
        PluginLifecycleHooks,
    ):
        pass

    plugin: Any = Everything()
    ctx: Any = None
    content = {"a": 1}
    payload = SEOMetricsPayload("gsc", "example.com", {})
    command = Command("create_record")
    task = ScheduledTaskDefinition("p.t", "T", TaskSchedule(interval_seconds=1))
    assert plugin.dvp_before_content_create(ctx, content) is content
    assert plugin.dvp_before_content_update(ctx, "1", content) is content
    assert plugin.dvp_before_content_delete(ctx, "1") is True
    assert plugin.dvp_before_content_unpublish(ctx, "1") is True
    assert plugin.dvp_before_content_publish(ctx, "1", content) == PublishGateResult(allowed=True)
    assert plugin.dvp_before_command(ctx, command) is command
    assert plugin.dvp_command_failed(ctx, command, ValueError()) is None
    assert plugin.dvp_before_event_publish(ctx, content) is content
    assert plugin.dvp_seo_metrics_received(ctx, payload) is payload
    assert plugin.dvp_before_pattern_extraction(ctx, payload) is payload
    assert plugin.dvp_register_scheduled_tasks(ctx) == []
    assert plugin.dvp_execute_scheduled_task(task, ctx, ctx).success is False
    assert plugin.dvp_task_failed(ctx, task, ctx) is None
    assert plugin.dvp_register_health_checks(ctx) == []
    assert plugin.dvp_execute_health_check(ctx, "t", "x").overall_status is HealthStatus.UNKNOWN
    for name, (kind, arguments) in CATALOGUE.items():
        if kind is HookKind.ACTION:
            assert getattr(plugin, name)(*[None] * len(arguments)) is None


class Partial(Plugin, ContentLifecycleHooks):
    name = "partial"
    version = "1.0.0"

    async def dvp_content_published(
        self, ctx: Any, content_id: str, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> None:
        return None


class Inherits(Partial):
    dvp_content_created = None  # type: ignore[assignment]  # takes back what a class above may define

    def dvp_plugin_enabled(self, ctx: Any, details: dict[str, Any]) -> None:
        return None


def test_hook_is_implemented_where_a_class_other_than_the_protocol_defines_it() -> None:
    assert list(implemented_hooks(Partial)) == ["dvp_content_published"]
    assert list(implemented_hooks(Inherits)) == ["dvp_content_published", "dvp_plugin_enabled"]
    assert all(implemented_hooks(protocol) == {} for protocol in PROTOCOLS)
    assert validate_plugin_class(Inherits) == []


def messages(cls: type) -> list[str]:
    return [problem.message for problem in validate_plugin_class(cls)]


def test_unknown_hook_gets_the_nearest_right_name() -> None:
    class Typo(Plugin):
        def dvp_content_publised(self, ctx: Any) -> None: ...

        def dvp_zzz(self) -> None: ...

    assert messages(Typo) == [
        "Typo defines dvp_content_publised, which is no hook. Did you mean 'dvp_content_published'?",
        "Typo defines dvp_zzz, which is no hook.",
    ]


def test_wrong_number_of_arguments_is_told() -> None:
    class Short(Plugin):
        def dvp_content_published(self, ctx: Any, content_id: str) -> None: ...

    class Long(Plugin):
        def dvp_content_published(self, ctx: Any, a: str, b: Any, c: Any, d: Any) -> None: ...

    class Bare(Plugin):
        def dvp_content_published() -> None: ...  # type: ignore[misc]  # the mistake that is tested

    class Named(Plugin):
        def dvp_content_published(
            self, ctx: Any, content_id: str, content: Any, *, metadata: Any
        ) -> None: ...

    for cls in (Short, Long, Bare, Named):
        (message,) = messages(cls)
        assert f"{cls.__name__}.dvp_content_published" in message
        assert "ctx, content_id, content, metadata" in message


def test_wrong_order_of_arguments_is_told() -> None:
    class Swapped(Plugin):
        def dvp_execute_scheduled_task(self, ctx: Any, task: Any, execution_ctx: Any) -> None: ...

    assert messages(Swapped) == [
        "Swapped.dvp_execute_scheduled_task has its arguments in the wrong order: "
        "it must take (task, ctx, execution_ctx), not (ctx, task, execution_ctx)."
    ]


def test_names_of_arguments_are_free_and_collecting_ones_accepted() -> None:
    def traced(method: Any) -> Any:
        @functools.wraps(method)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return wrapper

    class Free(Plugin):
        def dvp_content_published(
            self, c: Any, pk: str, body: Any, meta: Any = None, more: int = 0
        ) -> None: ...

        def dvp_content_created(self, *args: Any) -> None: ...

        def dvp_content_updated(*args: Any) -> None: ...

        @staticmethod
        def dvp_content_deleted(ctx: Any, content_id: str, content: Any, metadata: Any) -> None: ...

        @classmethod
        def dvp_content_unpublished(cls, ctx: Any, content_id: str, content: Any, metadata: Any) -> None: ...

        @traced
        def dvp_plugin_enabled(self, ctx: Any, metadata: Any) -> None: ...

    assert messages(Free) == []


def test_hook_that_is_a_generator_is_told() -> None:
    class Yields(Plugin):
        def dvp_content_published(self, ctx: Any, content_id: str, content: Any, metadata: Any) -> Any:
            yield

        async def dvp_plugin_enabled(self, ctx: Any, metadata: Any) -> Any:
            yield

        @staticmethod
        def dvp_plugin_disabled(ctx: Any, metadata: Any) -> Any:
            yield

    found = messages(Yields)
    assert len(found) == 3
    assert all("must not yield" in message for message in found)
    spec = HOOKS["dvp_plugin_enabled"]
    bound = Yields().dvp_plugin_enabled
    for function in (bound, functools.partial(bound)):
        assert "must not yield" in (argument_problem(spec, function) or "")


def test_hook_that_is_no_method_is_told() -> None:
    class Constant(Plugin):
        dvp_content_published = "yes"

    assert messages(Constant) == ["Constant.dvp_content_published must be a method, not 'yes'."]


@pytest.mark.parametrize("family", ["scheduled_task", "health_check"])
def test_registering_without_executing_is_told(family: str) -> None:
    cls = type("Half", (Plugin,), {f"dvp_register_{family}s": lambda self, ctx: []})
    assert messages(cls) == [
        f"Half defines dvp_register_{family}s but not dvp_execute_{family}, which runs what it registers."
    ]


def test_both_public_forms_of_the_health_check_are_accepted_and_told_apart() -> None:
    class First(Plugin):
        async def dvp_execute_health_check(self, ctx: Any, check_type: str, target: str) -> None: ...

    class Second(Plugin):
        async def dvp_execute_health_check(self, check: Any, ctx: Any, execution_ctx: Any) -> None: ...

    class Annotated(Plugin):
        def dvp_execute_health_check(self, c: Any, where: HookContext, run: Any) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    class Mixed(Plugin):
        def dvp_execute_health_check(self, ctx: Any, target: str, check_type: str) -> None: ...

    assert messages(First) == messages(Second) == messages(Annotated) == []
    second_form = ("check", "ctx", "execution_ctx")
    assert health_check_arguments(First().dvp_execute_health_check) == ("ctx", "check_type", "target")
    assert health_check_arguments(Second().dvp_execute_health_check) == second_form
    assert health_check_arguments(Annotated().dvp_execute_health_check) == second_form
    assert "wrong order" in messages(Mixed)[0]


def test_handler_of_function_style_is_checked_the_same_way() -> None:
    spec = HOOKS["dvp_plugin_enabled"]
    assert argument_problem(spec, lambda ctx, metadata: None) is None
    assert argument_problem(spec, lambda ctx: None) is not None
    assert argument_problem(spec, lambda metadata, ctx: None) is not None
