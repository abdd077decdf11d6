"""Filters and gates: plugins take part in a change before anything is written, and somebody waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from core.actors import Actor
from core.errors import Conflict, FieldError
from core.logging import get_logger
from core.models import Record
from core.scope import require_tenant
from core.selectors.content_document import content_document
from core.selectors.content_state import state_of_draft, state_of_record
from core.services.drafts import RecordDraft
from plugin_host.context import HookContext
from plugin_host.dispatch.binding import inline_handlers, tenant_slug_and_plan
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.errors import PluginError
from plugin_host.identifiers import did_you_mean
from plugin_host.runner import GateResult, Handler, InlineBudget

logger = get_logger(__name__)

# What is taken back from the content that a filter returns.
TAKEN: Final = ("data", "slug", "title", "locale")

Content = dict[str, Any]


def filter_creation(draft: RecordDraft) -> None:
    """Pass a record that is to be made through `dvp_before_content_create`; changes the draft.

    Raises:
        PluginError: A plugin refuses, or returns what is no content.
    """
    _filter(draft, "dvp_before_content_create", lambda content: (content,))


def filter_update(draft: RecordDraft) -> None:
    """Pass a change of a record through `dvp_before_content_update`; changes the draft.

    Raises:
        PluginError: A plugin refuses, or returns what is no content.
    """
    record_id = str(draft.record.pk) if draft.record is not None else ""
    _filter(draft, "dvp_before_content_update", lambda content: (record_id, content))


def gate_deletion(record: Record, actor: Actor) -> None:
    """Ask `dvp_before_content_delete`.

    Raises:
        Conflict: A plugin says no, or fails.
    """
    _gate("dvp_before_content_delete", record, actor, with_content=False)


def gate_publication(record: Record, actor: Actor) -> None:
    """Ask `dvp_before_content_publish`, all plugins, so that the person sees all reasons at once.

    Raises:
        Conflict: At least one plugin says no, or fails.
    """
    _gate("dvp_before_content_publish", record, actor, with_content=True)


def gate_unpublication(record: Record, actor: Actor) -> None:
    """Ask `dvp_before_content_unpublish`.

    Raises:
        Conflict: A plugin says no, or fails.
    """
    _gate("dvp_before_content_unpublish", record, actor, with_content=False)


def _filter(draft: RecordDraft, hook: str, before_metadata: Any) -> None:
    found = inline_handlers(hook, draft.collection.name)
    if not found.handlers:
        return
    context = _context(draft.actor, {"collection": draft.collection.name})
    result = hook_runner.run_filter(
        found.handlers,
        content_document(state_of_draft(draft)),
        lambda handler, content: (context, *before_metadata(content), dict(context.metadata)),
        accept=_accept,
        bind=found.bind,
        budget=InlineBudget(),
    )
    content = result.value
    draft.slug_is_chosen = draft.slug_is_chosen or content["slug"] != draft.slug
    draft.data, draft.slug, draft.title, draft.locale = (content[name] for name in TAKEN)


def _accept(handler: Handler, before: Content, returned: Any) -> Content:
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
    return returned


def _gate(hook: str, record: Record, actor: Actor, *, with_content: bool) -> None:
    found = inline_handlers(hook, record.collection.name)
    if not found.handlers:
        return
    context = _context(actor, {"collection": record.collection.name, "version": record.version})

    def arguments(handler: Handler) -> tuple[Any, ...]:
        content = (content_document(state_of_record(record)),) if with_content else ()
        return (context, str(record.pk), *content, dict(context.metadata))

    result = hook_runner.run_gate(
        found.handlers, arguments, ask_all=with_content, bind=found.bind, budget=InlineBudget()
    )
    for plugin, warning in result.warnings:
        logger.warning("Plugin %s warns about “%s”: %s", plugin, record, warning)
    if not result.allowed:
        raise _refusal(result)


def _refusal(result: GateResult) -> Conflict:
    reasons: Sequence[FieldError] = [
        FieldError(
            pointer="",
            message=f"{denial.plugin_id}: {denial.reason}",
            code=denial.error.code if denial.error is not None else "refused",
        )
        for denial in result.denials
    ]
    return Conflict(" ".join(reason.message for reason in reasons), code="refused_by_plugin", errors=reasons)


def _context(actor: Actor, metadata: dict[str, Any]) -> HookContext:
    scope = require_tenant()
    assert scope.tenant_id is not None  # require_tenant refuses otherwise
    slug, plan = tenant_slug_and_plan(scope.tenant_id)
    return HookContext(
        tenant_id=scope.tenant_id,
        tenant_slug=slug,
        tenant_plan=plan,
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        metadata={"actor": actor.reference, **metadata},
    )
