"""Plugins' routes in the OpenAPI document."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from rest_framework.generics import GenericAPIView
from rest_framework.viewsets import ViewSetMixin

from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.registry import loaded_plugins

BASE: Final = "/api/v1/plugins/"
_VARIABLE_AT_END: Final = re.compile(r"\{(\w+)\}/?$")


class PluginSchema(AutoSchema):
    """Describes views; those of plugins so that what two of them name alike stays apart."""

    def get_serializer_name(self, serializer: Any, direction: Literal["request", "response"]) -> str:
        """Return a component's name: that of a plugin's serializer begins with the plugin's."""
        name: str = super().get_serializer_name(serializer, direction)
        cls = serializer if isinstance(serializer, type) else type(serializer)
        if (plugin := _plugin_of(cls)) is None:
            return name
        return "".join(part.capitalize() for part in plugin.id.split("-")) + name

    def get_operation_id(self) -> str:
        """Return an operation's name: of a plugin's plain views, `things` and `things/{name}` have different ones."""
        name: str = super().get_operation_id()
        variable = _VARIABLE_AT_END.search(self.path)
        if variable is None or isinstance(self.view, ViewSetMixin) or _plugin_of(type(self.view)) is None:
            return name
        return f"{name}_by_{variable[1]}"

    def get_request_serializer(self) -> Any:
        """Return what describes the body; of a plugin's view that says nothing, any JSON."""
        return OpenApiTypes.OBJECT if self._says_nothing() else super().get_request_serializer()

    def get_response_serializers(self) -> Any:
        """Return what describes the answer; of a plugin's view that says nothing, any JSON."""
        return OpenApiTypes.OBJECT if self._says_nothing() else super().get_response_serializers()

    def _says_nothing(self) -> bool:
        view = self.view
        names = ("get_serializer", "get_serializer_class", "serializer_class")
        is_plain = not isinstance(view, GenericAPIView) and not any(hasattr(view, name) for name in names)
        return is_plain and _plugin_of(type(view)) is not None


def _plugin_of(cls: type) -> LoadedPlugin | None:
    package = cls.__module__.partition(".")[0]
    plugins = loaded_plugins().plugins.values()
    return next((plugin for plugin in plugins if plugin.module.partition(".")[0] == package), None)


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
