"""Changing the master key under which the tenants' data keys are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction

from core.actors import authorize
from core.models import PlatformAuditEntry
from core.platform_work import PlatformWork
from core.scope import current_actor, platform_scope
from plugin_host.encryption import EncryptionError, unwrap_data_key, wrap_data_key
from plugin_host.models.secret import TenantDataKey
from plugin_host.secret_keys import master_keys

_BATCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a rotation did.

    Args:
        primary_id: The master key under which all data keys stand now, but for those that failed.
        failed: Id of each data key that no configured master key opens, and why.
    """

    primary_id: str
    rewrapped: int
    failed: tuple[tuple[str, str], ...]


def rotate_master_key() -> Rotation:
    """Wrap every tenant's data keys under the newest master key; safe to repeat, and while the site runs.

    Secrets themselves stay as they are. The old master key may be taken out of MASTER_KEYS once none has failed.

    Raises:
        Forbidden: The actor in scope is no operator.
    """
    actor = current_actor()
    authorize(actor, "installation.manage")
    ring = master_keys()
    rewrapped, failed = 0, []
    with platform_scope(PlatformWork.SECRET_ROTATION):
        old = TenantDataKey.objects.exclude(master_key_id=ring.primary_id).order_by("pk")
        ids = list(old.values_list("pk", flat=True))
        for start in range(0, len(ids), _BATCH):
            with transaction.atomic():
                for row in old.select_for_update().filter(pk__in=ids[start : start + _BATCH]):
                    try:
                        row.wrapped = _wrapped_anew(row)
                    except EncryptionError as error:
                        failed.append((row.key_id, error.message))
                        continue
                    row.master_key_id = ring.primary_id
                    row.save(update_fields=["wrapped", "master_key_id"])
                    rewrapped += 1
        PlatformAuditEntry.objects.create(
            actor=actor.reference[:120],
            actor_label=actor.label[:254],
            action="secrets.rotated",
            target_type="master key",
            target_id=ring.primary_id,
            summary=f"{rewrapped} data keys wrapped anew, {len(failed)} failed",
        )
    return Rotation(primary_id=ring.primary_id, rewrapped=rewrapped, failed=tuple(failed))


def _wrapped_anew(row: TenantDataKey) -> bytes:
    ring = master_keys()
    tenant_id: UUID = row.tenant_id  # type: ignore[assignment]  # no row is without one
    return wrap_data_key(
        ring, unwrap_data_key(ring, bytes(row.wrapped), tenant_id=tenant_id), tenant_id=tenant_id
    )
