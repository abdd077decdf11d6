"""What a tenant sets: where messages go, which events are sent, and the key that signs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

EVENTS: Final = (
    "record.created",
    "record.updated",
    "record.deleted",
    "record.published",
    "record.unpublished",
)

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "urls": {
            "type": "array",
            "title": "Addresses",
            "description": "Every message is sent to each of them, as a signed POST request.",
            "items": {"type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 2000},
            "minItems": 1,
            "maxItems": 10,
            "uniqueItems": True,
        },
        "events": {
            "type": "array",
            "title": "Events",
            "description": "What is sent. Messages about drafts (created, updated) carry the draft's content.",
            "items": {"type": "string", "enum": list(EVENTS)},
            "uniqueItems": True,
            "default": list(EVENTS),
        },
    },
    "required": ["urls"],
    "additionalProperties": False,
}

SECRETS_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "signing_secret": {
            "type": "string",
            "title": "Signing secret",
            "description": (
                "whsec_ followed by 24 to 64 random bytes in base64; the receiver checks signatures with it. "
                "One is made by: echo whsec_$(openssl rand -base64 32)"
            ),
            # Groups of four characters, the last one padded: 24 bytes are 32 characters, 64 bytes are 88.
            "pattern": "^whsec_(?:[A-Za-z0-9+/]{4}){7,21}(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$",
        },
    },
    "required": ["signing_secret"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksConfig:
    """A tenant's configuration, read.

    Args:
        urls: Where each message goes.
        events: The event types that are sent.
    """

    urls: tuple[str, ...]
    events: frozenset[str]

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> WebhooksConfig:
        """Return the configuration that `get_config` answered."""
        return cls(urls=tuple(config.get("urls", ())), events=frozenset(config.get("events", EVENTS)))
