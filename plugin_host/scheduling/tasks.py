"""The kind "task": `dvp_register_scheduled_tasks`, `dvp_execute_scheduled_task` and what follows from a result."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from django.utils import timezone

from core.logging import get_logger
from core.scope import use_scope
from plugin_host.breaker.conduct import Conduct
from plugin_host.dispatch.binding import inline_handlers
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.dispatch.json_values import json_fault
from plugin_host.errors import PluginError
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskRetryDecision,
)
from plugin_host.identifiers import item_problem
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.schedule import MAX_ITEM_ID_LENGTH, RunOutcome
from plugin_host.runner import ExecuteResult, HookOutcome
from plugin_host.scheduling.claiming import ClaimedRun
from plugin_host.scheduling.events import record_item_event
from plugin_host.scheduling.finishing import RunResult
from plugin_host.scheduling.kinds import Collected, ItemDefinition, handles
from plugin_host.scheduling.running import (
    PreparedRun,
    conduct_of,
    error_text,
    failed,
    in_thread,
    not_started,
    schedule_runner,
)
from plugin_host.scheduling.task_documents import result_document, task_document, task_of_document

logger = get_logger(__name__)

TASK: Final = "task"
COLLECT_HOOK: Final = "dvp_register_scheduled_tasks"
EXECUTE_HOOK: Final = "dvp_execute_scheduled_task"
COMPLETED_HOOK: Final = "dvp_task_completed"
FAILED_HOOK: Final = "dvp_task_failed"
COMPLETED_EVENT: Final = "task.completed"
MAX_TASKS: Final = 100
MAX_DATA_BYTES: Final = 64 * 1024
_MAX_MESSAGE_CHARACTERS: Final = 2_000
_LONGEST_DELAY_SECONDS: Final = 7 * 86_400.0


class TaskKind:
    """Scheduled tasks; implements `ItemKind`."""

    name = TASK
    collect_hook = COLLECT_HOOK

    def belongs_to(self, plugin: LoadedPlugin) -> bool:
        """Say whether the plugin registers tasks."""
        return handles(plugin, COLLECT_HOOK)

    def read(self, collected: Collected) -> list[ItemDefinition]:
        """Return the tasks that a plugin named.

        Raises:
            PluginError: with every fault.
        """
        plugin = collected.plugin
        faults = list(_faults(plugin, collected))
        if faults:
            raise PluginError(f"{COLLECT_HOOK} of {plugin.id}: {' '.join(faults)}", permanent=True)
        return [_item(task) for task in collected.returned if isinstance(task, ScheduledTaskDefinition)]

    async def execute(self, run: ClaimedRun, prepared: PreparedRun) -> RunResult:
        """Run the task once."""
        try:
            task = task_of_document(run.definition)
        except (TypeError, ValueError, KeyError) as error:
            why = f"The stored definition of {run.item_id} cannot be read: {error}"
            return failed(run, why, max_retries=0, final_reason="definition")
        handlers = prepared.handlers_of(EXECUTE_HOOK)
        if not handlers:
            why = f"Plugin {run.plugin} has no {EXECUTE_HOOK} any more."
            return failed(run, why, max_retries=0, final_reason="no_handler")
        execution = TaskExecutionContext(
            task_id=run.item_id,
            execution_id=run.token,
            scheduled_time=run.slot,
            actual_time=timezone.now(),
            attempt=run.attempt,
            tenant_id=run.tenant_id,
            correlation_id=run.id,
        )
        called = await schedule_runner.arun(
            handlers[0],
            (task, prepared.context, execution),
            time_limit_seconds=task.timeout_seconds,
            bind=prepared.bind,
        )
        if called.run.outcome is HookOutcome.NOT_STARTED:
            return not_started(run, called.run)
        return await in_thread(_settle, run, prepared, task, called)

    def record(self, run: ClaimedRun, result: RunResult) -> None:
        """Tell plugins of a task that has succeeded."""
        if not result.is_success:
            return
        record_item_event(
            COMPLETED_EVENT,
            hook=COMPLETED_HOOK,
            payload={
                "plugin": run.plugin,
                "task": dict(run.definition),
                "result": result_document(TaskResult(success=True, data=result.data or {})),
                "execution_id": str(run.token),
                "scheduled_time": run.slot.isoformat(),
                "attempt": run.attempt,
            },
        )


def _faults(plugin: LoadedPlugin, collected: Collected) -> list[str]:
    faults = []
    if not handles(plugin, EXECUTE_HOOK):
        faults.append(f"There is no {EXECUTE_HOOK} to run what it registers.")
    if len(collected.returned) > MAX_TASKS:
        faults.append(f"It names {len(collected.returned)} tasks, {MAX_TASKS} are the most.")
    seen: set[str] = set()
    for number, task in enumerate(collected.returned, start=1):
        if not isinstance(task, ScheduledTaskDefinition):
            faults.append(
                f"Entry {number} of the list must be a ScheduledTaskDefinition, not {type(task).__name__}."
            )
            continue
        if (problem := item_problem(task.task_id, plugin.id, "task_id")) is not None:
            faults.append(problem)
        if len(task.task_id) > MAX_ITEM_ID_LENGTH:
            faults.append(f"task_id {task.task_id[:40]!r}… is longer than {MAX_ITEM_ID_LENGTH} characters.")
        if task.task_id in seen:
            faults.append(f"There are two tasks {task.task_id!r}: an id names one.")
        seen.add(task.task_id)
        if (fault := _document_fault(task)) is not None:
            faults.append(fault)
    return faults


def _document_fault(task: ScheduledTaskDefinition) -> str | None:
    """Return why a definition cannot be kept, and given back to the plugin as it is."""
    document = task_document(task)
    if (fault := json_fault(document)) is not None:
        return f"Task {task.task_id!r} cannot be kept: {fault.pointer} {fault.message}"
    try:
        task_of_document(document)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _item(task: ScheduledTaskDefinition) -> ItemDefinition:
    return ItemDefinition(
        item_id=task.task_id,
        name=task.name,
        document=task_document(task),
        cron_expression=task.schedule.cron_expression or "",
        interval_seconds=task.schedule.interval_seconds,
        time_zone=task.schedule.timezone or "",
        is_enabled=task.enabled,
    )


# -- what came of it ---------------------------------------------------------------------------------------------------


def _settle(
    run: ClaimedRun, prepared: PreparedRun, task: ScheduledTaskDefinition, called: ExecuteResult
) -> RunResult:
    account = called.run
    data: dict[str, Any] = {}
    if called.error is None:
        problem, data = _judged(called.value, prepared)
        if not problem:
            clean = account.outcome is HookOutcome.DONE
            return RunResult(
                run=run,
                attempt_outcome=AttemptOutcome.DONE if clean else AttemptOutcome.DONE_WITH_ERRORS,
                outcome=RunOutcome.DONE if clean else RunOutcome.DONE_WITH_ERRORS,
                error="" if clean else _first_error(account.lines),
                data=data,
                log=account.lines,
                conduct=conduct_of(account),
            )
        told = error = problem
    else:
        told, error = account.error, error_text(account)
    result = failed(run, error, max_retries=task.max_retries, hook_run=account)
    if called.error is None and not isinstance(called.value, TaskResult):
        result = replace(result, conduct=Conduct.FAILED)
    decision, by = _decision(
        prepared, task, TaskResult(success=False, data=data, error_message=told or "It failed.")
    )
    return replace(_decided(run, task, result, decision, by), data=data or None)


def _judged(value: object, prepared: PreparedRun) -> tuple[str, dict[str, Any]]:
    """Return what is wrong with a result, or an empty text; and its data."""
    if not isinstance(value, TaskResult):
        return f"{EXECUTE_HOOK} must return a TaskResult, not {type(value).__name__}.", {}
    try:
        text = prepared.masked(json.dumps(value.data, allow_nan=False))
        data = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        return f"data of the task's result must be JSON: {error}.", {}
    if len(text) > MAX_DATA_BYTES:
        return f"data of the task's result is larger than {MAX_DATA_BYTES // 1024} KiB.", {}
    if not isinstance(data, dict):
        return f"data of the task's result must be a dictionary, not {type(data).__name__}.", {}
    if (fault := json_fault(data)) is not None:
        return f"data of the task's result cannot be kept: {fault.pointer} {fault.message}", {}
    if value.success is True:
        return "", data
    message = value.error_message
    if message is None or not str(message).strip():
        return "It gave no reason.", data
    return prepared.masked(str(message))[:_MAX_MESSAGE_CHARACTERS], data


def _decision(
    prepared: PreparedRun, task: ScheduledTaskDefinition, result: TaskResult
) -> tuple[TaskRetryDecision | None, str]:
    """Ask the tenant's plugins what to do about a failure; return the first answer, and whose it is."""
    with use_scope(prepared.scope):
        found = inline_handlers(FAILED_HOOK, "")
        answer = hook_runner.run_first_wins(
            found.handlers, lambda handler: (prepared.context, task, result), bind=found.bind
        )
    decision, plugin_id = answer.value, answer.plugin_id or ""
    if decision is None:
        return None, ""
    if isinstance(decision, TaskRetryDecision):
        return decision, plugin_id
    logger.warning(
        "%s of plugin %s must return a TaskRetryDecision or None, not %s: the usual backoff is used.",
        FAILED_HOOK,
        plugin_id,
        type(decision).__name__,
    )
    return None, ""


def _decided(
    run: ClaimedRun,
    task: ScheduledTaskDefinition,
    result: RunResult,
    decision: TaskRetryDecision | None,
    by: str,
) -> RunResult:
    if decision is None or result.outcome is not None:
        # `max_retries` and what is permanent stay the limits.
        return result
    reason = f": {decision.reason}" if decision.reason else "."
    if not decision.retry:
        return replace(
            result,
            outcome=RunOutcome.DEAD,
            outcome_reason="decision",
            wait_seconds=0.0,
            error=f"{result.error}\n\nNot tried again, says plugin {by}{reason}",
        )
    if decision.delay_seconds is None:
        return result
    wait = min(float(decision.delay_seconds), _LONGEST_DELAY_SECONDS)
    return replace(
        result,
        wait_seconds=wait,
        error=f"{result.error}\n\nTried again in {wait:g} seconds, says plugin {by}{reason}",
    )


def _first_error(lines: Any) -> str:
    return next(
        (line.message for line in lines if line.level in {"ERROR", "CRITICAL"}), "It logged an error."
    )
