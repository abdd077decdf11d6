"""Why plugins ran or not, as a document."""

from __future__ import annotations

from typing import Any, Final

from core.api.documents import answer_schema
from core.models import Event
from core.selectors.content_state import timestamp
from plugin_host.api.documents import DELIVERY_DETAILS, delivery_details
from plugin_host.selectors.explain import Answer, Explanation, HandlerAnswer, PluginAnswer

_TEXT: Final = {"type": "string"}
_TEXT_OR_NONE: Final = {"type": ["string", "null"]}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": "string", "format": "uuid"}
_ID_OR_NONE: Final = {"type": ["string", "null"], "format": "uuid"}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_ANSWER: Final = {"type": "string", "enum": [str(answer) for answer in Answer]}
_EVENT: Final = answer_schema(
    {
        "id": _ID,
        "type": _TEXT,
        "collection": _TEXT,
        "record_id": _ID_OR_NONE,
        "version": {"type": ["integer", "null"]},
        "actor": _TEXT,
        "actor_label": _TEXT,
        "correlation_id": _ID,
        "causation_id": _ID_OR_NONE,
        "depth": {"type": "integer"},
        "created_at": _MOMENT_OR_NONE,
        "is_kept": _FLAG,
    }
)
_THEN: Final = answer_schema(
    {
        "is_on": {"type": ["boolean", "null"]},
        "state": _TEXT,
        "since": _MOMENT_OR_NONE,
        "by": _TEXT,
        "changed_at": _MOMENT_OR_NONE,
        "changed_to": _TEXT,
        "changed_by": _TEXT,
    }
)
_HANDLER: Final = answer_schema(
    {
        "hook": _TEXT,
        "key": _TEXT,
        "collection": _TEXT_OR_NONE,
        "is_there": _FLAG,
        "answer": _ANSWER,
        "verdict": _TEXT,
        "deliveries": {"type": "array", "items": DELIVERY_DETAILS},
    }
)
_PLUGIN: Final = answer_schema(
    {
        "plugin": _TEXT,
        "name": _TEXT,
        "version": _TEXT,
        "answer": _ANSWER,
        "verdict": _TEXT,
        "ran": _FLAG,
        "is_loaded": _FLAG,
        "state": _TEXT,
        "status": _TEXT,
        "then": _THEN,
        "paused": {
            "type": ["object", "null"],
            "properties": {
                "reason": _TEXT,
                "since": _MOMENT_OR_NONE,
                "until": _MOMENT_OR_NONE,
                "by": _TEXT,
            },
        },
        "problems": {
            "type": "array",
            "items": answer_schema({"stage": _TEXT, "subject": _TEXT, "message": _TEXT}),
        },
        "errors": {
            "type": "array",
            "items": answer_schema({"pointer": _TEXT, "message": _TEXT, "code": _TEXT}),
        },
        "handles": {"type": "array", "items": _TEXT},
        "handlers": {"type": "array", "items": _HANDLER},
    }
)
EXPLANATION: Final = answer_schema({"event": _EVENT, "plugins": {"type": "array", "items": _PLUGIN}})


def explanation_document(found: Explanation) -> dict[str, Any]:
    """Return an explanation as a document."""
    return {
        "event": _event(found.event, is_kept=found.is_kept),
        "plugins": [_plugin(plugin) for plugin in found.plugins],
    }


def _event(event: Event, *, is_kept: bool) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "type": event.type,
        "collection": event.collection_name,
        "record_id": str(event.record_id) if event.record_id else None,
        "version": event.record_version,
        "actor": event.actor,
        "actor_label": event.actor_label,
        "correlation_id": str(event.correlation_id),
        "causation_id": str(event.causation_id) if event.causation_id else None,
        "depth": event.depth,
        "created_at": timestamp(event.created_at),
        "is_kept": is_kept,
    }


def _plugin(plugin: PluginAnswer) -> dict[str, Any]:
    then = plugin.then
    return {
        "plugin": plugin.plugin_id,
        "name": plugin.name,
        "version": plugin.version,
        "answer": str(plugin.answer),
        "verdict": plugin.sentence,
        "ran": plugin.answer.is_good,
        "is_loaded": plugin.is_loaded,
        "state": plugin.state,
        "status": plugin.status,
        "then": {
            "is_on": then.is_on,
            "state": then.state,
            "since": timestamp(then.since),
            "by": then.by,
            "changed_at": timestamp(then.changed_at),
            "changed_to": then.changed_to,
            "changed_by": then.changed_by,
        },
        "paused": {
            "reason": plugin.paused_reason,
            "since": timestamp(plugin.paused_at),
            "until": timestamp(plugin.paused_until),
            "by": plugin.paused_by,
        }
        if plugin.paused_at is not None
        else None,
        "problems": [
            {"stage": one.stage, "subject": one.subject, "message": one.message} for one in plugin.problems
        ],
        "errors": [
            {"pointer": one.pointer, "message": one.message, "code": one.code} for one in plugin.errors
        ],
        "handles": list(plugin.handles),
        "handlers": [_handler(one) for one in plugin.handlers],
    }


def _handler(one: HandlerAnswer) -> dict[str, Any]:
    return {
        "hook": one.hook,
        "key": one.key,
        "collection": one.collection,
        "is_there": one.is_there,
        "answer": str(one.answer),
        "verdict": one.sentence,
        "deliveries": [delivery_details(delivery) for delivery in one.deliveries],
    }
