"""`CommandHooks`: plugins change what a use case is asked, are told what it did, or answer where it failed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Final

from core.api.documents import collection_document
from core.errors import FieldError, TenantryError
from core.json_equality import same_json
from core.models import Collection, Event, Record
from core.scope import require_tenant
from core.selectors.content_state import state_of_record
from core.services.commands import COMMANDS, CommandAnswer, CommandCall, argument_faults, read_answer
from plugin_host.deliveries.creation import create_deliveries
from plugin_host.dispatch.binding import handlers_in_scope, inline_handlers
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.dispatch.json_values import json_fault
from plugin_host.dispatch.operation import operation_of
from plugin_host.errors import PluginError
from plugin_host.hooks.commands import Command
from plugin_host.identifiers import did_you_mean
from plugin_host.runner import Handler

COMMAND_EVENT: Final = "command.completed"


def filter_command(command: CommandCall) -> None:
    """Pass a use case through `dvp_before_command`; changes its arguments.

    Raises:
        PluginError: A plugin refuses, or returns what is no such command.
    """
    found = inline_handlers("dvp_before_command")
    if not found.handlers:
        return
    asked = _as_value(command)
    if asked is None:
        return
    operation = operation_of(command)
    context = operation.context(command.actor)
    result = hook_runner.run_filter(
        found.handlers,
        asked,
        lambda handler, value: (context, value),
        accept=_accept,
        bind=found.bind,
        budget=operation.budget,
    )
    if not same_json(result.value.arguments, asked.arguments):
        command.replace_arguments(result.value.arguments)


def owe_result(command: CommandCall, record: Record | None, collection: Collection | None) -> None:
    """Owe what a use case did to those who handle `dvp_after_command`; inside its transaction."""
    handlers = handlers_in_scope("dvp_after_command")
    if not handlers:
        return
    scope = require_tenant()
    event = Event.objects.create(
        type=COMMAND_EVENT,
        collection_name=record.collection.name if record is not None else "",
        record_id=record.pk if record is not None else None,
        record_version=record.version if record is not None else None,
        payload={
            **(state_of_record(record).payload() if record is not None else {}),
            "command": {"name": command.name, "arguments": command.json_arguments()},
            "result": collection_document(collection) if collection is not None else None,
        },
        actor=command.actor.reference[:120],
        actor_label=command.actor.label[:254],
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        depth=scope.depth,
    )
    create_deliveries(event, [(handler.plugin_id, handler.key) for handler in handlers])


def answer_failure(command: CommandCall, error: Exception) -> CommandAnswer | None:
    """Ask `dvp_command_failed` for an answer to give instead of an error; None where nobody has one."""
    found = inline_handlers("dvp_command_failed")
    if not found.handlers:
        return None
    failed = _as_value(command)
    if failed is None:
        return None
    operation = operation_of(command)
    context = operation.context(command.actor)
    result = hook_runner.run_first_wins(
        found.handlers,
        lambda handler: (context, deepcopy(failed), error),
        accept=lambda handler, given: _usable_answer(command, given),
        bind=found.bind,
        budget=operation.budget,
    )
    answer: CommandAnswer | None = result.value
    return answer


def _as_value(command: CommandCall) -> Command | None:
    """Return what plugins get to see; None where the arguments are no JSON, which the service refuses by itself."""
    try:
        return Command(command.name, json.loads(json.dumps(command.json_arguments(), allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        return None


def _usable_answer(command: CommandCall, given: Any) -> CommandAnswer:
    try:
        return read_answer(command, given)
    except TenantryError as error:
        raise PluginError(error.message, code=error.code) from error


def _accept(handler: Handler, before: Command, returned: Any) -> Command:
    """Take other arguments, and refuse everything else aloud."""
    if not isinstance(returned, Command):
        raise PluginError(f"it must return the command, not {type(returned).__name__}.")
    if returned.name != before.name:
        raise PluginError(
            f"it turned {before.name!r} into {returned.name!r}, but only the arguments can be changed."
        )
    known = COMMANDS[before.name]["properties"]
    for name in returned.arguments:
        if name not in known:
            raise PluginError(
                f"it added {name!r} to the arguments of {before.name}, which takes no such thing."
                f"{did_you_mean(str(name), known)}"
            )
    if returned.arguments == before.arguments:
        # What the caller asked is the service's to judge.
        return before
    fault = json_fault(returned.arguments)
    faults = [fault] if fault is not None else argument_faults(before.name, returned.arguments)
    if faults:
        raise PluginError(
            " ".join(f"{error.pointer}: {error.message}" for error in faults),
            code="hook_returned_nonsense",
            errors=[
                FieldError(pointer=f"/arguments{error.pointer}", message=error.message, code=error.code)
                for error in faults
            ],
        )
    return returned
