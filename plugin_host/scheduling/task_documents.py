"""Tasks as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin_host.hooks.scheduled_tasks import ScheduledTaskDefinition, TaskResult, TaskSchedule


def task_document(task: ScheduledTaskDefinition) -> dict[str, Any]:
    """Return a definition as JSON."""
    return {
        "task_id": task.task_id,
        "name": task.name,
        "schedule": {
            "cron_expression": task.schedule.cron_expression,
            "interval_seconds": task.schedule.interval_seconds,
            "timezone": task.schedule.timezone,
        },
        "description": task.description,
        "max_retries": task.max_retries,
        "timeout_seconds": task.timeout_seconds,
        "enabled": task.enabled,
        "catch_up": task.catch_up,
    }


def task_of_document(document: Mapping[str, Any]) -> ScheduledTaskDefinition:
    """Return the definition that was made into `document`."""
    return ScheduledTaskDefinition(**{**document, "schedule": TaskSchedule(**document["schedule"])})


def result_document(result: TaskResult) -> dict[str, Any]:
    """Return a result as JSON."""
    return {"success": result.success, "data": result.data, "error_message": result.error_message}


def result_of_document(document: Mapping[str, Any]) -> TaskResult:
    """Return the result that was made into `document`."""
    return TaskResult(**document)
