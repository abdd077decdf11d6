"""What a tenant sets: the property, how far back and how fresh its figures are, and the key of a service account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from plugin_host.errors import PluginConfigError

# Search Console keeps 16 months.
MAX_DAYS: Final = 486
# More rows of one day are not to be had: "Getting all your data" in the API's guide.
MAX_ROWS_PER_DAY: Final = 50_000

# A domain property, or a URL prefix, which ends in a slash.
_PROPERTY_PATTERN: Final = r"^(sc-domain:[a-z0-9.-]+\.[a-z0-9-]+|https?://[^/?#\s]+/([^?#\s]*/)?)$"

CONFIG_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "property": {
            "type": "string",
            "title": "Property",
            "description": (
                "As it stands in Search Console: sc-domain:example.com for a domain, "
                "https://www.example.com/ (with the slash at the end) for an address."
            ),
            "pattern": _PROPERTY_PATTERN,
            "maxLength": 255,
        },
        "backfill_days": {
            "type": "integer",
            "title": "Days to look back",
            "description": "How many days are fetched at first. Search Console keeps 16 months.",
            "default": 90,
            "minimum": 1,
            "maximum": MAX_DAYS,
        },
        "data_state": {
            "type": "string",
            "title": "Figures",
            "description": (
                "final: days that Google has counted to the end, two to three days late. "
                "all: the newest days too; they are fetched again until they are final."
            ),
            "enum": ["final", "all"],
            "default": "final",
        },
        "query_rows_per_day": {
            "type": "integer",
            "title": "Search terms per day",
            "description": "How many pairs of page and term are kept of a day, those with most clicks; 0 for none.",
            "default": 5_000,
            "minimum": 0,
            "maximum": MAX_ROWS_PER_DAY,
        },
        "keep_days": {
            "type": "integer",
            "title": "Days to keep",
            "description": "Older figures are deleted here; Search Console keeps 16 months.",
            "default": MAX_DAYS,
            "minimum": 30,
            "maximum": 3650,
        },
        "hour": {
            "type": "integer",
            "title": "Hour",
            "description": "When the figures are fetched each day, in the time zone of this site.",
            "default": 6,
            "minimum": 0,
            "maximum": 23,
        },
    },
    "required": ["property"],
    "additionalProperties": False,
}

SECRETS_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "service_account_key": {
            "type": "string",
            "title": "Key of the service account",
            "description": "The whole JSON file that Google made for the key, with its braces.",
            "pattern": r"^\s*\{[\s\S]*\}\s*$",
        },
    },
    "required": ["service_account_key"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GSCConfig:
    """A tenant's configuration, read.

    Args:
        site: A domain property (`sc-domain:example.com`) or a URL prefix.
        backfill_days: How far back days are fetched.
        with_fresh: Whether days that are not final are fetched too.
        query_rows_per_day: How many rows by page and search term are kept of a day.
        keep_days: After how many days a day is deleted.
        hour: When the daily task runs.
    """

    site: str
    backfill_days: int
    with_fresh: bool
    query_rows_per_day: int
    keep_days: int
    hour: int

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> GSCConfig:
        """Return the configuration that `get_config` answered.

        Raises:
            PluginConfigError: There is no property in it.
        """
        name = config.get("property", "")
        if not re.match(_PROPERTY_PATTERN, name):
            raise PluginConfigError(
                "Name the property as it stands in Search Console: sc-domain:example.com, or "
                "https://www.example.com/ with the slash at the end."
            )
        return cls(
            site=name,
            backfill_days=config.get("backfill_days", 90),
            with_fresh=config.get("data_state", "final") == "all",
            query_rows_per_day=config.get("query_rows_per_day", 5_000),
            keep_days=config.get("keep_days", MAX_DAYS),
            hour=config.get("hour", 6),
        )

    @property
    def domain(self) -> str:
        """The host that the property is about, without port."""
        if self.site.startswith("sc-domain:"):
            return self.site.removeprefix("sc-domain:")
        return urlsplit(self.site).hostname or ""

    @property
    def wanted_days(self) -> int:
        """How many days are fetched; none that would be deleted at once."""
        return min(self.backfill_days, self.keep_days)
