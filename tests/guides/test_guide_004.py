"""The listings of the class-style guide, as printed; only their import lines name our modules.

The package and its tests stand in `guide_004/` and are collected from there; here is what the host does with them.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_httpserver import HTTPServer

from core.json_schema import validate
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hooks.scheduled_tasks import TaskExecutionContext, TaskResult
from plugin_host.hookspec import HOOKS, implemented_hooks, validate_plugin_class
from plugin_host.metadata import metadata_from_class
from plugin_host.runner import Handler, HookOutcome, HookRunner, make_handler
from plugin_host.runtime_state import PluginRun, Secrets, plugin_run

TENANT = UUID("11111111-1111-1111-1111-111111111111")


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The guide's modules, importable under their own names."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "guide_004"))
    return importlib.import_module


@pytest.fixture
def runner() -> Iterator[HookRunner]:
    made = HookRunner()
    yield made
    made.close()


def context(plan: str = "pro") -> HookContext:
    return HookContext(TENANT, "test-tenant", plan)


def handler_of(plugin: Any, hook: str) -> Handler:
    return make_handler(HOOKS[hook], plugin.name, getattr(plugin, hook))


def in_run(config: dict[str, Any]) -> Any:
    return lambda entry: plugin_run(
        PluginRun(
            plugin_id=entry.plugin_id, tenant_id=TENANT, config=config, secrets=Secrets(entry.plugin_id)
        )
    )


def test_every_listed_plugin_loads(listing: Any) -> None:
    listings = listing("listings")
    classes = [listing("my_plugin").MyPlugin] + [
        getattr(listings, name)
        for name in ("FreePlanLimit", "DailySync", "CatchesEverything", "Configured", "S3DeployerPlugin")
    ]
    for cls in classes:
        assert validate_plugin_class(cls) == []
        assert metadata_from_class(cls, found_as=cls.__name__).id == cls.name


async def test_minimal_plugin_runs_under_the_host(listing: Any, runner: HookRunner) -> None:
    plugin = listing("my_plugin").MyPlugin()
    assert list(implemented_hooks(type(plugin))) == ["dvp_content_published"]
    arguments = (context(), "content-123", {"domain": "example.com"}, None)
    entry = handler_of(plugin, "dvp_content_published")
    done = await runner.arun(entry, arguments, bind=in_run({"api_endpoint": "https://api.example.com"}))
    assert done.run.outcome is HookOutcome.DONE


async def test_what_the_guides_pattern_swallows_is_still_seen(listing: Any, runner: HookRunner) -> None:
    plugin = listing("my_plugin").MyPlugin()
    arguments: tuple[Any, ...] = (context(), "content-123", {}, None)
    unconfigured = await runner.arun(handler_of(plugin, "dvp_content_published"), arguments, bind=in_run({}))
    assert unconfigured.run.outcome is HookOutcome.DONE_WITH_ERRORS
    assert "api_endpoint is required" in unconfigured.run.lines[-1].message

    catches = listing("listings").CatchesEverything()
    swallowed = await runner.arun(handler_of(catches, "dvp_content_published"), arguments)
    assert swallowed.run.outcome is HookOutcome.DONE_WITH_ERRORS


def test_filter_of_the_guide_refuses_long_content_on_the_free_plan(listing: Any, runner: HookRunner) -> None:
    entry = handler_of(listing("listings").FreePlanLimit(), "dvp_before_content_create")
    content = {"word_count": 5001}
    passed = runner.run_filter([entry], content, lambda _, value: (context("pro"), value, None))
    assert passed.value == content
    assert passed.runs[0].outcome is HookOutcome.DONE
    with pytest.raises(PluginError, match="Free plan limited to 5000 words"):
        runner.run_filter([entry], content, lambda _, value: (context("free"), value, None))


async def test_task_of_the_guide_is_registered_and_run(listing: Any, runner: HookRunner) -> None:
    plugin = listing("listings").DailySync()
    found = runner.run_collect([handler_of(plugin, "dvp_register_scheduled_tasks")], lambda _: (context(),))
    ((owner, task),) = found.items
    assert (owner, task.task_id) == ("my-plugin", "my-plugin.daily-sync")
    now = datetime.now(UTC)
    execution = TaskExecutionContext(task.task_id, uuid4(), now, now, attempt=2)
    done = await runner.arun(
        handler_of(plugin, "dvp_execute_scheduled_task"),
        (task, context(), execution),
        time_limit_seconds=task.timeout_seconds,
    )
    assert done.value == TaskResult(success=True)


async def test_failing_task_of_the_guide_says_why(listing: Any) -> None:
    plugin = listing("listings").CatchesEverything()
    result = await plugin.dvp_execute_scheduled_task(None, context(), None)
    assert result == TaskResult(success=False, error_message="API rate limit exceeded")


def test_schemas_of_the_guide_are_applied(listing: Any) -> None:
    configured = listing("listings").Configured
    assert configured().get_config(TENANT) == {"batch_size": 100}
    faults = validate(configured.CONFIG_SCHEMA, {"batch_size": 1001, "enabled_features": ["seo"]})
    assert [fault.pointer for fault in faults] == ["/api_endpoint", "/batch_size", "/enabled_features/0"]


async def test_client_of_the_guide_talks_to_a_service(
    listing: Any, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def no_wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", no_wait)
    listings = listing("listings")
    httpserver.expect_ordered_request("/resources/1").respond_with_data("", status=429)
    httpserver.expect_ordered_request(
        "/resources/1", headers={"Authorization": "Bearer key"}
    ).respond_with_json({"id": 1})
    httpserver.expect_ordered_request("/resources/2").respond_with_data("", status=401)
    client = listings.MyAPIClient("key", httpserver.url_for("").rstrip("/"))
    assert await client.fetch_data("1") == {"success": True, "data": {"id": 1}}
    assert await client.fetch_data("2") == {"success": False, "error": "Authentication failed"}
    assert waited == [5]


def test_plugin_of_the_guide_asks_for_its_missing_extra(
    listing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(PluginError, match="pip install my-dvp-plugin"):
        listing("listings").S3DeployerPlugin()
