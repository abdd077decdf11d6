"""Filters and gates: plugins take part in a change before anything is written, and somebody waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from core.errors import Conflict, FieldError
from core.logging import get_logger
from core.models import Record
from core.scope import require_tenant
from core.selectors.content_document import content_document
from core.selectors.content_state import state_of_draft, state_of_record
from core.services.commands import CommandCall
from core.services.drafts import RecordDraft, draft_faults
from core.services.publishing import GateNote, PublicationNotes
from core.services.records import relation_faults
from plugin_host.dispatch.binding import inline_handlers
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.dispatch.json_values import json_fault
from plugin_host.dispatch.operation import operation_of
from plugin_host.errors import HookError, PluginError
from plugin_host.identifiers import did_you_mean
from plugin_host.runner import GateDenial, GateResult, Handler
from plugin_host.selectors.pauses import paused_in_words
from plugin_host.state import tenant_plugins

logger = get_logger(__name__)

# What is taken back from the content that a filter returns.
TAKEN: Final = ("data", "slug", "title", "locale")

Content = dict[str, Any]
# Plugin, and the content that it left.
Step = tuple[str, Content]


def filter_creation(draft: RecordDraft) -> None:
    """Pass a record that is to be made through `dvp_before_content_create`; changes the draft.

    Raises:
        PluginError: A plugin refuses, or returns what is no content or does not fit the collection's schema.
    """
    _filter(draft, "dvp_before_content_create", lambda content: (content,))


def filter_update(draft: RecordDraft) -> None:
    """Pass a change of a record through `dvp_before_content_update`; changes the draft.

    Raises:
        PluginError: A plugin refuses, or returns what is no content or does not fit the collection's schema.
    """
    record_id = str(draft.record.pk) if draft.record is not None else ""
    _filter(draft, "dvp_before_content_update", lambda content: (record_id, content))


def gate_deletion(record: Record, command: CommandCall) -> None:
    """Ask `dvp_before_content_delete`.

    Raises:
        Conflict: A plugin says no, or fails.
    """
    _gate("dvp_before_content_delete", record, command)


def gate_publication(record: Record, command: CommandCall, notes: PublicationNotes) -> None:
    """Ask `dvp_before_content_publish`, all plugins, so that the person sees all reasons at once.

    Args:
        notes: Warnings and scores are added to it where all let it through.

    Raises:
        Conflict: At least one plugin says no, or fails; blockers and warnings of all plugins are its errors.
    """
    result = _gate("dvp_before_content_publish", record, command, with_content=True)
    if result is not None:
        notes.warnings += (GateNote(plugin=plugin, message=text) for plugin, text in result.warnings)
        notes.scores += result.scores


def gate_unpublication(record: Record, command: CommandCall) -> None:
    """Ask `dvp_before_content_unpublish`.

    Raises:
        Conflict: A plugin says no, or fails.
    """
    _gate("dvp_before_content_unpublish", record, command)


def _filter(draft: RecordDraft, hook: str, arguments: Callable[[Content], tuple[Any, ...]]) -> None:
    found = inline_handlers(hook, draft.collection.name)
    if not found.handlers:
        return
    operation = operation_of(draft.command)
    context = operation.context(draft.actor, collection=draft.collection.name)
    steps: list[Step] = []

    def accept(handler: Handler, before: Content, returned: Any) -> Content:
        taken = _accept(before, returned)
        steps.append((handler.plugin_id, taken))
        return taken

    given = replace(draft)
    result = hook_runner.run_filter(
        found.handlers,
        content_document(state_of_draft(draft)),
        lambda handler, content: (context, *arguments(content), dict(context.metadata)),
        accept=accept,
        bind=found.bind,
        budget=operation.budget,
    )
    content = result.value
    draft.slug_is_chosen = draft.slug_is_chosen or content["slug"] != draft.slug
    draft.data, draft.slug, draft.title, draft.locale = (content[name] for name in TAKEN)
    _refuse_unfit(hook, given, draft, steps)


def _accept(before: Content, returned: Any) -> Content:
    """Take what a filter may change, and refuse everything else aloud: dropped in silence it would be missed."""
    if not isinstance(returned, dict):
        raise PluginError(f"it must return the content, a dictionary, not {type(returned).__name__}.")
    for name in returned:
        if name not in before:
            raise PluginError(
                f"it added {name!r} to the content, which has no such key: fields of the record stand under 'data'."
                f"{did_you_mean(str(name), TAKEN)}"
            )
    for name, value in before.items():
        if name not in returned:
            raise PluginError(f"it took {name!r} out of the content: return all of it.")
        if name not in TAKEN and returned[name] != value:
            raise PluginError(
                f"it changed {name!r}, but only {', '.join(TAKEN)} can be changed by a filter hook."
            )
    if not isinstance(returned["data"], dict):
        raise PluginError(
            f"it left {type(returned['data']).__name__} under 'data', which must be a dictionary."
        )
    for name in TAKEN:
        if (fault := json_fault(returned[name], at=f"/{name}")) is not None:
            raise PluginError(
                f"{fault.pointer}: {fault.message}", code="filter_result_invalid", errors=[fault]
            )
    return returned


def _refuse_unfit(hook: str, given: RecordDraft, draft: RecordDraft, steps: Sequence[Step]) -> None:
    """Refuse a result that may not be stored, and say whose it is; what the person typed is the service's to judge."""
    faults = _faults(draft)
    if not faults:
        return
    known = {fault.pointer for fault in _faults(given)}
    culprits: dict[str, str] = {}
    for plugin, content in steps:
        now = {fault.pointer for fault in _faults(replace(draft, **{name: content[name] for name in TAKEN}))}
        for pointer in now - known:
            culprits.setdefault(pointer, plugin)
        known = now
    own = [(culprits[fault.pointer], fault) for fault in faults if fault.pointer in culprits]
    if not own:
        return
    raise HookError(
        hook,
        own[0][0],
        "the record does not fit its schema any more. "
        + " ".join(f"{fault.pointer}: {fault.message}" for _, fault in own),
        code="filter_result_invalid",
        errors=[
            FieldError(pointer=fault.pointer, message=f"{plugin}: {fault.message}", code=fault.code)
            for plugin, fault in own
        ],
    )


