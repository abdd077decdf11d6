"""`ctx.get_setting` inside `register`: the platform's value, or the default while there is no table to ask."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import OperationalError, ProgrammingError, connection

from plugin_host.context import SettingsReader
from plugin_host.metadata import PluginMetadata


def platform_reader(metadata: PluginMetadata) -> SettingsReader:
    """Return the reader for one plugin; its row is read at the first question."""
    known: list[dict[str, Any]] = []

    def read_setting(key: str, default: Any) -> Any:
        if not known:
            known.append(_off_the_loop(metadata))
        return known[0].get(key, default)

    return read_setting


def _off_the_loop(metadata: PluginMetadata) -> dict[str, Any]:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return read_platform_config(metadata)
    # Django refuses to wait for the database on an event loop's thread.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_and_close, metadata).result()


def _and_close(metadata: PluginMetadata) -> dict[str, Any]:
    try:
        return read_platform_config(metadata)
    finally:
        connection.close()


def read_platform_config(metadata: PluginMetadata) -> dict[str, Any]:
    """Return the platform's configuration of a plugin in today's shape, references resolved; {} without one."""
    # Imported here: a start that asks for nothing reads no models' modules before its time.
    from plugin_host.models.settings import PlatformPluginSettings
    from plugin_host.state import migrated_layer, resolved

    try:
        row = PlatformPluginSettings.objects.filter(pk=metadata.id).first()
    except (ProgrammingError, OperationalError):
        if connection.in_atomic_block:
            raise
        return {}  # no tables yet, or no server: a new installation is being made
    if row is None:
        return {}
    return migrated_layer(metadata, resolved(row.config), row.config_version)[0]
