"""Events of scheduled work: what plugins are told, durably, after a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from core.models import Event
from core.scope import require_tenant
from core.signals import event_recorded
from plugin_host.state import tenant_plugins


def record_item_event(kind: str, *, hook: str, payload: Mapping[str, Any]) -> Event | None:
    """Record an event for the plugins that handle `hook`, which are owed a delivery each; None where none does.

    Runs in the tenant's scope, in the transaction of the fact.
    """
    scope = require_tenant()
    assert scope.tenant_id is not None  # require_tenant refuses otherwise
    if not tenant_plugins(scope.tenant_id).handlers.get(hook):
        return None
    event: Event = Event.objects.create(
        type=kind,
        payload=dict(payload),
        actor=scope.actor.reference[:120],
        actor_label=scope.actor.label[:254],
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        depth=scope.depth,
        created_at=timezone.now(),
    )
    event_recorded.send(sender=Event, event=event)
    return event
