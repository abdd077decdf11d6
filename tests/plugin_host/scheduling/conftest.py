"""A plugin whose tasks do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskRetryDecision,
    TaskSchedule,
)
from plugin_host.hookspec import ScheduledTaskHooks
from plugin_host.registry import PluginRegistry
from plugin_host.services import enable_plugin
from plugin_host.testing.schedule import learn_definitions
from tenants.models import Tenant
from tests.plugin_host.installing import no_plugins

__all__ = ["no_plugins"]


def task(
    local: str = "sync", schedule: TaskSchedule | None = None, /, **fields: Any
) -> ScheduledTaskDefinition:
    return ScheduledTaskDefinition(
        **{
            "task_id": f"worker.{local}",
            "name": local.title(),
            "schedule": schedule or TaskSchedule(cron_expression="0 6 * * *"),
            **fields,
        }
    )


class Worker(Plugin, ScheduledTaskHooks):
    """Keeps what it is called with; tests say what its hooks do."""

    name = "worker"
    version = "1.0.0"

    def __init__(self) -> None:
        super().__init__()
        self.tasks: Any = [task()]
        self.asked = 0
        self.calls: list[tuple[ScheduledTaskDefinition, HookContext, TaskExecutionContext]] = []
        self.completed: list[tuple[ScheduledTaskDefinition, TaskResult]] = []
        self.failed: list[tuple[ScheduledTaskDefinition, TaskResult]] = []
        self.work: Callable[[TaskExecutionContext], Any] = lambda execution: TaskResult(success=True)
        self.decide: Callable[[TaskResult], Any] = lambda result: None

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        self.asked += 1
        if isinstance(self.tasks, Exception):
            raise self.tasks
        return self.tasks  # type: ignore[no-any-return]  # tests return rubbish too

    async def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        self.calls.append((task, ctx, execution_ctx))
        answer = self.work(execution_ctx)
        return await answer if asyncio.iscoroutine(answer) else answer  # type: ignore[no-any-return]  # the same

    async def dvp_task_completed(
        self, ctx: HookContext, task: ScheduledTaskDefinition, result: TaskResult
    ) -> None:
        self.completed.append((task, result))

    async def dvp_task_failed(
        self, ctx: HookContext, task: ScheduledTaskDefinition, result: TaskResult
    ) -> TaskRetryDecision | None:
        self.failed.append((task, result))
        return self.decide(result)  # type: ignore[no-any-return]  # the same


@pytest.fixture
def worker(no_plugins: object, in_tenant: Tenant) -> Worker:
    """The plugin, registered and switched on for the tenant in scope, its tasks known."""
    plugin = Worker()
    PluginRegistry().register(plugin)
    enable_plugin("worker")
    learn_definitions(in_tenant)
    return plugin
