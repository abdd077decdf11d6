"""What a tenant sets: the site, what is fetched of it, and what that may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from plugin_host.errors import PluginConfigError


class Feature(StrEnum):
    """What can be fetched, in the order in which it is."""

    KEYWORDS = "keywords"
    BACKLINKS = "backlinks"
    RANKINGS = "rankings"


MAX_ROWS: Final = 10_000

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "target": {
            "type": "string",
            "title": "Domain",
            "description": "The site as Ahrefs knows it: example.com. No https:// and no path.",
            "pattern": r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$",
            "maxLength": 253,
        },
        "features": {
            "type": "array",
            "title": "What to fetch",
            "description": (
                "keywords: search terms that the site is found by. backlinks: links from other sites. "
                "rankings: the keywords of a Rank Tracker project."
            ),
            "items": {"type": "string", "enum": [feature.value for feature in Feature]},
            "minItems": 1,
            "uniqueItems": True,
            "default": ["keywords", "backlinks"],
        },
        "units_per_month": {
            "type": "integer",
            "title": "API units per month",
            "description": (
                "What may be spent here until Ahrefs counts from zero again. "
                "Nothing is asked for that could go over it."
            ),
            "default": 20_000,
            "minimum": 50,
            "maximum": 1_000_000_000,
        },
        "every_days": {
            "type": "integer",
            "title": "Days between two fetches",
            "description": "How old keywords and backlinks may get; rankings cost nothing and are fetched each day.",
            "default": 7,
            "minimum": 1,
            "maximum": 90,
        },
        "rows": {
            "type": "integer",
            "title": "Rows",
            "description": "How many keywords, and how many backlinks, are fetched at most, the strongest first.",
            "default": 100,
            "minimum": 1,
            "maximum": MAX_ROWS,
        },
        "country": {
            "type": "string",
            "title": "Country",
            "description": "Whose search results the keywords are about: two letters, such as us, gb, at.",
            "pattern": "^[a-z]{2}$",
            "default": "us",
        },
        "mode": {
            "type": "string",
            "title": "Scope",
            "description": "domain: the domain alone. subdomains: everything below it too.",
            "enum": ["subdomains", "domain"],
            "default": "subdomains",
        },
        "project_id": {
            "type": "integer",
            "title": "Rank Tracker project",
            "description": "The number in the address of the project in Ahrefs; needed for rankings, 0 for none.",
            "default": 0,
            "minimum": 0,
        },
        "device": {
            "type": "string",
            "title": "Device",
            "description": "For rankings.",
            "enum": ["desktop", "mobile"],
            "default": "desktop",
        },
        "keep_days": {
            "type": "integer",
            "title": "Days to keep",
            "description": "Older figures are deleted.",
            "default": 400,
            "minimum": 30,
            "maximum": 3650,
        },
        "hour": {
            "type": "integer",
            "title": "Hour",
            "description": "When the figures are fetched, in the time zone of this site.",
            "default": 5,
            "minimum": 0,
            "maximum": 23,
        },
    },
    "required": ["target"],
    "additionalProperties": False,
}

SECRETS_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "api_key": {
            "type": "string",
            "title": "API key",
            "description": "Made in Ahrefs under Account settings, API keys; it is good for a year.",
            # Goes into a header as it is.
            "pattern": r"^[\x21-\x7e]{16,200}$",
        },
    },
    "required": ["api_key"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AhrefsConfig:
    """A tenant's configuration, read.

    Args:
        features: In the order in which they are fetched.
        units_per_month: What may be spent in a billing period of Ahrefs.
        project_id: Of the Rank Tracker; 0 for none.
    """

    target: str
    features: tuple[Feature, ...]
    units_per_month: int
    every_days: int
    rows: int
    country: str
    mode: str
    project_id: int
    device: str
    keep_days: int

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> AhrefsConfig:
        """Return the configuration that `get_config` answered.

        Raises:
            PluginConfigError: There is no domain, or rankings are wanted without a project.
        """
        target = str(config.get("target", "")).casefold()
        if not target:
            raise PluginConfigError("Name the domain as Ahrefs knows it: example.com.")
        wanted = config.get("features", ["keywords", "backlinks"])
        found = cls(
            target=target,
            features=tuple(feature for feature in Feature if feature.value in wanted),
            units_per_month=config.get("units_per_month", 20_000),
            every_days=config.get("every_days", 7),
            rows=config.get("rows", 100),
            country=config.get("country", "us"),
            mode=config.get("mode", "subdomains"),
            project_id=config.get("project_id", 0),
            device=config.get("device", "desktop"),
            keep_days=config.get("keep_days", 400),
        )
        if Feature.RANKINGS in found.features and not found.project_id:
            raise PluginConfigError(
                "Rankings need the number of a Rank Tracker project: it stands in the project's address in Ahrefs."
            )
        return found
