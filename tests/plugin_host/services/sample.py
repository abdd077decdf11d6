"""Plugins that tests of services register."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.state import forget_tenant_plugins


class Mailer(Plugin):
    """Needs an address and a secret before it can run."""

    name = "mailer"
    version = "1.2.0"
    CONFIG_SCHEMA = {
        "type": "object",
        "properties": {
            "sender": {"type": "string", "minLength": 3},
            "limit": {"type": "integer", "default": 10, "minimum": 1},
            "colour": {"type": "string"},
        },
        "required": ["sender"],
        "additionalProperties": False,
    }
    SECRETS_SCHEMA = {
        "type": "object",
        "properties": {"token": {"type": "string", "minLength": 4}, "spare": {"type": "string"}},
        "patternProperties": {"^mirror ": {"type": "string"}},
        "required": ["token"],
        "additionalProperties": False,
    }

    async def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        """Be told."""

    async def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        """Be told."""

    async def dvp_plugin_disabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
        """Be told."""


class Plain(Plugin):
    """Needs nothing."""

    name = "plain"
    version = "1.0.0"


@pytest.fixture
def plugins() -> Iterator[LoadedPlugins]:
    """A process with the plugins above and no others."""
    with use_plugins(LoadedPlugins()) as loaded:
        registry = PluginRegistry()
        registry.register(Mailer)
        registry.register(Plain)
        yield loaded
    forget_tenant_plugins()
