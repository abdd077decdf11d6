"""Switches the demo's plugins on for the tenant in scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from cms_project.demo.tenants import DemoPlugin
from core.errors import TenantryError
from plugin_host.services import enable_plugin, save_config, save_secrets


def switch_on(plugins: Iterable[DemoPlugin], stdout: TextIO) -> None:
    """Configure and enable each; one that is not installed is left off and named, and the demo goes on without it."""
    for plugin in plugins:
        try:
            save_config(plugin.plugin_id, dict(plugin.config))
            if plugin.secrets:
                save_secrets(plugin.plugin_id, dict(plugin.secrets))
            enable_plugin(plugin.plugin_id)
        except TenantryError as error:
            stdout.write(f"The plugin {plugin.plugin_id} stays off: {error.message}\n")
