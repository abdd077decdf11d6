"""What a tenant sets: how often and how strictly its domains are looked at, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

HEADERS: Final = (
    "Strict-Transport-Security",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "X-Frame-Options",
)

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "interval_seconds": {
            "type": "integer",
            "title": "Seconds between two looks",
            "description": "How often each domain is looked at.",
            "default": 300,
            "minimum": 60,
            "maximum": 86_400,
        },
        "confirmations": {
            "type": "integer",
            "title": "Confirmations",
            "description": "How many looks in a row must agree before a change counts and is told. 1: each one.",
            "default": 2,
            "minimum": 1,
            "maximum": 10,
        },
        "path": {
            "type": "string",
            "title": "Path",
            "description": "The page that is asked for on each domain.",
            "default": "/",
            "pattern": "^/[!-~]*$",
            "maxLength": 500,
        },
        "slow_ms": {
            "type": "integer",
            "title": "Slow from (milliseconds)",
            "description": "From which time on an answer, redirects included, counts as slow.",
            "default": 3000,
            "minimum": 50,
            "maximum": 8000,
        },
        "max_redirects": {
            "type": "integer",
            "title": "Redirects",
            "description": "How many redirects one after another are accepted.",
            "default": 5,
            "minimum": 0,
            "maximum": 20,
        },
        "certificate_warning_days": {
            "type": "integer",
            "title": "Certificate: warning (days)",
            "description": "From how many days before its end on a certificate makes its domain degraded.",
            "default": 21,
            "minimum": 1,
            "maximum": 365,
        },
        "certificate_critical_days": {
            "type": "integer",
            "title": "Certificate: critical (days)",
            "description": "From how many days before its end on a certificate makes its domain unhealthy.",
            "default": 7,
            "minimum": 0,
            "maximum": 365,
        },
        "security_headers": {
            "type": "array",
            "title": "Security headers",
            "description": "Which headers a page should send.",
            "items": {"type": "string", "enum": list(HEADERS)},
            "uniqueItems": True,
            "default": list(HEADERS),
        },
        "missing_headers": {
            "type": "string",
            "title": "Missing security headers",
            "description": "info: they are named, the domain stays healthy. warning: the domain is degraded.",
            "enum": ["info", "warning"],
            "default": "info",
        },
        "notify_emails": {
            "type": "array",
            "title": "Mail to",
            "description": "Who gets a mail when the state of a domain changes.",
            "items": {"type": "string", "format": "email", "maxLength": 254},
            "maxItems": 10,
            "uniqueItems": True,
            "default": [],
        },
        "announce": {
            "type": "boolean",
            "title": "Tell other plugins",
            "description": "Sends domain-health.changed over the bus when the state of a domain changes.",
            "default": False,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorConfig:
    """A tenant's configuration, read."""

    interval_seconds: int
    confirmations: int
    path: str
    slow_ms: int
    max_redirects: int
    certificate_warning_days: int
    certificate_critical_days: int
    security_headers: tuple[str, ...]
    headers_warn: bool
    notify_emails: tuple[str, ...]
    announce: bool

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> MonitorConfig:
        """Return the configuration that `get_config` answered, with defaults for what it leaves out."""
        defaults = {name: field["default"] for name, field in CONFIG_SCHEMA["properties"].items()}
        given = {**defaults, **config}
        return cls(
            interval_seconds=given["interval_seconds"],
            confirmations=given["confirmations"],
            path=given["path"],
            slow_ms=given["slow_ms"],
            max_redirects=given["max_redirects"],
            certificate_warning_days=given["certificate_warning_days"],
            certificate_critical_days=given["certificate_critical_days"],
            security_headers=tuple(given["security_headers"]),
            headers_warn=given["missing_headers"] == "warning",
            notify_emails=tuple(given["notify_emails"]),
            announce=given["announce"],
        )

    @property
    def problems(self) -> list[str]:
        """What does not go together, though each value fits the schema."""
        if self.certificate_critical_days > self.certificate_warning_days:
            return [
                "The certificate's critical days are more than its warning days: "
                "make them fewer, or there is never a warning."
            ]
        return []
