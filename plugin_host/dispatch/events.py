"""`dvp_before_event_publish`: plugins say what the tenant's log will say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from core.actors import Actor
from core.scope import current_actor
from core.services.commands import CommandCall
from core.services.event_drafts import EventDraft
from plugin_host.dispatch.binding import inline_handlers
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.dispatch.json_values import json_fault
from plugin_host.dispatch.operation import Occasion, operation_of
from plugin_host.errors import PluginError
from plugin_host.runner import Handler

HOOK: Final = "dvp_before_event_publish"
# Hooks that run late, and the order of deliveries, live by these.
_OF_RECORDS: Final = frozenset(
    {"slug", "locale", "status", "version", "created_at", "updated_at", "published_at"}
)
_OF_METRICS: Final = frozenset({"pattern_id", "name", "confidence", "pattern", "content_id", "plugin"})
FIXED: Final = _OF_RECORDS | _OF_METRICS
# What must stay an object, because others look into it.
_OBJECTS: Final = frozenset({"data", "previous", "evidence", "change"})

EventDictionary = dict[str, Any]


def filter_event_draft(draft: EventDraft) -> None:
    """Pass the event of a content service through the filters; notes what it shall say instead.

    Raises:
        PluginError: A plugin refuses the operation, or returns what is no such event.
    """
    actor = draft.command.actor if draft.command is not None else current_actor()
    draft.changes.update(
        event_changes(
            draft.type,
            draft.make_payload,
            actor=actor,
            collection_name=draft.collection_name,
            occasion=draft.command,
        )
    )


def event_changes(
    kind: str,
    make_payload: Callable[[], dict[str, Any]],
    *,
    actor: Actor,
    collection_name: str = "",
    occasion: CommandCall | Occasion | None = None,
) -> dict[str, Any]:
    """Return the keys of a payload that plugins have changed or added.

    Raises:
        PluginError: A plugin refuses the operation, or returns what is no such event.
    """
    found = inline_handlers(HOOK, collection_name)
    if not found.handlers:
        return {}
    operation = operation_of(occasion)
    context = operation.context(actor, collection=collection_name)
    payload = make_payload()
    result = hook_runner.run_filter(
        found.handlers,
        _draft(kind, payload),
        lambda handler, event: (context, event),
        accept=_accept,
        bind=found.bind,
        budget=operation.budget,
    )
    after = result.value["payload"]
    return {name: value for name, value in after.items() if name not in payload or payload[name] != value}


def _draft(kind: str, payload: dict[str, Any]) -> EventDictionary:
    return {"type": kind, "payload": payload}


def _accept(handler: Handler, before: EventDictionary, returned: Any) -> EventDictionary:
    if not isinstance(returned, dict):
        raise PluginError(f"it must return the event, a dictionary, not {type(returned).__name__}.")
    if returned.get("type") != before["type"]:
        raise PluginError(
            f"it turned {before['type']!r} into {returned.get('type')!r}, but only the payload can be changed."
        )
    if extra := returned.keys() - before.keys():
        raise PluginError(
            f"it added {min(map(str, extra))!r} to the event: what it shall say besides belongs into 'payload'."
        )
    payload, was = returned.get("payload"), before["payload"]
    if not isinstance(payload, dict):
        raise PluginError(f"it left {type(payload).__name__} under 'payload', which must be a dictionary.")
    if (fault := json_fault(payload, at="/payload")) is not None:
        raise PluginError(f"{fault.pointer}: {fault.message}", errors=[fault])
    for name, value in was.items():
        if name not in payload:
            raise PluginError(f"it took {name!r} out of the payload: return all of it.")
        if name in FIXED and payload[name] != value:
            raise PluginError(f"it changed {name!r}, which the event has from what happened.")
        if name in _OBJECTS and not isinstance(payload[name], dict):
            raise PluginError(
                f"it left {type(payload[name]).__name__} under {name!r}, which must be a dictionary."
            )
    return returned
