"""Completed tasks that are old enough go away by themselves, where the tenant wants that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.utils import timezone

from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)

from .models import Task

if TYPE_CHECKING:
    from plugin_host.context import HookContext, PluginContext

TIDY_UP: Final = "task-manager.tidy-up"


def tasks_to_schedule(ctx: PluginContext) -> Callable[[HookContext], list[ScheduledTaskDefinition]]:
    """Return the function that names the tasks; it is asked again whenever the settings change."""

    def registered(hook: HookContext) -> list[ScheduledTaskDefinition]:
        days: int = ctx.get_setting("keep_completed_days", default=0)
        if not days:
            return []
        return [
            ScheduledTaskDefinition(
                task_id=TIDY_UP,
                name="Tidy up",
                schedule=TaskSchedule(cron_expression="30 3 * * *"),
                description=f"Deletes completed tasks that were made more than {days} days ago.",
            )
        ]

    return registered


def task_runner(
    ctx: PluginContext,
) -> Callable[[ScheduledTaskDefinition, HookContext, TaskExecutionContext], TaskResult]:
    """Return the function that runs them."""

    def run(task: ScheduledTaskDefinition, hook: HookContext, execution: TaskExecutionContext) -> TaskResult:
        days: int = ctx.get_setting("keep_completed_days", default=0)
        if not days:
            return TaskResult(success=True, data={"deleted": 0})
        before = timezone.now() - timedelta(days=days)
        deleted, _ = Task.objects.filter(completed=True, created_at__lt=before).delete()
        return TaskResult(success=True, data={"deleted": deleted})

    return run
