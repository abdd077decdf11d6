"""Plugins' routes in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from plugin_host.registry import loaded_plugins

BASE: Final = "/api/v1/plugins/"


def tag_plugin_routes(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Group each plugin's routes by the tags that it gave, or by its name; a hook of the document's generator."""
    owners = [
        (f"{BASE}{registration.prefix}", [*registration.tags] or [plugin.metadata.name])
        for plugin in loaded_plugins().plugins.values()
        for registration in plugin.registrations.routers
    ]
    for path, item in result["paths"].items():
        for start, tags in owners:
            if path == start or path.startswith(f"{start}/"):
                for operation in item.values():
                    operation["tags"] = tags
    return result
