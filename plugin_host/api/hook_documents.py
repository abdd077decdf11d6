"""Hooks and their handlers as documents, for the API and the command line."""

from __future__ import annotations

from typing import Any, Final

from core.api.documents import answer_schema
from plugin_host.hookspec import HookKind
from plugin_host.selectors.hooks import ListedHandler, ListedHook

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_SECONDS: Final = {"type": "number"}
_HANDLER: Final = answer_schema(
    {
        "place": _NUMBER,
        "plugin": _TEXT,
        "handler": _TEXT,
        "is_async": {"type": "boolean"},
        "priority": _NUMBER,
        "load_order": _NUMBER,
        "time_limit_seconds": _SECONDS,
        "collection": {"type": ["string", "null"]},
        "waits": _TEXT,
    }
)
HOOK_LIST: Final = answer_schema(
    {
        "data": {
            "type": "array",
            "items": answer_schema(
                {
                    "hook": _TEXT,
                    "protocol": _TEXT,
                    "kind": {"type": "string", "enum": [kind.value for kind in HookKind]},
                    "time_limit_seconds": _SECONDS,
                    "arguments": {"type": "array", "items": _TEXT},
                    "summary": _TEXT,
                    "handlers": {"type": "array", "items": _HANDLER},
                }
            ),
        }
    }
)


def hook_document(hook: ListedHook) -> dict[str, Any]:
    """Return a hook with its handlers, in their order."""
    return {
        "hook": hook.name,
        "protocol": hook.protocol,
        "kind": str(hook.kind),
        "time_limit_seconds": hook.time_limit_seconds,
        "arguments": list(hook.arguments),
        "summary": hook.summary,
        "handlers": [_handler_document(handler) for handler in hook.handlers],
    }


def _handler_document(handler: ListedHandler) -> dict[str, Any]:
    return {
        "place": handler.place,
        "plugin": handler.plugin_id,
        "handler": handler.key,
        "is_async": handler.is_async,
        "priority": handler.priority,
        "load_order": handler.load_order,
        "time_limit_seconds": handler.time_limit_seconds,
        "collection": handler.collection,
        "waits": handler.waits,
    }
