"""The schemas of what the API answers about scheduled tasks, and tasks and runs as documents."""

from __future__ import annotations

from typing import Any, Final, get_args

from core.api.documents import answer_schema
from core.selectors.content_state import timestamp
from plugin_host.models.schedule import RunReason
from plugin_host.scheduling.selectors import (
    AttemptView,
    ItemState,
    ItemView,
    RunState,
    RunView,
    ScheduleView,
)

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_NUMBER_OR_NONE: Final = {"type": ["integer", "null"]}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": "string", "format": "uuid"}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_OBJECT_OR_NONE: Final = {"type": ["object", "null"], "additionalProperties": True}
_ATTEMPT: Final = answer_schema(
    {
        "execution_id": _ID,
        "number": _NUMBER,
        "outcome": _TEXT,
        "worker": _TEXT,
        "error": _TEXT,
        "data": _OBJECT_OR_NONE,
        "log": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        "progress": {
            **answer_schema({"done": _NUMBER, "total": _NUMBER_OR_NONE}),
            "type": ["object", "null"],
        },
        "started_at": _MOMENT_OR_NONE,
        "finished_at": _MOMENT_OR_NONE,
        "duration_ms": {"type": ["number", "null"]},
    }
)
_RUN: Final = {
    "id": _ID,
    "scheduled_time": _MOMENT_OR_NONE,
    "reason": {"type": "string", "enum": list(RunReason.values)},
    "requested_by": _TEXT,
    "state": {"type": "string", "enum": list(get_args(RunState))},
    "state_reason": _TEXT,
    "error": _TEXT,
    "data": _OBJECT_OR_NONE,
    "attempt": _NUMBER,
    "failures": _NUMBER,
    "next_attempt_at": _MOMENT_OR_NONE,
    "finished_at": _MOMENT_OR_NONE,
    "duration_ms": {"type": ["number", "null"]},
}
RUN: Final = answer_schema({**_RUN, "attempts": {"type": "array", "items": _ATTEMPT}})
_LAST_RUN: Final = {**answer_schema(_RUN), "type": ["object", "null"]}
TASK: Final = answer_schema(
    {
        "task_id": _TEXT,
        "plugin": _TEXT,
        "name": _TEXT,
        "description": _TEXT,
        "schedule": answer_schema(
            {
                "cron_expression": {"type": ["string", "null"]},
                "interval_seconds": _NUMBER_OR_NONE,
                "time_zone": _TEXT,
                "in_words": _TEXT,
            }
        ),
        "state": {"type": "string", "enum": list(get_args(ItemState))},
        "problem": _TEXT,
        "enabled": _FLAG,
        "switched_off": _FLAG,
        "max_retries": _NUMBER,
        "timeout_seconds": _NUMBER,
        "next_run_at": _MOMENT_OR_NONE,
        "open_run": _LAST_RUN,
        "last_run": _LAST_RUN,
    }
)
TASKS: Final = answer_schema({"data": {"type": "array", "items": TASK}, "problem": _TEXT, "time_zone": _TEXT})
MADE_DUE: Final = answer_schema(
    {
        "due": {**_NUMBER, "description": "Runs that a worker was told of."},
        "skipped": {**_NUMBER, "description": "Slots whose task or check was still busy."},
    }
)


def tasks_document(schedule: ScheduleView) -> dict[str, Any]:
    """Return what a plugin has scheduled."""
    return {
        "data": [task_document(view) for view in schedule.items],
        "problem": schedule.problem,
        "time_zone": schedule.time_zone,
    }


def task_document(view: ItemView) -> dict[str, Any]:
    """Return one task with its last run."""
    item, definition = view.item, view.definition
    return {
        "task_id": item.item_id,
        "plugin": item.plugin,
        "name": item.name,
        "description": definition.get("description", ""),
        "schedule": {
            "cron_expression": item.cron_expression or None,
            "interval_seconds": item.interval_seconds,
            "time_zone": view.time_zone,
            "in_words": view.schedule,
        },
        "state": view.state,
        "problem": view.problem,
        "enabled": item.is_enabled,
        "switched_off": item.is_switched_off,
        "max_retries": definition.get("max_retries", 0),
        "timeout_seconds": definition.get("timeout_seconds", 0),
        "next_run_at": timestamp(view.next_run_at),
        "open_run": _run(view.open_run) if view.open_run is not None else None,
        "last_run": _run(view.last_run) if view.last_run is not None else None,
    }


def run_document(view: RunView) -> dict[str, Any]:
    """Return one run with its attempts."""
    return {**_run(view), "attempts": [_attempt(attempt) for attempt in view.attempts]}


def _run(view: RunView) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "scheduled_time": timestamp(view.slot),
        "reason": view.reason,
        "requested_by": view.requested_by,
        "state": view.state,
        "state_reason": view.state_reason,
        "error": view.error.partition("\n")[0],
        "data": view.data,
        "attempt": view.attempt,
        "failures": view.failures,
        "next_attempt_at": timestamp(view.next_attempt_at),
        "finished_at": timestamp(view.finished_at),
        "duration_ms": view.duration_ms,
    }


def _attempt(view: AttemptView) -> dict[str, Any]:
    progress = {"done": view.progress_done, "total": view.progress_total}
    return {
        "execution_id": str(view.id),
        "number": view.number,
        "outcome": view.outcome,
        "worker": view.worker,
        "error": view.error,
        "data": view.data,
        "log": view.log,
        "progress": progress if view.progress_done is not None else None,
        "started_at": timestamp(view.started_at),
        "finished_at": timestamp(view.finished_at),
        "duration_ms": view.duration_ms,
    }
