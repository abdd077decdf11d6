"""Connects health with what changes it; imported when Django's apps are ready."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now
from django.dispatch import receiver

from core.models import Event
from core.signals import event_recorded
from plugin_host.health.definitions import CHECK
from plugin_host.health.kind import CheckKind
from plugin_host.models.schedule import ScheduledItem
from plugin_host.scheduling.kinds import register_kind

register_kind(CheckKind())


@receiver(event_recorded, dispatch_uid="health of plugins")
def follow_configuration(event: Event, **kwargs: Any) -> None:
    """Look again at once when a plugin's configuration or secrets have changed: they may be what was wrong."""
    if event.type == "plugin.config_changed":
        items = ScheduledItem.objects.filter(plugin=str(event.payload["plugin"]), kind=CHECK)
        items.filter(next_run_at__isnull=False).update(next_run_at=Now())
