"""Data keys and secrets of the tenant in scope: from the tables to plain text and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from django.conf import settings

from core.errors import FieldError
from core.scope import require_tenant
from plugin_host import encryption
from plugin_host.encryption import EncryptionError, MasterKeyRing, UnknownKey
from plugin_host.models.secret import PluginSecret, TenantDataKey


@lru_cache(maxsize=4)
def _ring(entries: tuple[str, ...]) -> MasterKeyRing:
    return MasterKeyRing.parse(entries)


def master_keys() -> MasterKeyRing:
    """Return the installation's master keys.

    Raises:
        InvalidMasterKeys: MASTER_KEYS cannot be used.
    """
    return _ring(tuple(settings.MASTER_KEYS))


def open_secrets(
    secrets: Sequence[PluginSecret],
) -> tuple[dict[str, dict[str, str]], dict[str, list[FieldError]]]:
    """Open secrets of the tenant in scope.

    Returns:
        Values by plugin and key; and what could not be opened, by plugin.
    """
    values: dict[str, dict[str, str]] = {}
    faults: dict[str, list[FieldError]] = {}
    if not secrets:
        return values, faults
    keys = _data_keys()
    for secret in secrets:
        try:
            values.setdefault(secret.plugin_id, {})[secret.key] = _opened(secret, keys)
        except EncryptionError as error:
            fault = FieldError(pointer=f"/secrets/{secret.key}", message=error.message, code=error.code)
            faults.setdefault(secret.plugin_id, []).append(fault)
    return values, faults


def seal_secret(plugin_id: str, key: str, value: str) -> tuple[bytes, str, str]:
    """Seal a secret of the tenant in scope; the tenant's first one makes its data key.

    Returns:
        The sealed bytes, the id of the data key, the fingerprint.
    """
    tenant_id = _tenant_id()
    data_key = _newest_data_key(tenant_id)
    return (
        encryption.seal(data_key, value, tenant_id=tenant_id, plugin_id=plugin_id, key=key),
        encryption.data_key_id(data_key),
        encryption.fingerprint(data_key, value),
    )


def _opened(secret: PluginSecret, keys: dict[str, TenantDataKey]) -> str:
    row = keys.get(secret.data_key_id)
    if row is None:
        raise UnknownKey(
            f"The secret {secret.key!r} of plugin {secret.plugin_id} was sealed with a data key that is gone: "
            "set it again.",
            key_id=secret.data_key_id,
        )
    tenant_id = _tenant_id()
    data_key = encryption.unwrap_data_key(master_keys(), bytes(row.wrapped), tenant_id=tenant_id)
    return encryption.open_sealed(
        data_key, bytes(secret.sealed), tenant_id=tenant_id, plugin_id=secret.plugin_id, key=secret.key
    )


def _newest_data_key(tenant_id: UUID) -> bytes:
    ring = master_keys()
    # Keys are UUIDs of version 7, so the last one is the newest.
    row: TenantDataKey | None = TenantDataKey.objects.order_by("-id").first()
    if row is not None:
        return encryption.unwrap_data_key(ring, bytes(row.wrapped), tenant_id=tenant_id)
    data_key = encryption.new_key()
    TenantDataKey.objects.create(
        key_id=encryption.data_key_id(data_key),
        master_key_id=ring.primary_id,
        wrapped=encryption.wrap_data_key(ring, data_key, tenant_id=tenant_id),
    )
    return data_key


def _data_keys() -> dict[str, TenantDataKey]:
    return {row.key_id: row for row in TenantDataKey.objects.all()}


def _tenant_id() -> UUID:
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    return tenant_id
