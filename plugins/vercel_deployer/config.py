"""What a tenant sets of Vercel: how deployments are started; the rest is that of every deployer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from plugin_host.deployments import deployment_config_schema

CONFIG_SCHEMA: Final[Mapping[str, Any]] = deployment_config_schema(
    {
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
    },
)

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
    """

    method: str = "hook"
    project: str = ""
    team_id: str = ""
    target: str = "production"
    without_build_cache: bool = False

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Self:
        """Return what of a deployer's configuration is Vercel's own."""
        return cls(**{name: config[name] for name in cls.__dataclass_fields__ if name in config})
