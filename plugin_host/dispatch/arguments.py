"""What hooks are called with, from drafts and records before the fact and from events after it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, cast
from uuid import UUID

from core.models import Event
from core.selectors.content_document import content_document
from core.selectors.content_state import state_of_event, timestamp
from plugin_host.context import EventType, HookContext, RecordEvent
from plugin_host.health.documents import definition_from
from plugin_host.hooks.commands import Command
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern
from plugin_host.scheduling.task_documents import result_of_document, task_of_document

HOOK_OF_EVENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "record.created": "dvp_content_created",
        "record.updated": "dvp_content_updated",
        "record.deleted": "dvp_content_deleted",
        "record.published": "dvp_content_published",
        "record.unpublished": "dvp_content_unpublished",
    }
)
LIFECYCLE_HOOK_OF_EVENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "plugin.enabled": "dvp_plugin_enabled",
        "plugin.disabled": "dvp_plugin_disabled",
        "plugin.config_changed": "dvp_config_changed",
    }
)
HOOK_OF_SEO_EVENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seo.pattern_discovered": "dvp_pattern_discovered",
        "seo.learning_applied": "dvp_learning_applied",
    }
)
# What is recorded for the plugins that handle it, and is no part of the tenant's log.
OWN_HOOK_OF_EVENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "command.completed": "dvp_after_command",
        "task.completed": "dvp_task_completed",
        "health.changed": "dvp_health_status_changed",
    }
)
LOG_HOOK: Final = "dvp_after_event_publish"


def hooks_of_event(event: Event) -> tuple[str, ...]:
    """Return the hooks that an event is told through, and its own type where handlers may name it."""
    for table in (LIFECYCLE_HOOK_OF_EVENT, OWN_HOOK_OF_EVENT):
        if event.type in table:
            return (table[event.type],)
    if event.type in HOOK_OF_EVENT:
        return (HOOK_OF_EVENT[event.type], event.type, LOG_HOOK)
    if event.type in HOOK_OF_SEO_EVENT:
        return (HOOK_OF_SEO_EVENT[event.type], LOG_HOOK)
    return ()


def tenant_id_of(event: Event) -> UUID:
    """Return whose event it is; a stored one always has a tenant."""
    return cast("UUID", event.tenant_id)


def context_of_event(event: Event, *, slug: str, plan: str, metadata: Mapping[str, Any]) -> HookContext:
    """Return the context of a hook that runs because of an event."""
    return HookContext(
        tenant_id=tenant_id_of(event),
        tenant_slug=slug,
        tenant_plan=plan,
        correlation_id=event.correlation_id,
        causation_id=event.pk,
        metadata=dict(metadata),
    )


def event_metadata(event: Event, *, delivery_id: UUID, attempt: int) -> dict[str, Any]:
    """Return the metadata of an action."""
    return {
        "event_id": str(event.pk),
        "event_type": event.type,
        "occurred_at": timestamp(event.created_at),
        "delivery_id": str(delivery_id),
        "attempt": attempt,
        "actor": event.actor,
        "version": event.record_version,
    }


def event_arguments(hook: str, event: Event, context: HookContext) -> tuple[Any, ...]:
    """Return the arguments of an action of the catalogue; runs in the tenant's scope and queries.

    The content is the state at the event's version, however late the hook runs.
    """
    metadata = dict(context.metadata)
    if hook == LOG_HOOK:
        return (context, event_document(event))
    if hook in LIFECYCLE_HOOK_OF_EVENT.values():
        return (context, metadata | event.payload)
    if hook == "dvp_after_command":
        return (context, *_command_and_result(event))
    if hook in HOOK_OF_SEO_EVENT.values():
        return (context, _seo_value(hook, event.payload))
    if hook == "dvp_health_status_changed":
        return _health_arguments(event, context)
    if hook == "dvp_task_completed":
        payload = event.payload
        return (context, task_of_document(payload["task"]), result_of_document(payload["result"]))
    state = state_of_event(event)
    content = content_document(state)
    if event.type == EventType.RECORD_UPDATED:
        metadata |= _difference(event)
    return (context, str(event.record_id), content, metadata)


def _seo_value(hook: str, payload: Mapping[str, Any]) -> DiscoveredPattern | AppliedLearning:
    if hook == "dvp_pattern_discovered":
        return DiscoveredPattern(payload["name"], payload["confidence"], deepcopy(payload["evidence"]))
    return AppliedLearning(payload["pattern"], payload["content_id"], deepcopy(payload["change"]))


def _command_and_result(event: Event) -> tuple[Command, Any]:
    """What a use case was, and what it did: the content that it left, the collection, or nothing."""
    command = event.payload["command"]
    result = event.payload["result"]
    if event.record_id is not None and command["name"] != "delete_record":
        result = content_document(state_of_event(event), with_page=False)
    return Command(command["name"], deepcopy(command["arguments"])), result


def event_document(event: Event) -> dict[str, Any]:
    """Return an event as the dictionary that `dvp_after_event_publish` gets."""
    return {
        "id": str(event.pk),
        "type": event.type,
        "collection": event.collection_name,
        "record_id": str(event.record_id) if event.record_id else None,
        "version": event.record_version,
        "payload": deepcopy(event.payload),
        "actor": event.actor,
        "correlation_id": str(event.correlation_id),
        "causation_id": str(event.causation_id) if event.causation_id else None,
        "created_at": timestamp(event.created_at),
    }


def record_event(event: Event, *, slug: str) -> RecordEvent:
    """Return an event as function-style handlers get it; needs no query."""
    payload = event.payload
    return RecordEvent(
        type=EventType(event.type),
        collection_name=event.collection_name,
        record_id=str(event.record_id) if event.record_id else None,
        data=deepcopy(payload.get("data", {}))
        | {
            "id": str(event.record_id) if event.record_id else None,
            "created": payload.get("created_at"),
            "updated": payload.get("updated_at"),
        },
        timestamp=timestamp(event.created_at) or "",
        id=event.pk,
        tenant_id=event.tenant_id,
        tenant_slug=slug,
        correlation_id=event.correlation_id,
        actor=event.actor,
    )


def _health_arguments(event: Event, context: HookContext) -> tuple[Any, ...]:
    payload = event.payload
    known = {name: payload[name] for name in ("plugin", "trouble", "message", "result_id", "checked_at")}
    return (
        replace(context, metadata={**context.metadata, **known}),
        definition_from(payload["check"]),
        HealthStatus(payload["previous"]),
        HealthStatus(payload["current"]),
    )


def _difference(event: Event) -> dict[str, Any]:
    """What an update says besides the content: names of changed fields, and the content before."""
    changed: list[str] = list(event.payload.get("changed", ()))
    before = event.payload.get("previous")
    if before is None:
        return {"changed": changed}
    state = replace(
        state_of_event(event),
        title=before["title"],
        slug=before["slug"],
        locale=before["locale"],
        data=before["data"],
        version=before["version"],
        status=before["status"],
    )
    return {"changed": changed, "previous": content_document(state, with_page=False)}
