"""What the installation sets for a plugin, below every tenant's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from core.actors import authorize
from core.errors import FieldError, Invalid, Stale
from core.json_schema import pointer_to
from core.models import PlatformAuditEntry
from core.platform_work import PlatformWork
from core.scope import current_actor, current_scope, platform_scope
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.settings import PlatformPluginSettings
from plugin_host.registry import loaded_plugins
from plugin_host.schemas import config_errors
from plugin_host.services.configuration import merged_config, unknown_keys, unstorable_values
from plugin_host.state import announce_plugin_change, environment_reference, forget_tenant_plugins, resolved


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
        new = merged_config(row.config, config) if merge else dict(config)
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
        if new == row.config:
            return ""
        row.config = new
        return "plugin.platform_configured"

    return _changed(plugin_id, change, expected_revision=expected_revision, now=now)


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


def _changed(
    plugin_id: str,
    change: Callable[[LoadedPlugin, PlatformPluginSettings], str],
    *,
    expected_revision: int | None,
    now: datetime | None,
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
                _audit(action, plugin)
                announce_plugin_change(None)
                # Imported here: what is scheduled is run with the breaker of these services.
                from plugin_host.scheduling.definitions import want_definitions

                want_definitions(plugin_id)
            return row
    except BaseException:
        forget_tenant_plugins()
        raise


def _audit(action: str, plugin: LoadedPlugin) -> None:
    scope = current_scope()
    assert scope is not None  # the caller entered the platform's
    PlatformAuditEntry.objects.create(
        actor=scope.actor.reference[:120],
        actor_label=scope.actor.label[:254],
        action=action,
        target_type="plugin",
        target_id=plugin.id,
        summary=plugin.metadata.name,
        correlation_id=scope.correlation_id,
    )
