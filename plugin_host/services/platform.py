"""What the installation sets for a plugin, below every tenant's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from core.actors import authorize
from core.errors import FieldError, Invalid, NotFound, Stale
from core.json_equality import same_json
from core.json_schema import pointer_to
from core.models import PlatformAuditEntry
from core.platform_work import PlatformWork
from core.scope import current_actor, current_scope, platform_scope
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.settings import PlatformConfigRevision, PlatformPluginSettings
from plugin_host.registry import loaded_plugins
from plugin_host.schemas import config_errors
from plugin_host.services.configuration import (
    in_todays_shape,
    merged_config,
    unknown_keys,
    unstorable_values,
)
from plugin_host.state import (
    announce_plugin_change,
    environment_reference,
    forget_tenant_plugins,
    platform_config,
    resolved,
)

CONFIGURED: Final = "plugin.platform_configured"


def save_platform_config(
    plugin_id: str,
    config: Mapping[str, Any],
    *,
    merge: bool = False,
    expected_revision: int | None = None,
    now: datetime | None = None,
) -> PlatformPluginSettings:
    """Store the platform's configuration of a plugin, which all tenants' own lies above.

    A value may be `{"$env": "NAME"}`. What a schema requires may be left to the tenants.

    Raises:
        Forbidden: The actor in scope is no operator.
        NotFound: There is no such plugin.
        Invalid: A value does not fit the plugin's schema: pointers `/config/…`.
        Stale: Somebody else changed it first.
    """

    def change(plugin: LoadedPlugin, row: PlatformPluginSettings) -> str:
        new = merged_config(platform_config(plugin, row), config) if merge else dict(config)
        return _put_config(plugin, row, new)

    return _changed(plugin_id, change, expected_revision=expected_revision, now=now)


def restore_platform_config(
    plugin_id: str, number: int, *, expected_revision: int | None = None, now: datetime | None = None
) -> PlatformPluginSettings:
    """Store an earlier configuration of the platform again, brought into today's shape.

    Raises:
        Forbidden: The actor in scope is no operator.
        NotFound: There is no such plugin, or no configuration was saved under that number.
        Invalid: It does not fit the plugin's schema any more: pointers `/config/…`.
        Stale: Somebody else changed it first.
    """

    def change(plugin: LoadedPlugin, row: PlatformPluginSettings) -> str:
        old = PlatformConfigRevision.objects.filter(plugin_id=plugin_id, number=number).first()
        if old is None:
            raise NotFound(
                f"The platform has no configuration of revision {number} for plugin {plugin_id}: "
                "its history names those that there are.",
                code="revision_not_found",
            )
        return _put_config(plugin, row, in_todays_shape(plugin, old))

    return _changed(
        plugin_id, change, expected_revision=expected_revision, now=now, detail={"restored": number}
    )


def save_platform_secrets(
    plugin_id: str, changes: Mapping[str, Mapping[str, str] | None], *, now: datetime | None = None
) -> PlatformPluginSettings:
    """Store references to the environment as the platform's secrets of a plugin; those not named stay.

    Args:
        changes: Key -> `{"$env": "NAME"}`, or None to take it away.

    Raises:
        Forbidden: The actor in scope is no operator.
        NotFound: There is no such plugin.
        Invalid: A value is no reference.
    """

    def change(plugin: LoadedPlugin, row: PlatformPluginSettings) -> str:
        errors = [
            FieldError(
                pointer=f"/secrets{pointer_to([key])}",
                message='The platform\'s secrets stand in the environment: write {"$env": "NAME"}.',
                code="reference",
            )
            for key, value in changes.items()
            if value is not None and environment_reference(value) is None
        ]
        if errors:
            raise Invalid(f"The secrets of plugin {plugin.id} cannot be stored.", errors=errors)
        new = merged_config(row.secrets, changes)
        if new == row.secrets:
            return ""
        row.secrets = new
        return "plugin.platform_secrets_changed"

    return _changed(plugin_id, change, expected_revision=None, now=now)


def _put_config(plugin: LoadedPlugin, row: PlatformPluginSettings, new: dict[str, Any]) -> str:
    errors = [*unknown_keys(plugin, new), *unstorable_values(new)]
    errors += [
        FieldError(pointer=f"/config{error.pointer}", message=error.message, code=error.code)
        for error in config_errors(plugin.metadata.config_schema, resolved(new))
        if error.code != "required"
    ]
    known: dict[str, FieldError] = {}
    for error in errors:
        known.setdefault(error.pointer, error)
    if known:
        raise Invalid(f"The configuration does not fit plugin {plugin.id}.", errors=list(known.values()))
    version = plugin.metadata.config_version
    if same_json(new, row.config) and (not new or row.config_version == version):
        return ""
    row.config, row.config_version = new, version
    return CONFIGURED


def _keep_revision(row: PlatformPluginSettings) -> None:
    PlatformConfigRevision.objects.create(
        plugin_id=row.plugin_id,
        number=row.revision,
        config=row.config,
        config_version=row.config_version,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
    )


def _changed(
    plugin_id: str,
    change: Callable[[LoadedPlugin, PlatformPluginSettings], str],
    *,
    expected_revision: int | None,
    now: datetime | None,
    detail: Mapping[str, Any] | None = None,
) -> PlatformPluginSettings:
    actor = current_actor()
    authorize(actor, "installation.manage")
    plugin = loaded_plugins().get(plugin_id)
    try:
        with platform_scope(PlatformWork.PLUGIN_DIRECTORY), transaction.atomic():
            row = PlatformPluginSettings.objects.select_for_update().filter(pk=plugin_id).first()
            row = row or PlatformPluginSettings(plugin_id=plugin_id, revision=0)
            if expected_revision is not None and row.revision != expected_revision:
                raise Stale(
                    f"The plugin is at revision {row.revision}, not {expected_revision}: load it again."
                )
            if action := change(plugin, row):
                row.revision += 1
                row.changed_by, row.changed_at = actor.label[:254], now or timezone.now()
                row.save()
                if action == CONFIGURED:
                    _keep_revision(row)
                _audit(action, plugin, detail or {})
                announce_plugin_change(None)
                # Imported here: what is scheduled is run with the breaker of these services.
                from plugin_host.scheduling.definitions import want_definitions

                want_definitions(plugin_id)
            return row
    except BaseException:
        forget_tenant_plugins()
        raise


def _audit(action: str, plugin: LoadedPlugin, detail: Mapping[str, Any]) -> None:
    scope = current_scope()
    assert scope is not None  # the caller entered the platform's
    PlatformAuditEntry.objects.create(
        actor=scope.actor.reference[:120],
        actor_label=scope.actor.label[:254],
        action=action,
        target_type="plugin",
        target_id=plugin.id,
        summary=plugin.metadata.name,
        detail=dict(detail),
        correlation_id=scope.correlation_id,
    )
