"""Making deliveries again, on somebody's wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from core.actors import authorize
from core.errors import Conflict, Invalid, NotFound
from core.models import Event
from core.scope import current_actor
from core.services.audit import record_audit
from plugin_host.deliveries.creation import new_delivery
from plugin_host.deliveries.doorbell import doorbell
from plugin_host.models.delivery import Delivery, DeliveryHistory, DeliveryOutcome, DeliveryReason

MAX_REPLAYED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySelection:
    """Which deliveries to make again: all of a plugin that ended so, in that time.

    Args:
        outcomes: How they ended.
        since: Made at that time or later.
        until: Made before that time.
    """

    plugin: str
    outcomes: Sequence[DeliveryOutcome] = (DeliveryOutcome.DEAD,)
    since: datetime | None = None
    until: datetime | None = None


def replay_delivery(*, delivery_id: UUID, plugin: str | None = None) -> Delivery:
    """Make a delivery that has ended once more, as a new row with the same event, and return that row.

    Args:
        plugin: The plugin whose delivery it must be, where the caller names one.

    Raises:
        Forbidden, NotFound, Conflict (it has not ended, is being made again already, or its event is gone).
    """
    authorize(current_actor(), "plugin.manage")
    ended = DeliveryHistory.objects.filter(pk=delivery_id).first()
    if ended is None and Delivery.objects.filter(pk=delivery_id).exists():
        raise Conflict("This delivery has not ended yet; wait for its outcome.", code="delivery_open")
    if ended is None or (plugin is not None and ended.plugin != plugin):
        raise NotFound(f"There is no delivery {delivery_id}.", code="delivery_not_found")
    made = _replay([ended])
    if not made:
        raise Conflict(
            "This delivery is being made again already, or its event has been cleared away.",
            code="delivery_open",
        )
    return made[0]


def replay_deliveries(selection: ReplaySelection) -> list[Delivery]:
    """Make all selected deliveries once more, oldest first; what is being made again already is left out.

    Raises:
        Forbidden, Invalid (more than can be replayed at a time).
    """
    authorize(current_actor(), "plugin.manage")
    found = DeliveryHistory.objects.filter(plugin=selection.plugin, outcome__in=selection.outcomes)
    if selection.since is not None:
        found = found.filter(created_at__gte=selection.since)
    if selection.until is not None:
        found = found.filter(created_at__lt=selection.until)
    # A delivery that was replayed before counts as settled by its successor.
    replayed = DeliveryHistory.objects.exclude(replay_of=None).values("replay_of")
    chosen = list(found.exclude(pk__in=replayed).order_by("id")[: MAX_REPLAYED + 1])
    if len(chosen) > MAX_REPLAYED:
        raise Invalid(
            f"More than {MAX_REPLAYED} deliveries match: narrow the time with since and until.",
            code="too_many_deliveries",
        )
    return _replay(chosen)


def _replay(ended: Sequence[DeliveryHistory]) -> list[Delivery]:
    if not ended:
        return []
    with transaction.atomic():
        events = Event.objects.in_bulk([row.event_id for row in ended])
        rows = {}
        for row in ended:
            if (event := events.get(row.event_id)) is not None:
                delivery = new_delivery(event, row.plugin, row.hook)
                delivery.reason = DeliveryReason.REPLAY
                delivery.replay_of = row.pk
                rows[delivery.pk] = delivery
        Delivery.objects.bulk_create(rows.values(), ignore_conflicts=True)
        made = set(Delivery.objects.filter(pk__in=rows).values_list("pk", flat=True))
        record_audit(
            action="delivery.replayed",
            target_type="plugin",
            target_id=ended[0].plugin,
            summary=f"{len(made)} deliveries of {ended[0].plugin}",
            detail={"deliveries": [str(rows[pk].replay_of) for pk in made]},
        )
        transaction.on_commit(doorbell.ring)
    return [delivery for pk, delivery in rows.items() if pk in made]
