"""What a tenant sets: endpoints, which events each of them gets, and the names of the secrets that sign for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from plugin_host.errors import PluginConfigError

CONFIG_VERSION: Final = 2
EVENTS: Final = (
    "record.created",
    "record.updated",
    "record.deleted",
    "record.published",
    "record.unpublished",
)
COMMON_SECRET: Final = "signing_secret"
SEND_TASK: Final = "webhooks.send"
_NAME: Final = "^[a-z][a-z0-9-]{0,39}$"

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "endpoints": {
            "type": "array",
            "title": "Endpoints",
            "description": "Who is told. Each gets its messages by itself: one that is slow or dead delays no other.",
            "items": {
                "type": "object",
                "title": "Endpoint",
                "properties": {
                    "name": {
                        "type": "string",
                        "title": "Name",
                        "description": "Small letters, digits and -. What waits and the log belong to the name.",
                        "pattern": _NAME,
                    },
                    "url": {
                        "type": "string",
                        "title": "Address",
                        "description": "Begins with https:// or http://. Gets each message as a signed POST request.",
                        "format": "uri",
                        "pattern": "^https?://",
                        "maxLength": 2000,
                    },
                    "events": {
                        "type": "array",
                        "title": "Events",
                        "description": "Messages about drafts (created, updated) carry the draft's content.",
                        "items": {"type": "string", "enum": list(EVENTS)},
                        "uniqueItems": True,
                        "default": list(EVENTS),
                    },
                    "collections": {
                        "type": "array",
                        "title": "Collections",
                        "description": "Only records of these; of all where none is named.",
                        "items": {"type": "string", "minLength": 1, "maxLength": 63},
                        "uniqueItems": True,
                        "maxItems": 100,
                        "default": [],
                    },
                    "secret": {
                        "type": "string",
                        "title": "Secret",
                        "description": "Name of the secret that signs; the common signing secret where it is empty.",
                        "pattern": f"^$|{_NAME}|^{COMMON_SECRET}$",
                        "default": "",
                        "x-names-secret": COMMON_SECRET,
                    },
                    "previous_secret": {
                        "type": "string",
                        "title": "Previous secret",
                        "description": "Name of the one that signs as well while receivers change over.",
                        "pattern": f"^$|{_NAME}|^{COMMON_SECRET}$",
                        "default": "",
                    },
                    "previous_until": {
                        "type": "string",
                        "title": "Previous secret until",
                        "description": "When the previous secret stops signing, such as 2026-12-31T12:00:00Z.",
                        "pattern": "^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
                        "default": "",
                    },
                },
                "required": ["name", "url"],
                "additionalProperties": False,
            },
            "minItems": 1,
            "maxItems": 20,
            "x-unique-by": "name",
        },
        "keep_days": {
            "type": "integer",
            "title": "Days to keep messages",
            "description": "How long messages can be sent again and the log can be read; what waits is kept longer.",
            "minimum": 1,
            "maximum": 365,
            "default": 30,
        },
    },
    "required": ["endpoints"],
    "additionalProperties": False,
}

_SECRET: Final[Mapping[str, Any]] = {
    "type": "string",
    "description": (
        "whsec_ followed by 24 to 64 random bytes in base64; the receiver checks signatures with it. "
        "One is made by: echo whsec_$(openssl rand -base64 32)"
    ),
    # Groups of four characters, the last one padded: 24 bytes are 32 characters, 64 bytes are 88.
    "pattern": "^whsec_(?:[A-Za-z0-9+/]{4}){7,21}(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$",
}
SECRETS_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {COMMON_SECRET: {**_SECRET, "title": "Signing secret"}},
    "patternProperties": {_NAME: {**_SECRET, "title": "Secret of an endpoint"}},
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One receiver.

    Args:
        events: The event types that it gets.
        collections: Only records of these; of all where it is empty.
        secret: Name of the secret that signs.
        previous_secret: Name of the one that signs as well until `previous_until`; "" where there is none.
    """

    name: str
    url: str
    events: frozenset[str]
    collections: frozenset[str]
    secret: str
    previous_secret: str
    previous_until: datetime | None

    def wants(self, event_type: str, collection: str) -> bool:
        """Say whether it gets such an event."""
        return event_type in self.events and (not self.collections or collection in self.collections)

    def secret_names(self, now: datetime) -> tuple[str, ...]:
        """Return the names of the secrets that sign at a time, the present one first."""
        if self.previous_secret and self.previous_until is not None and now < self.previous_until:
            return self.secret, self.previous_secret
        return (self.secret,)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksConfig:
    """A tenant's configuration, read."""

    endpoints: tuple[Endpoint, ...]
    keep_days: int

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> WebhooksConfig:
        """Return the configuration that `get_config` answered.

        Raises:
            PluginConfigError: A time is none.
        """
        endpoints = tuple(_endpoint(one) for one in config.get("endpoints", ()))
        return cls(endpoints=endpoints, keep_days=config.get("keep_days", 30))

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the endpoint of that name, or None."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)


def migrated(old_version: int, config: Mapping[str, Any]) -> dict[str, Any]:
    """Bring configuration of version 1 (addresses that share events and secret) into today's shape."""
    if old_version >= CONFIG_VERSION or "urls" not in config:
        return dict(config)
    shared = {"events": config["events"]} if "events" in config else {}
    endpoints = [
        {"name": f"endpoint-{number}", "url": url, **shared}
        for number, url in enumerate(config["urls"], start=1)
    ]
    return {"endpoints": endpoints}


def _endpoint(given: Mapping[str, Any]) -> Endpoint:
    until = given.get("previous_until", "")
    try:
        previous_until = datetime.fromisoformat(until) if until else None
    except ValueError as error:
        raise PluginConfigError(
            f"Endpoint {given['name']}: {until!r} is no time; write it like 2026-12-31T12:00:00Z."
        ) from error
    return Endpoint(
        name=given["name"],
        url=given["url"],
        events=frozenset(given.get("events", EVENTS)),
        collections=frozenset(given.get("collections", ())),
        secret=given.get("secret") or COMMON_SECRET,
        previous_secret=given.get("previous_secret", ""),
        previous_until=previous_until,
    )