def _faults(draft: RecordDraft) -> list[FieldError]:
    return draft_faults(draft) or relation_faults(draft)


def _gate(
    hook: str, record: Record, command: CommandCall, *, with_content: bool = False
) -> GateResult | None:
    found = inline_handlers(hook, record.collection.name)
    if not found.handlers and not found.held:
        return None
    operation = operation_of(command)
    context = operation.context(command.actor, collection=record.collection.name, version=record.version)

    def arguments(handler: Handler) -> tuple[Any, ...]:
        content = (content_document(state_of_record(record)),) if with_content else ()
        return (context, str(record.pk), *content, dict(context.metadata))

    result = hook_runner.run_gate(
        found.handlers, arguments, ask_all=with_content, bind=found.bind, budget=operation.budget
    )
    for plugin, warning in result.warnings:
        logger.info("Plugin %s warns about “%s”: %s", plugin, record, warning)
    held = [_denial_while_paused(gate) for gate in found.held if not gate.fail_open]
    result = result._replace(denials=(*held, *result.denials))
    if not result.allowed:
        raise _refusal(result)
    return result


def _refusal(result: GateResult) -> Conflict:
    reasons: list[FieldError] = []
    for denial in result.denials:
        blockers = [text for plugin, text in result.blockers if plugin == denial.plugin_id]
        code = denial.error.code if denial.error is not None else "blocker" if blockers else "refused"
        reasons += (
            FieldError(pointer="", message=f"{denial.plugin_id}: {text}", code=code)
            for text in blockers or [denial.reason]
        )
    warnings = [
        FieldError(pointer="", message=f"{plugin} warns: {text}", code="warning")
        for plugin, text in result.warnings
    ]
    said = " ".join(f"{denial.plugin_id}: {denial.reason}" for denial in result.denials)
    return Conflict(said, code="refused_by_plugin", errors=[*reasons, *warnings])


def _denial_while_paused(gate: Handler) -> GateDenial:
    """Return the no of a gate that cannot be asked: what has to be checked is not let through unchecked."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # require_tenant refuses otherwise
    reason = (
        f"{paused_in_words(tenant_plugins(tenant_id)[gate.plugin_id])} It has to be asked before this is done: "
        "resume it, switch it off, or let its gates fail open."
    )
    return GateDenial(
        plugin_id=gate.plugin_id,
        hook=gate.hook,
        reason=reason,
        error=HookError(gate.hook, gate.plugin_id, reason, code="plugin_paused"),
    )
