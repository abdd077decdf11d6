"""On, off, paused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from core.actors import authorize
from core.errors import Conflict, FieldError, Invalid
from core.scope import current_actor, require_tenant
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.breaker import PluginBreaker
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.registry import loaded_plugins
from plugin_host.services.changing import changing_plugin, end_pause, lock_states
from plugin_host.services.dependencies import (
    DependantPluginsOn,
    RequiredPluginsOff,
    dependant_plugins_on,
    required_plugins_off,
)
from plugin_host.state import applied_migrations, faults_if_on, forget_tenant_plugins, unapplied_migrations


def enable_plugin(plugin_id: str, *, now: datetime | None = None) -> PluginSettings:
    """Switch a plugin on for the tenant in scope; in every process with its next hook, request or page.

    A plugin that is on already stays as it is.

    Raises:
        NotFound: There is no such plugin, or it could not be loaded; the message says why.
        RequiredPluginsOff: It needs plugins that are off; see `enable_with_required`.
        Conflict: It is paused, or its migrations were not run.
        Invalid: Configuration or secrets are missing or wrong: pointers `/config/…` and `/secrets/…`.
    """
    with changing_plugin(plugin_id, switches=True, now=now) as change:
        row = change.row
        if row.state == PluginState.ENABLED:
            return row
        if row.state == PluginState.PAUSED:
            raise Conflict(f"Plugin {plugin_id} is paused: resume it.", code="plugin_paused")
        plugin = loaded_plugins().get(plugin_id)
        if off := required_plugins_off(plugin_id):
            raise RequiredPluginsOff(plugin_id, off)
        _require_able(plugin, row)
        row.state = PluginState.ENABLED
        change.note("plugin.enabled", event="plugin.enabled")
        return row


def enable_with_required(plugin_id: str, *, now: datetime | None = None) -> list[PluginSettings]:
    """Switch a plugin on together with all that it needs and is off, those that others need first; all or nothing.

    Returns:
        What was switched on, in that order, the plugin itself last.

    Raises:
        NotFound, Conflict, Invalid: One of them cannot be switched on; the message names it. See `enable_plugin`.
    """
    with _all_or_nothing():
        return [enable_plugin(one, now=now) for one in (*required_plugins_off(plugin_id), plugin_id)]


def disable_plugin(plugin_id: str, *, now: datetime | None = None) -> PluginSettings:
    """Switch a plugin off for the tenant in scope; configuration and secrets are kept.

    Raises:
        NotFound: There is no such plugin.
        DependantPluginsOn: Others need it that are on; see `disable_with_dependants`.
    """
    with changing_plugin(plugin_id, switches=True, now=now) as change:
        row = change.row
        if row.state == PluginState.DISABLED:
            return row
        if on := dependant_plugins_on(plugin_id):
            raise DependantPluginsOn(plugin_id, on)
        was_on = change.is_on
        row.state = PluginState.DISABLED
        end_pause(row)
        _forget_trouble(plugin_id)
        change.note("plugin.disabled", event="plugin.disabled" if was_on else None)
        return row


def disable_with_dependants(plugin_id: str, *, now: datetime | None = None) -> list[PluginSettings]:
    """Switch a plugin off together with all that needs it and is on, those that nothing needs first; all or nothing.

    Returns:
        What was switched off, in that order, the plugin itself last.

    Raises:
        NotFound: There is no such plugin.
    """
    with _all_or_nothing():
        return [disable_plugin(one, now=now) for one in (*dependant_plugins_on(plugin_id), plugin_id)]


def pause_plugin(
    plugin_id: str, *, reason: str = "", until: datetime | None = None, now: datetime | None = None
) -> PluginSettings:
    """Keep a plugin from running for the tenant in scope; what it is owed waits meanwhile.

    It takes the place of a pause by the breaker, which then neither tries nor resumes the plugin.

    Args:
        until: When it goes on by itself; None until somebody resumes it.

    Raises:
        NotFound: There is no such plugin.
        Conflict: It is not on.
        Invalid: `until` has passed.
    """
    with changing_plugin(plugin_id, now=now) as change:
        row = change.row
        if not change.is_on:
            raise Conflict(
                f"Plugin {plugin_id} is not on, so it cannot be paused.", code="plugin_not_enabled"
            )
        if until is not None and until <= change.now:
            passed = FieldError(pointer="/until", message="This time has passed.", code="past")
            raise Invalid("A pause ends in the future.", errors=[passed])
        end_pause(row)
        _forget_trouble(plugin_id)
        row.state = PluginState.PAUSED
        row.paused_reason, row.paused_until = reason.replace("\x00", "")[:500], until
        row.paused_at, row.paused_by = change.now, change.actor.label[:254]
        change.note(
            "plugin.paused",
            detail={"reason": row.paused_reason, "until": until.isoformat() if until is not None else None},
        )
        return row


def resume_plugin(plugin_id: str, *, now: datetime | None = None) -> PluginSettings:
    """End a pause, a person's or the breaker's; what the plugin is owed is delivered now.

    Raises:
        NotFound: There is no such plugin.
        Conflict: It is off.
    """
    with changing_plugin(plugin_id, now=now) as change:
        row = change.row
        if row.state == PluginState.ENABLED:
            return row
        if row.state != PluginState.PAUSED:
            raise Conflict(f"Plugin {plugin_id} is off: enable it.", code="plugin_not_enabled")
        row.state = PluginState.ENABLED
        end_pause(row)
        _forget_trouble(plugin_id)
        change.note("plugin.resumed")
        return row


def set_fail_open(plugin_id: str, fail_open: bool, *, now: datetime | None = None) -> PluginSettings:
    """Say whether the plugin's gates let an operation through when they fail, instead of refusing it.

    Raises:
        NotFound: There is no such plugin.
    """
    with changing_plugin(plugin_id, now=now) as change:
        if change.row.fail_open != fail_open:
            change.row.fail_open = fail_open
            change.note("plugin.fail_open_changed", detail={"fail_open": fail_open})
        return change.row


@contextmanager
def _all_or_nothing() -> Iterator[None]:
    tenant_id = require_tenant().tenant_id
    authorize(current_actor(), "plugin.manage")
    try:
        with transaction.atomic():
            lock_states()
            yield
    except BaseException:
        # What was read inside the transaction never came true.
        forget_tenant_plugins(tenant_id)
        raise


def _require_able(plugin: LoadedPlugin, row: PluginSettings) -> None:
    unapplied = unapplied_migrations(plugin, applied_migrations([plugin]))
    if unapplied is not None:
        raise Conflict(unapplied.message, code="needs_migrate")
    if faults := faults_if_on(plugin, row):
        raise Invalid(
            f"Plugin {plugin.id} cannot be enabled yet: {_in_words(faults)}.",
            code="plugin_not_configured",
            errors=faults,
        )


def _in_words(faults: Sequence[FieldError]) -> str:
    return "; ".join(_fault_in_words(fault) for fault in faults)


def _fault_in_words(fault: FieldError) -> str:
    _, part, *rest = fault.pointer.split("/")
    name = "/".join(rest)
    if fault.code == "required":
        return f"the secret {name} is not set" if part == "secrets" else f"{name} is not configured"
    what = f"the secret {name}" if part == "secrets" else name or "the configuration"
    return f"{what}: {fault.message.rstrip('.')}"


def _forget_trouble(plugin_id: str) -> None:
    """Have the breaker count anew: a person has seen to the plugin."""
    PluginBreaker.objects.filter(plugin_id=plugin_id).delete()
