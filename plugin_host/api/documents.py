"""The schemas of what the API answers about plugins, and deliveries as documents."""

from __future__ import annotations

from typing import Any, Final

from core.api.documents import answer_schema
from core.selectors.content_state import timestamp
from plugin_host.deliveries.selectors import AttemptView, DeliveryView
from plugin_host.hooks.health_monitor import HealthStatus

_TEXT: Final = {"type": "string"}
_TEXT_OR_NONE: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": "integer"}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": "string", "format": "uuid"}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_OBJECT: Final = {"type": "object", "additionalProperties": True}
_OBJECT_OR_NONE: Final = {"type": ["object", "null"], "additionalProperties": True}
_PROBLEM: Final = answer_schema({"stage": _TEXT, "subject": _TEXT, "message": _TEXT})
_ERROR: Final = answer_schema({"pointer": _TEXT, "message": _TEXT, "code": _TEXT})
_PAUSE: Final = answer_schema(
    {
        "reason": _TEXT,
        "since": _MOMENT_OR_NONE,
        "until": _MOMENT_OR_NONE,
        "by": _TEXT,
        "by_breaker": _FLAG,
        "waiting": _NUMBER,
    }
)
_BREAKER: Final = answer_schema(
    {
        "state": {"type": "string", "enum": ["closed", "open", "half_open"]},
        "failures": _NUMBER,
        "timeouts": _NUMBER,
        "slow_runs": _NUMBER,
        "crashes": _NUMBER,
        "openings": _NUMBER,
        "last_run": _TEXT,
        "last_error": _TEXT,
        "last_at": _MOMENT_OR_NONE,
        "next_probe_at": _MOMENT_OR_NONE,
    }
)
_PLUGIN: Final = {
    "id": _TEXT,
    "name": _TEXT,
    "version": _TEXT,
    "author": _TEXT,
    "description": _TEXT,
    "source": _TEXT,
    "state": {"type": "string", "enum": ["available", "enabled", "paused", "disabled"]},
    "status": {
        "type": "string",
        "enum": [
            "available",
            "enabled",
            "paused",
            "disabled",
            "broken",
            "needs_install",
            "needs_migrate",
            "needs_attention",
        ],
    },
    "problems": {"type": "array", "items": _PROBLEM},
    "errors": {"type": "array", "items": _ERROR},
    "paused": {**_PAUSE, "type": ["object", "null"]},
    "breaker": {**_BREAKER, "type": ["object", "null"]},
    "fail_open": _FLAG,
    "revision": _NUMBER,
    "changed_by": _TEXT,
    "changed_at": _MOMENT_OR_NONE,
    "restart_needed": _FLAG,
    "health": {
        "type": ["string", "null"],
        "enum": [*(status.value for status in HealthStatus), None],
        "description": "the worst status of its checks; null: none has run, or the plugin does not run",
    },
}
PLUGIN: Final = answer_schema(_PLUGIN)
PLUGINS: Final = answer_schema({"data": {"type": "array", "items": PLUGIN}})
PLUGIN_DETAILS: Final = answer_schema(
    {
        **_PLUGIN,
        "hooks": {
            "type": "array",
            "items": answer_schema(
                {
                    "hook": _TEXT,
                    "kind": _TEXT,
                    "priority": _NUMBER,
                    "time_limit_seconds": {"type": "number"},
                    "collection": _TEXT_OR_NONE,
                }
            ),
        },
        "routes": {"type": "array", "items": _TEXT},
        "pages": {
            "type": "array",
            "items": answer_schema({"nav_id": _TEXT, "label": _TEXT, "icon": _TEXT, "url": _TEXT}),
        },
        "hosts": {"type": "array", "items": _TEXT},
        "requires_core": _TEXT,
        "requires_plugins": {"type": "array", "items": _TEXT},
        "required_by": {"type": "array", "items": _TEXT},
        "config_schema": _OBJECT_OR_NONE,
        "secrets_schema": _OBJECT_OR_NONE,
    }
)
SETTINGS: Final = answer_schema(
    {
        "plugin": _TEXT,
        "revision": _NUMBER,
        "config": _OBJECT,
        "own": _OBJECT,
        "platform": _OBJECT,
        "schema": _OBJECT_OR_NONE,
    }
)
SECRET: Final = answer_schema(
    {
        "key": _TEXT,
        "title": _TEXT,
        "description": _TEXT,
        "required": _FLAG,
        "is_set": _FLAG,
        "fingerprint": _TEXT_OR_NONE,
        "set_by": _TEXT_OR_NONE,
        "set_at": _MOMENT_OR_NONE,
    }
)
SECRETS: Final = answer_schema({"data": {"type": "array", "items": SECRET}})
_DELIVERY: Final = {
    "id": _ID,
    "plugin": _TEXT,
    "hook": _TEXT,
    "state": {
        "type": "string",
        "enum": ["pending", "running", "done", "done_with_errors", "skipped", "dead"],
    },
    "state_reason": _TEXT,
    "event_id": _ID,
    "event_type": _TEXT,
    "collection": _TEXT,
    "record_id": {"type": ["string", "null"], "format": "uuid"},
    "record_version": {"type": ["integer", "null"]},
    "reason": _TEXT,
    "replay_of": {"type": ["string", "null"], "format": "uuid"},
    "attempt": _NUMBER,
    "error": _TEXT,
    "created_at": _MOMENT_OR_NONE,
    "next_attempt_at": _MOMENT_OR_NONE,
    "finished_at": _MOMENT_OR_NONE,
}
DELIVERY: Final = answer_schema(_DELIVERY)
_ATTEMPT: Final = answer_schema(
    {
        "id": _ID,
        "number": _NUMBER,
        "outcome": _TEXT,
        "worker": _TEXT,
        "error": _TEXT,
        "log": {"type": "array", "items": _OBJECT},
        "started_at": _MOMENT_OR_NONE,
        "finished_at": _MOMENT_OR_NONE,
        "duration_ms": {"type": ["number", "null"]},
    }
)
DELIVERY_DETAILS: Final = answer_schema({**_DELIVERY, "attempts": {"type": "array", "items": _ATTEMPT}})


def delivery_document(view: DeliveryView) -> dict[str, Any]:
    """Return a delivery as it stands in a list."""
    return {
        "id": str(view.id),
        "plugin": view.plugin,
        "hook": view.hook,
        "state": view.state,
        "state_reason": view.state_reason,
        "event_id": str(view.event_id),
        "event_type": view.event_type,
        "collection": view.collection_name,
        "record_id": str(view.record_id) if view.record_id is not None else None,
        "record_version": view.record_version,
        "reason": view.reason,
        "replay_of": str(view.replay_of) if view.replay_of is not None else None,
        "attempt": view.attempt,
        "error": view.error.partition("\n")[0],
        "created_at": timestamp(view.created_at),
        "next_attempt_at": timestamp(view.next_attempt_at),
        "finished_at": timestamp(view.finished_at),
    }


def delivery_details(view: DeliveryView) -> dict[str, Any]:
    """Return a delivery with all its attempts."""
    return {
        **delivery_document(view),
        "error": view.error,
        "attempts": [_attempt_document(attempt) for attempt in view.attempts],
    }


def _attempt_document(attempt: AttemptView) -> dict[str, Any]:
    return {
        "id": str(attempt.id),
        "number": attempt.number,
        "outcome": attempt.outcome,
        "worker": attempt.worker,
        "error": attempt.error,
        "log": attempt.log,
        "started_at": timestamp(attempt.started_at),
        "finished_at": timestamp(attempt.finished_at),
        "duration_ms": attempt.duration_ms,
    }
