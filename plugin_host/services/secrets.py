"""A tenant's secrets for a plugin: written, never read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from core.errors import FieldError, Invalid, NotFound
from core.json_schema import pointer_to
from plugin_host.identifiers import did_you_mean, is_text
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.secret import PluginSecret
from plugin_host.models.settings import PluginSettings
from plugin_host.registry import loaded_plugins
from plugin_host.schemas import secret_schema, secrets_errors
from plugin_host.secret_keys import seal_secret
from plugin_host.services.changing import (
    PluginChange,
    changing_plugin,
    probe_soon,
    require_named_secrets,
)

MAX_KEY_CHARACTERS = 200
MAX_VALUE_BYTES = 64 * 1024


def set_secret(plugin_id: str, key: str, value: str, *, now: datetime | None = None) -> PluginSettings:
    """Store one secret for the tenant in scope; see `save_secrets`."""
    return save_secrets(plugin_id, {key: value}, now=now)


def delete_secret(plugin_id: str, key: str, *, now: datetime | None = None) -> PluginSettings:
    """Take a secret away; a plugin that needs it does not run until it is set again.

    Raises:
        NotFound: There is no such plugin, or the secret is not set.
        Invalid: The plugin is on and its configuration names the secret: pointers `/config/…`.
    """
    with changing_plugin(plugin_id, now=now) as change:
        deleted, _ = PluginSecret.objects.filter(plugin_id=plugin_id, key=key).delete()
        if not deleted:
            set_keys = PluginSecret.objects.filter(plugin_id=plugin_id).values_list("key", flat=True)
            raise NotFound(
                f"The secret {key!r} of plugin {plugin_id} is not set.{did_you_mean(key, set_keys)}"
            )
        require_named_secrets(change)
        _note(change, [], [key])
        return change.row


def save_secrets(
    plugin_id: str, changes: Mapping[str, str | None], *, now: datetime | None = None
) -> PluginSettings:
    """Store and take away secrets of a plugin for the tenant in scope; those not named stay as they are.

    Args:
        changes: Key -> value, or None to take it away.

    Raises:
        NotFound: There is no such plugin, or it could not be loaded.
        Invalid: The plugin has no such secret, or a value does not fit: pointers `/secrets/…`. It is on and its
            configuration names one that is taken away: pointers `/config/…`.
    """
    with changing_plugin(plugin_id, now=now) as change:
        plugin = loaded_plugins().get(plugin_id)
        values = {key: value for key, value in changes.items() if value is not None}
        check_secrets(plugin, changes)
        for key, value in values.items():
            sealed, data_key_id, mark = seal_secret(plugin_id, key, value)
            PluginSecret.objects.update_or_create(
                plugin_id=plugin_id,
                key=key,
                defaults={
                    "sealed": sealed,
                    "data_key_id": data_key_id,
                    "fingerprint": mark,
                    "set_by": change.actor.label[:254],
                    "set_at": change.now,
                },
            )
        gone = [key for key, value in changes.items() if value is None]
        removed = [
            key for key in gone if PluginSecret.objects.filter(plugin_id=plugin_id, key=key).delete()[0]
        ]
        if removed:
            require_named_secrets(change)
        if values or removed:
            _note(change, list(values), removed)
        return change.row


def _note(change: PluginChange, written: list[str], removed: list[str]) -> None:
    detail = {"secrets": sorted([*written, *removed]), "removed": sorted(removed)}
    event = "plugin.config_changed" if change.is_on else None
    probe_soon(change)
    change.note("plugin.secrets_changed", event=event, detail=detail)


def check_secrets(plugin: LoadedPlugin, changes: Mapping[str, str | None]) -> None:
    """Pass secrets that the plugin has and whose values fit; None takes one away.

    Raises:
        Invalid: with a pointer `/secrets/…` per fault, never with a value.
    """
    values = {key: value for key, value in changes.items() if value is not None}
    errors = [error for key in changes if (error := _key_fault(plugin, key)) is not None]
    errors += [error for key, value in values.items() if (error := _value_fault(key, value)) is not None]
    if not errors:
        errors = [
            FieldError(pointer=f"/secrets{error.pointer}", message=error.message, code=error.code)
            for error in secrets_errors(plugin.metadata.secrets_schema, values)
            # Secrets are set one by one; enabling the plugin asks for all that it needs.
            if error.code != "required"
        ]
    if errors:
        raise Invalid(f"The secrets do not fit plugin {plugin.id}.", errors=errors)


def _key_fault(plugin: LoadedPlugin, key: str) -> FieldError | None:
    pointer = f"/secrets{pointer_to([key])}"
    if not is_text(key) or len(key) > MAX_KEY_CHARACTERS:
        message = f"The name of a secret has 1 to {MAX_KEY_CHARACTERS} characters."
        return FieldError(pointer=pointer, message=message, code="name")
    schema = plugin.metadata.secrets_schema or {}
    names = schema.get("properties", {})
    is_open = not names and "patternProperties" not in schema
    if is_open or secret_schema(schema, key) is not None or schema.get("additionalProperties", False):
        return None
    message = f"Plugin {plugin.id} has no secret {key!r}.{did_you_mean(key, names)}"
    return FieldError(pointer=pointer, message=message, code="unknown")


def _value_fault(key: str, value: object) -> FieldError | None:
    pointer = f"/secrets{pointer_to([key])}"
    if not isinstance(value, str) or not value:
        return FieldError(pointer=pointer, message="A secret is a text that is not empty.", code="type")
    if "\x00" in value or len(value.encode(errors="surrogatepass")) > MAX_VALUE_BYTES:
        message = f"A secret has at most {MAX_VALUE_BYTES // 1024} KiB and no NUL character."
        return FieldError(pointer=pointer, message=message, code="too_long")
    return None
