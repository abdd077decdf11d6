"""The plugin: a filter that writes `reading_minutes` into each record before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.hookspec import ContentLifecycleHooks

FIELD = "reading_minutes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTimeConfig:
    """A tenant's configuration, read.

    Args:
        collections: Names of the collections whose schema has the field.
    """

    words_per_minute: int
    collections: frozenset[str]

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> ReadingTimeConfig:
        """Return the configuration that `get_config` answered."""
        return cls(
            words_per_minute=config["words_per_minute"],
            collections=frozenset(config["collections"]),
        )


class ReadingTime(Plugin, ContentLifecycleHooks):
    """Keeps `reading_minutes` in step with the text, whoever writes it: admin, API, import or another plugin."""

    name = "reading-time"
    version = "1.0.0"
    author = "Tenantry"
    description = "Says how long an article takes to read."
    requires_core = ">=1.0,<2"

    CONFIG_SCHEMA = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "words_per_minute": {
                "type": "integer",
                "title": "Words per minute",
                "description": "How fast your readers read; 200 is usual for English.",
                "default": 200,
                "minimum": 50,
                "maximum": 1000,
            },
            "collections": {
                "type": "array",
                "title": "Collections",
                "description": f"Collections whose schema has the integer field {FIELD}.",
                "items": {"type": "string"},
                "uniqueItems": True,
                "default": ["articles"],
            },
        },
        "additionalProperties": False,
    }

    def dvp_before_content_create(
        self, ctx: HookContext, content: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write the field into a record that is about to be made."""
        return self._with_reading_minutes(ctx, content)

    def dvp_before_content_update(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Write the field into a record that is about to change."""
        return self._with_reading_minutes(ctx, content)

    def _with_reading_minutes(self, ctx: HookContext, content: dict[str, Any]) -> dict[str, Any]:
        config = ReadingTimeConfig.from_dict(self.get_config(ctx.tenant_id))
        if content["collection"] in config.collections:
            content["data"][FIELD] = max(1, ceil(content["word_count"] / config.words_per_minute))
        return content
