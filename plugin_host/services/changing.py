"""What every change of a tenant's plugin has in common: permission, lock, revision, event, audit, announcement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from core.actors import Actor, authorize
from core.errors import Invalid, NotFound
from core.models import Event
from core.scope import current_actor, require_tenant
from core.services.audit import record_audit
from core.signals import event_recorded
from plugin_host.config_keywords import SECRET_NOT_SET
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.registry import loaded_plugins
from plugin_host.state import announce_plugin_change, faults_if_on, forget_tenant_plugins


@dataclass(slots=True, eq=False)
class PluginChange:
    """One change that is being made.

    Args:
        plugin: None where the plugin is not loaded.
        row: Locked; saved when the change ends.
        is_made: Whether anything was changed; nothing is written otherwise.
    """

    plugin_id: str
    plugin: LoadedPlugin | None
    row: PluginSettings
    actor: Actor
    now: datetime
    is_made: bool = False
    _events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def is_on(self) -> bool:
        """Whether the plugin is told what happens to it."""
        return self.row.state in (PluginState.ENABLED, PluginState.PAUSED)

    def note(self, action: str, *, event: str | None = None, detail: Mapping[str, Any] | None = None) -> None:
        """Write the change down for the audit log and, under the name `event`, for the plugin itself.

        Args:
            action: What the audit log says: `plugin.enabled`.
            detail: What a reader may need to know more; never a secret.
        """
        self.is_made = True
        name = self.plugin.metadata.name if self.plugin is not None else self.plugin_id
        record_audit(
            action=action, target_type="plugin", target_id=self.plugin_id, summary=name, detail=detail
        )
        if event is not None:
            self._events.append((event, dict(detail or {})))

    def record_events(self) -> None:
        """Record the noted events, now that the plugin's state is as they say."""
        scope = require_tenant()
        for kind, payload in self._events:
            event = Event.objects.create(
                type=kind,
                payload={
                    "plugin": self.plugin_id,
                    "version": self.plugin.metadata.version if self.plugin is not None else "",
                    "revision": self.row.revision,
                    **payload,
                },
                actor=self.actor.reference[:120],
                actor_label=self.actor.label[:254],
                correlation_id=scope.correlation_id,
                causation_id=scope.causation_id,
                depth=scope.depth,
                created_at=self.now,
            )
            event_recorded.send(sender=Event, event=event)


def end_pause(row: PluginSettings) -> None:
    """Take away everything that a pause has set, but for the state."""
    row.paused_reason = row.paused_by = ""
    row.paused_at = row.paused_until = row.probe_until = None
    row.paused_by_breaker = False


def require_named_secrets(change: PluginChange) -> None:
    """Pass configuration and secrets, as changed, of which the first names none that is not set; off, all pass.

    Raises:
        Invalid: with a pointer `/config/…` per place that names one.
    """
    if change.plugin is None or not change.is_on:
        return
    faults = [one for one in faults_if_on(change.plugin, change.row) if one.code == SECRET_NOT_SET]
    if faults:
        raise Invalid(
            f"The configuration of plugin {change.plugin_id} names secrets that are not set.", errors=faults
        )


def probe_soon(change: PluginChange) -> None:
    """Let a plugin that the breaker paused be tried again now: what it was paused for may be mended."""
    if change.row.paused_by_breaker:
        change.row.paused_until = change.now


@contextmanager
def changing_plugin(
    plugin_id: str, *, switches: bool = False, now: datetime | None = None
) -> Iterator[PluginChange]:
    """Change a plugin of the tenant in scope inside the block, in one transaction.

    Args:
        switches: Whether it is switched on or off, on which other plugins may depend.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        NotFound: There is no such plugin.
    """
    actor = current_actor()
    authorize(actor, "plugin.manage")
    tenant_id = _tenant_id()
    plugin = loaded_plugins().plugins.get(plugin_id)
    try:
        with transaction.atomic():
            if switches:
                lock_states()
            row = _locked_row(plugin_id, is_known=plugin is not None)
            change = PluginChange(
                plugin_id=plugin_id, plugin=plugin, row=row, actor=actor, now=now or timezone.now()
            )
            yield change
            if change.is_made:
                row.revision += 1
                row.changed_by, row.changed_at = actor.label[:254], change.now
                row.save()
                announce_plugin_change(tenant_id)
                change.record_events()
    except BaseException:
        # What was read inside the transaction never came true.
        forget_tenant_plugins(tenant_id)
        raise


def lock_states() -> None:
    """Have one transaction at a time switch plugins of the tenant in scope.

    Taken before any row is locked. Otherwise one could switch a plugin off while another, which does not see that
    yet, switches on what needs it.
    """
    digest = hashlib.blake2b(f"plugin states {require_tenant().tenant_id}".encode(), digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest, "big", signed=True)])


def _locked_row(plugin_id: str, *, is_known: bool) -> PluginSettings:
    rows = PluginSettings.objects.select_for_update().filter(plugin_id=plugin_id)
    row: PluginSettings | None = rows.first()
    if row is not None:
        return row
    if not is_known:
        # A plugin that is not loaded may still be one that the tenant has settings of; this one is not.
        loaded_plugins().get(plugin_id)
        raise NotFound(f"There is no plugin {plugin_id!r}.", code="plugin_not_found")
    PluginSettings.objects.bulk_create(
        [PluginSettings(plugin_id=plugin_id, revision=0)], ignore_conflicts=True
    )
    made: PluginSettings = rows.get()
    return made


def _tenant_id() -> UUID:
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    return tenant_id
