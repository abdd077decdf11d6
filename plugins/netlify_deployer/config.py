"""What a tenant sets of Netlify: how builds are started; the rest is that of every deployer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from plugin_host.deployments import deployment_config_schema

CONFIG_SCHEMA: Final[Mapping[str, Any]] = deployment_config_schema(
    {
        "method": {
            "type": "string",
            "title": "Start builds by",
            "description": "hook: a build hook. api: the access token and the site.",
            "enum": ["hook", "api"],
            "default": "hook",
        },
        "site": {
            "type": "string",
            "title": "Site",
            "description": (
                "Project id, or its address name.netlify.app. Needed for api; with a hook, deploys are followed "
                "where it and the access token are set."
            ),
            "pattern": "^[A-Za-z0-9.-]*$",
            "maxLength": 253,
            "default": "",
        },
        "branch": {
            "type": "string",
            "title": "Branch",
            "description": "Which one is built; empty for the hook's own, or the site's production branch.",
            "pattern": "^[A-Za-z0-9._/-]*$",
            "maxLength": 200,
            "default": "",
        },
        "clear_cache": {
            "type": "boolean",
            "title": "Build without cache",
            "description": "Slower; for sites whose build cache keeps old content.",
            "default": False,
        },
    },
    starts="a build",
)

SECRETS_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "build_hook": {
            "type": "string",
            "title": "Build hook",
            "description": (
                "Its whole address: https://api.netlify.com/build_hooks/… Whoever knows it can build. "
                "Needed for the method hook."
            ),
            "pattern": "^https://api\\.netlify\\.com/build_hooks/[A-Za-z0-9]+(\\?.*)?$",
            "maxLength": 200,
        },
        "token": {
            "type": "string",
            "title": "Personal access token",
            "description": "Needed for the method api, and for following deploys to their end.",
            "pattern": "^[A-Za-z0-9._-]{8,}$",
            "maxLength": 200,
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetlifyConfig:
    """A tenant's configuration, read.

    Args:
        method: `hook` or `api`.
    """

    method: str = "hook"
    site: str = ""
    branch: str = ""
    clear_cache: bool = False

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Self:
        """Return what of a deployer's configuration is Netlify's own."""
        return cls(**{name: config[name] for name in cls.__dataclass_fields__ if name in config})
