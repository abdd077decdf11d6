"""Plugins that are registered by hand and on for every tenant of the test's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from core.models import Collection
from core.services.collections import create_collection
from plugin_host.base import Plugin
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.state import forget_tenant_plugins
from tenants.models import Tenant

Install = Callable[[Plugin], Plugin]


@pytest.fixture
def no_plugins() -> Iterator[LoadedPlugins]:
    """A process without plugins."""
    with use_plugins(LoadedPlugins()) as loaded:
        yield loaded
    forget_tenant_plugins()


@pytest.fixture
def install(no_plugins: LoadedPlugins) -> Install:
    """Register an instance of a plugin and switch it on for tenants without a state of their own."""

    def register(plugin: Plugin) -> Plugin:
        PluginRegistry().register(plugin)
        no_plugins.switch_here(plugin.name, on=True)
        return plugin

    return register


@pytest.fixture
def posts(in_tenant: Tenant) -> Collection:
    """A collection without pages."""
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "minutes": {"type": "integer"}},
        "additionalProperties": False,
    }
    return create_collection(name="posts", schema=schema, has_pages=False)
