"""What a tenant sets of every deployer: which changes start a deployment, and how long changes are gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

EVENTS: Final = ("record.published", "record.unpublished", "record.deleted")
# What people read in the descriptions where the service speaks of builds instead.
_START: Final = "a deployment"


def deployment_config_schema(
    own: Mapping[str, Any], *, starts: str = _START, required: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the `CONFIG_SCHEMA` of a deployer: its own properties, and after them those that every one has.

    Args:
        own: Property -> JSON Schema.
        starts: What changes start, in the service's own words: `a build`.
        required: Names of own properties without which it cannot be switched on.
    """
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {**deepcopy(dict(own)), **_rule_properties(starts)},
        **({"required": [*required]} if required else {}),
        "additionalProperties": False,
    }


def _rule_properties(starts: str) -> dict[str, Any]:
    return {
        "events": {
            "type": "array",
            "title": "Changes",
            "description": f"Which of them start {starts}.",
            "items": {"type": "string", "enum": list(EVENTS)},
            "uniqueItems": True,
            "default": list(EVENTS),
        },
        "collections": {
            "type": "array",
            "title": "Collections",
            "description": f"Only changes in these start {starts}; none named means all.",
            "items": {"type": "string", "minLength": 1, "maxLength": 100},
            "uniqueItems": True,
            "maxItems": 50,
            "default": [],
        },
        "quiet_seconds": {
            "type": "integer",
            "title": "Quiet time in seconds",
            "description": f"{starts.capitalize()} starts when nothing has changed for so long.",
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
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRules:
    """The part of a deployer's configuration that every one has, read.

    Args:
        events: Types of events that start a deployment.
        collections: Only these; all where it is empty.
    """

    events: tuple[str, ...] = EVENTS
    collections: tuple[str, ...] = ()
    quiet_seconds: int = 30
    longest_wait_seconds: int = 300
    keep_days: int = 90

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> DeploymentRules:
        """Return the rules in the configuration that `get_config` answered."""
        known = {name: config[name] for name in cls.__dataclass_fields__ if name in config}
        for name in ("events", "collections"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)

    @property
    def first_look_seconds(self) -> int:
        """How long after a change there may be something to start."""
        return min(self.quiet_seconds, self.longest_wait_seconds)

    def wants(self, event: str, collection: str) -> bool:
        """Say whether such a change starts a deployment."""
        return event in self.events and (not self.collections or collection in self.collections)
