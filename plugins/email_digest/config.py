"""What a tenant sets: who gets the mail, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "recipients": {
            "type": "array",
            "title": "Recipients",
            "description": "Who gets the mail. None of them sees the others.",
            # Stricter than the format: one address and nothing else, so that nothing can be slipped into a header.
            "items": {
                "type": "string",
                "description": "One address, such as ann@example.org.",
                "format": "email",
                "pattern": '^[^\\s@,;:<>()"\\\\]+@[^\\s@,;:<>()"\\\\]+$',
                "maxLength": 254,
            },
            "minItems": 1,
            "maxItems": 50,
            "uniqueItems": True,
        },
        "hour": {
            "type": "integer",
            "title": "Hour",
            "description": "When it is sent, in the site's time zone.",
            "minimum": 0,
            "maximum": 23,
            "default": 7,
        },
        "days": {
            "type": "string",
            "title": "Days",
            "description": "On weekdays, Monday's mail has the weekend in it.",
            "enum": ["daily", "weekdays"],
            "default": "daily",
        },
        "send_empty": {
            "type": "boolean",
            "title": "Send it when nothing was published",
            "default": False,
        },
    },
    "required": ["recipients"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestConfig:
    """A tenant's configuration, read."""

    recipients: tuple[str, ...]
    cron: str
    send_empty: bool

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> DigestConfig:
        """Return the configuration that `get_config` answered."""
        days = "1-5" if config["days"] == "weekdays" else "*"
        return cls(
            recipients=tuple(config["recipients"]),
            cron=f"0 {config['hour']} * * {days}",
            send_empty=config["send_empty"],
        )
