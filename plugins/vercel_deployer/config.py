"""What a tenant sets: how deployments are started, which changes start one, and how long changes are gathered."""

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
            "title": "Start deployments by",
            "description": (
                "hook: the deploy hook, which builds the newest commit of its branch. "
                "api: the access token, which repeats the project's last deployment with the newest commit."
            ),
            "enum": ["hook", "api"],
            "default": "hook",
        },
        "project": {
            "type": "string",
            "title": "Project",
            "description": "Name or id (prj_…). Needed for api; with a hook the project is known from its address.",
            "pattern": "^[A-Za-z0-9._-]*$",
            "maxLength": 100,
            "default": "",
        },
        "team_id": {
            "type": "string",
            "title": "Team id",
            "description": "team_… from the team's settings; empty where the project belongs to a person.",
            "pattern": "^(team_[A-Za-z0-9]+)?$",
            "maxLength": 100,
            "default": "",
        },
        "target": {
            "type": "string",
            "title": "Environment",
            "description": "Where api deploys to. A hook deploys to where its branch belongs.",
            "enum": ["production", "preview"],
            "default": "production",
        },
        "without_build_cache": {
            "type": "boolean",
            "title": "Build without cache",
            "description": "Slower; for sites whose build cache keeps old content. With a hook only.",
            "default": False,
        },
        "events": {
            "type": "array",
            "title": "Changes",
            "description": "Which of them start a deployment.",
            "items": {"type": "string", "enum": list(EVENTS)},
            "uniqueItems": True,
            "default": list(EVENTS),
        },
        "collections": {
            "type": "array",
            "title": "Collections",
            "description": "Only changes in these start a deployment; none named means all.",
            "items": {"type": "string", "minLength": 1, "maxLength": 100},
            "uniqueItems": True,
            "maxItems": 50,
            "default": [],
        },
        "quiet_seconds": {
            "type": "integer",
            "title": "Quiet time in seconds",
            "description": "A deployment starts when nothing has changed for so long.",
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
        "deploy_hook": {
            "type": "string",
            "title": "Deploy hook",
            "description": (
                "Its whole address: https://api.vercel.com/v1/integrations/deploy/… Whoever knows it can deploy. "
                "Needed for the method hook."
            ),
            "pattern": "^https://api\\.vercel\\.com/v1/integrations/deploy/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+(\\?.*)?$",
            "maxLength": 200,
        },
        "token": {
            "type": "string",
            "title": "Access token",
            "description": (
                "Needed for the method api. With a hook it is optional: with it deployments are followed to their end."
            ),
            "pattern": "^[A-Za-z0-9._-]{8,}$",
            "maxLength": 200,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VercelConfig:
    """A tenant's configuration, read.

    Args:
        method: `hook` or `api`.
        events: Types of events that start a deployment.
        collections: Only these; all where it is empty.
    """

    method: str = "hook"
    project: str = ""
    team_id: str = ""
    target: str = "production"
    without_build_cache: bool = False
    events: tuple[str, ...] = EVENTS
    collections: tuple[str, ...] = ()
    quiet_seconds: int = 30
    longest_wait_seconds: int = 300
    keep_days: int = 90

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> VercelConfig:
        """Return the configuration that `get_config` answered."""
        known = {name: config[name] for name in cls.__dataclass_fields__ if name in config}
        for name in ("events", "collections"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)

    def wants(self, event: str, collection: str) -> bool:
        """Say whether such a change starts a deployment."""
        return event in self.events and (not self.collections or collection in self.collections)
