"""What a tenant sets: how builds are started, which changes start one, and how long changes are gathered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

EVENTS: Final = ("record.published", "record.unpublished", "record.deleted")

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "method": {
            "type": "string",
            "title": "Start builds by",
            "description": "hook: a build hook. api: the access token and the site.",
            "enum": ["hook", "api"],
            "default": "hook",
        },
        "site": {
            "type": "string",
            "title": "Site",
            "description": (
                "Project id, or its address name.netlify.app. Needed for api; with a hook, deploys are followed "
                "where it and the access token are set."
            ),
            "pattern": "^[A-Za-z0-9.-]*$",
            "maxLength": 253,
            "default": "",
        },
        "branch": {
            "type": "string",
            "title": "Branch",
            "description": "Which one is built; empty for the hook's own, or the site's production branch.",
            "pattern": "^[A-Za-z0-9._/-]*$",
            "maxLength": 200,
            "default": "",
        },
        "clear_cache": {
            "type": "boolean",
            "title": "Build without cache",
            "description": "Slower; for sites whose build cache keeps old content.",
            "default": False,
        },
        "events": {
            "type": "array",
            "title": "Changes",
            "description": "Which of them start a build.",
            "items": {"type": "string", "enum": list(EVENTS)},
            "uniqueItems": True,
            "default": list(EVENTS),
        },
        "collections": {
            "type": "array",
            "title": "Collections",
            "description": "Only changes in these start a build; none named means all.",
            "items": {"type": "string", "minLength": 1, "maxLength": 100},
            "uniqueItems": True,
            "maxItems": 50,
            "default": [],
        },
        "quiet_seconds": {
            "type": "integer",
            "title": "Quiet time in seconds",
            "description": "A build starts when nothing has changed for so long.",
            "minimum": 0,
            "maximum": 3600,
            "default": 30,
        },
        "longest_wait_seconds": {
            "type": "integer",
            "title": "Longest wait in seconds",
            "description": "It starts so long after the first change at the latest, however many follow.",
            "minimum": 0,
            "maximum": 86400,
            "default": 300,
        },
        "keep_days": {
            "type": "integer",
            "title": "Days to keep the history",
            "minimum": 1,
            "maximum": 3650,
            "default": 90,
        },
    },
    "additionalProperties": False,
}

SECRETS_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "build_hook": {
            "type": "string",
            "title": "Build hook",
            "description": (
                "Its whole address: https://api.netlify.com/build_hooks/… Whoever knows it can build. "
                "Needed for the method hook."
            ),
            "pattern": "^https://api\\.netlify\\.com/build_hooks/[A-Za-z0-9]+(\\?.*)?$",
            "maxLength": 200,
        },
        "token": {
            "type": "string",
            "title": "Personal access token",
            "description": "Needed for the method api, and for following deploys to their end.",
            "pattern": "^[A-Za-z0-9._-]{8,}$",
            "maxLength": 200,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetlifyConfig:
    """A tenant's configuration, read.

    Args:
        method: `hook` or `api`.
        events: Types of events that start a build.
        collections: Only these; all where it is empty.
    """

    method: str = "hook"
    site: str = ""
    branch: str = ""
    clear_cache: bool = False
    events: tuple[str, ...] = EVENTS
    collections: tuple[str, ...] = ()
    quiet_seconds: int = 30
    longest_wait_seconds: int = 300
    keep_days: int = 90

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> NetlifyConfig:
        """Return the configuration that `get_config` answered."""
        known = {name: config[name] for name in cls.__dataclass_fields__ if name in config}
        for name in ("events", "collections"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)

    def wants(self, event: str, collection: str) -> bool:
        """Say whether such a change starts a build."""
        return event in self.events and (not self.collections or collection in self.collections)
