"""Earlier configurations of a plugin, and what differs between any two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.errors import NotFound
from plugin_host.config_changes import ConfigChange, config_changes
from plugin_host.models.settings import PlatformConfigRevision, PluginConfigRevision
from plugin_host.registry import loaded_plugins
from plugin_host.selectors.plugins import plugin_named


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRevision:
    """One configuration as it was saved.

    Args:
        number: The settings' revision that it made; changes of state and secrets have numbers of their own.
        config_version: The plugin's, when it was saved.
        changes: What differs from the configuration before it.
    """

    number: int
    config: Mapping[str, Any]
    config_version: int
    changed_by: str
    changed_at: datetime
    changes: tuple[ConfigChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigComparison:
    """Two configurations; `old` is None where the other is compared with having none."""

    old: ConfigRevision | None
    new: ConfigRevision
    changes: tuple[ConfigChange, ...]


def config_history(
    plugin_id: str, *, before: int | None = None, limit: int = 50, of_platform: bool = False
) -> list[ConfigRevision]:
    """Return the configurations that were saved for the tenant in scope, the newest first.

    Args:
        before: Only those with a smaller number.
        of_platform: Those of the platform instead; in platform scope only.

    Raises:
        NotFound: There is no such plugin.
    """
    rows = _rows(plugin_id, of_platform).order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    found = list(rows[: limit + 1])
    return [
        _revision(row, found[place + 1] if place + 1 < len(found) else None)
        for place, row in enumerate(found[:limit])
    ]


def config_revision(plugin_id: str, number: int, *, of_platform: bool = False) -> ConfigRevision:
    """Return one configuration of the tenant in scope, or of the platform, as it was saved.

    Raises:
        NotFound: There is no such plugin, or no configuration was saved under that number.
    """
    rows = _rows(plugin_id, of_platform).filter(number__lte=number)
    found = list(rows.order_by("-number")[:2])
    if not found or found[0].number != number:
        raise NotFound(
            f"Plugin {plugin_id} has no configuration of revision {number}: its history names those that there are.",
            code="revision_not_found",
        )
    return _revision(found[0], found[1] if len(found) > 1 else None)


def compare_configs(
    plugin_id: str, old: int | None, new: int, *, of_platform: bool = False
) -> ConfigComparison:
    """Return what differs between two configurations of the tenant in scope, or of the platform.

    Args:
        old: None compares with the one before `new`, 0 with having none.

    Raises:
        NotFound: There is no such plugin, or one of the two.
    """
    later = config_revision(plugin_id, new, of_platform=of_platform)
    if old is None:
        previous = config_history(plugin_id, before=new, limit=1, of_platform=of_platform)
        earlier = previous[0] if previous else None
    else:
        earlier = config_revision(plugin_id, old, of_platform=of_platform) if old else None
    return ConfigComparison(
        old=earlier,
        new=later,
        changes=config_changes(earlier.config if earlier is not None else {}, later.config),
    )


def _rows(plugin_id: str, of_platform: bool) -> Any:
    if of_platform:
        loaded_plugins().get(plugin_id)
        return PlatformConfigRevision.objects.filter(plugin_id=plugin_id)
    plugin_named(plugin_id)
    return PluginConfigRevision.objects.filter(plugin_id=plugin_id)


def _revision(
    row: PluginConfigRevision | PlatformConfigRevision,
    previous: PluginConfigRevision | PlatformConfigRevision | None,
) -> ConfigRevision:
    return ConfigRevision(
        number=row.number,
        config=row.config,
        config_version=row.config_version,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        changes=config_changes(previous.config if previous is not None else {}, row.config),
    )
