"""Connects scheduled work with what changes it; imported when Django's apps are ready."""

from __future__ import annotations

from typing import Any, Final

from django.dispatch import receiver

from core.models import Event
from core.signals import event_recorded, tenant_changed
from plugin_host.scheduling.definitions import DefinitionsKind, stop_items, want_definitions
from plugin_host.scheduling.kinds import register_kind
from plugin_host.scheduling.tasks import TaskKind

_ASK_AGAIN: Final = frozenset({"plugin.enabled", "plugin.config_changed"})

register_kind(DefinitionsKind())
register_kind(TaskKind())


@receiver(event_recorded, dispatch_uid="what plugins schedule")
def follow_plugin(event: Event, **kwargs: Any) -> None:
    """Ask a plugin anew when it was switched on or configured; let nothing come due when it was switched off."""
    if event.type in _ASK_AGAIN:
        want_definitions(str(event.payload["plugin"]))
    elif event.type == "plugin.disabled":
        stop_items(str(event.payload["plugin"]))


@receiver(tenant_changed, dispatch_uid="what plugins schedule")
def follow_tenant(**kwargs: Any) -> None:
    """Ask all plugins anew: times follow the tenant's time zone, checks its hosts."""
    want_definitions()
