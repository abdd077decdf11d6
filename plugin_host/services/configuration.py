"""A tenant's configuration of a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.errors import FieldError, Invalid, NotFound, Stale
from core.json_equality import same_json
from core.json_schema import pointer_to
from plugin_host.identifiers import did_you_mean
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.settings import (
    PlatformConfigRevision,
    PlatformPluginSettings,
    PluginConfigRevision,
    PluginSettings,
)
from plugin_host.registry import loaded_plugins
from plugin_host.schemas import config_errors
from plugin_host.services.changing import (
    PluginChange,
    changing_plugin,
    probe_soon,
    require_named_secrets,
)
from plugin_host.state import migrated_config, resolved_platform_config


def save_config(
    plugin_id: str,
    config: Mapping[str, Any],
    *,
    merge: bool = False,
    expected_revision: int | None = None,
    now: datetime | None = None,
) -> PluginSettings:
    """Store the tenant's configuration of a plugin, whether it is on or off.

    Args:
        config: The tenant's own layer; what is not in it follows the platform's, then the schema's defaults.
        merge: Change the given keys only; None as a value takes a key away. Source: RFC 7396, first level.
        expected_revision: The revision that the change was made for; None does not care.

    Raises:
        NotFound: There is no such plugin, or it could not be loaded.
        Invalid: It does not fit the plugin's schema, or the plugin is on and it names secrets that are not set:
            pointers `/config/…`.
        Stale: Somebody else changed it first.
    """
    with changing_plugin(plugin_id, now=now) as change:
        plugin = loaded_plugins().get(plugin_id)
        row = change.row
        _require_revision(row, expected_revision)
        before, _ = migrated_config(plugin, dict(row.config), row.config_version)
        new = merged_config(before, config) if merge else dict(config)
        check_config(plugin, new, refuse_references=True)
        _store(change, plugin, before, new)
        return row


def restore_config(
    plugin_id: str, number: int, *, expected_revision: int | None = None, now: datetime | None = None
) -> PluginSettings:
    """Store an earlier configuration again, brought into today's shape.

    Args:
        expected_revision: The revision that is to be replaced; None does not care.

    Raises:
        NotFound: There is no such plugin, it could not be loaded, or no configuration was saved under that number.
        Invalid: It does not fit the plugin's schema any more: pointers `/config/…`.
        Stale: Somebody else changed it first.
    """
    with changing_plugin(plugin_id, now=now) as change:
        plugin = loaded_plugins().get(plugin_id)
        _require_revision(change.row, expected_revision)
        old = PluginConfigRevision.objects.filter(plugin_id=plugin_id, number=number).first()
        if old is None:
            raise NotFound(
                f"Plugin {plugin_id} has no configuration of revision {number}: "
                "its history names those that there are.",
                code="revision_not_found",
            )
        new = in_todays_shape(plugin, old)
        check_config(plugin, new, refuse_references=True)
        before, _ = migrated_config(plugin, dict(change.row.config), change.row.config_version)
        _store(change, plugin, before, new, detail={"restored": number})
        return change.row


def in_todays_shape(
    plugin: LoadedPlugin, old: PluginConfigRevision | PlatformConfigRevision
) -> dict[str, Any]:
    """Return an earlier configuration in the shape that the plugin has now.

    Raises:
        Invalid: The plugin cannot bring it there.
    """
    new, errors = migrated_config(plugin, dict(old.config), old.config_version)
    if errors:
        raise Invalid(errors[0].message, errors=errors)
    return new


def merged_config(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layer with some keys changed and those taken away that are None."""
    merged = {**before, **patch}
    return {key: value for key, value in merged.items() if not (key in patch and value is None)}


def check_config(
    plugin: LoadedPlugin,
    config: Mapping[str, Any],
    *,
    below: Mapping[str, Any] | None = None,
    refuse_references: bool = False,
) -> None:
    """Pass a tenant's layer that, above the platform's, fits the plugin's schema.

    Args:
        below: The platform's layer, references resolved; the stored one where not given.
        refuse_references: Whether `{"$env": …}` is refused: the environment is the operator's.

    Raises:
        Invalid: with a pointer per fault.
    """
    errors = unknown_keys(plugin, config)
    if refuse_references:
        errors += [
            FieldError(
                pointer=f"/config{pointer_to([key])}",
                message="Only the platform's configuration may refer to the environment: write the value.",
                code="reference",
            )
            for key, value in config.items()
            if isinstance(value, Mapping) and "$env" in value
        ]
    errors += unstorable_values(config)
    if below is None:
        platform = PlatformPluginSettings.objects.filter(pk=plugin.id).first()
        below, _ = resolved_platform_config(plugin, platform)
    known = {error.pointer for error in errors}
    errors += [
        FieldError(pointer=f"/config{error.pointer}", message=error.message, code=error.code)
        for error in config_errors(plugin.metadata.config_schema, {**below, **config})
        if f"/config{error.pointer}" not in known
    ]
    if errors:
        raise Invalid(f"The configuration does not fit plugin {plugin.id}.", errors=errors)


def unknown_keys(plugin: LoadedPlugin, config: Mapping[str, Any]) -> list[FieldError]:
    """Return keys that the plugin's schema does not name; it may allow others, but only by saying so."""
    schema = plugin.metadata.config_schema
    if schema is None or "properties" not in schema:
        return []
    if schema.get("additionalProperties", False) or "patternProperties" in schema:
        return []
    names = schema["properties"]
    return [
        FieldError(
            pointer=f"/config{pointer_to([key])}",
            message=f"Plugin {plugin.id} has no setting {key!r}.{did_you_mean(key, names)}",
            code="unknown",
        )
        for key in config
        if key not in names
    ]


def unstorable_values(config: Mapping[str, Any]) -> list[FieldError]:
    """Return settings with characters that the database cannot keep."""
    return [
        FieldError(
            pointer=f"/config{pointer_to([key])}",
            message="This has the character NUL, or half of one, which cannot be kept: remove it.",
            code="character",
        )
        for key, value in config.items()
        if not _is_storable([key, value])
    ]


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        # Half of a pair of surrogates is no character.
        return "\x00" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, Mapping):
        return all(_is_storable([key, part]) for key, part in value.items())
    if isinstance(value, list | tuple):
        return all(_is_storable(part) for part in value)
    return True


def _require_revision(row: PluginSettings, expected: int | None) -> None:
    if expected is not None and row.revision != expected:
        raise Stale(f"The plugin is at revision {row.revision}, not {expected}: load its settings again.")


def _store(
    change: PluginChange,
    plugin: LoadedPlugin,
    before: Mapping[str, Any],
    new: dict[str, Any],
    *,
    detail: Mapping[str, Any] | None = None,
) -> None:
    row = change.row
    version = plugin.metadata.config_version
    if same_json(row.config, new) and row.config_version == version:
        return
    row.config, row.config_version = new, version
    require_named_secrets(change)
    PluginConfigRevision.objects.create(
        plugin_id=row.plugin_id,
        # What the change makes of it when it ends.
        number=row.revision + 1,
        config=new,
        config_version=version,
        changed_by=change.actor.label[:254],
        changed_at=change.now,
    )
    changed = sorted(key for key in {*before, *new} if not same_json(before.get(key), new.get(key)))
    event = "plugin.config_changed" if change.is_on else None
    probe_soon(change)
    change.note("plugin.configured", event=event, detail={"changed": changed, **(detail or {})})
