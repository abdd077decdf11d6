"""Rows for what happened, made in the transaction in which it happened."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from django.db import transaction

from core.ids import uuid7
from core.models import Event
from plugin_host.deliveries.doorbell import doorbell
from plugin_host.models.delivery import MAX_HOOK_LENGTH, Delivery, DeliveryHistory, DeliveryOutcome

# Event -> hook -> change -> event …: plugins that answer each other would never end.
MAX_DEPTH: Final = 8

PluginHook = tuple[str, str]


def create_deliveries(event: Event, handlers: Sequence[PluginHook]) -> None:
    """Owe an event to handlers, given as (plugin, key of the handler), and have a worker woken after the commit.

    Called inside the event's transaction; nothing is written where nobody handles it.
    """
    if not handlers:
        return
    if event.depth > MAX_DEPTH:
        DeliveryHistory.objects.bulk_create(_loop_end(event, plugin, key) for plugin, key in handlers)
        return
    Delivery.objects.bulk_create(new_delivery(event, plugin, key) for plugin, key in handlers)
    transaction.on_commit(doorbell.ring)


def new_delivery(event: Event, plugin: str, key: str) -> Delivery:
    """Return the row for one handler, not saved."""
    return Delivery(
        event=event,
        event_type=event.type,
        collection_name=event.collection_name,
        record_id=event.record_id,
        record_version=event.record_version,
        plugin=plugin,
        hook=stored_key(key),
        created_at=event.created_at,
    )


def stored_key(key: str) -> str:
    """Return a handler's key as it stands in the tables: what is too long ends in a digest."""
    if len(key) <= MAX_HOOK_LENGTH:
        return key
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    return f"{key[: MAX_HOOK_LENGTH - len(digest) - 1]}~{digest}"


def _loop_end(event: Event, plugin: str, key: str) -> DeliveryHistory:
    return DeliveryHistory(
        id=uuid7(),
        event_id=event.pk,
        event_type=event.type,
        collection_name=event.collection_name,
        record_id=event.record_id,
        record_version=event.record_version,
        plugin=plugin,
        hook=stored_key(key),
        outcome=DeliveryOutcome.SKIPPED,
        outcome_reason="loop",
        error=f"Events that plugins set off lie {event.depth} deep here, {MAX_DEPTH} is the most.",
        created_at=event.created_at,
        finished_at=event.created_at,
    )
