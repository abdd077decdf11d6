"""What every change of a record writes besides the record: revision and event, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from core.actors import Actor
from core.errors import Stale
from core.models import Event, Record, Revision
from core.scope import require_tenant
from core.selectors.content_state import ContentState, state_of_record
from core.signals import event_recorded

type RecordAction = Literal["created", "updated", "deleted", "published", "unpublished"]


def require_no_transaction() -> None:
    """Refuse to go on inside a transaction: hooks may take seconds, and locks would be held that long.

    Raises:
        RuntimeError: The caller opened one; a programming error.
    """
    if connection.in_atomic_block:
        raise RuntimeError(
            "Content services open their own transaction; call them outside of transaction.atomic()."
        )


def lock_records(versions: Mapping[UUID, int]) -> dict[UUID, Record]:
    """Lock records, collections loaded, and make sure that nobody changed them meanwhile.

    Args:
        versions: Id -> version that the caller worked on.

    Raises:
        Stale: A record has another version by now, or is gone.
    """
    locked = Record.objects.select_for_update(of=("self",)).select_related("collection").order_by("pk")
    found = {record.pk: record for record in locked.filter(pk__in=list(versions))}
    for pk, version in versions.items():
        record = found.get(pk)
        if record is None:
            raise Stale(f"Record {pk} was deleted meanwhile.")
        require_version(record, version)
    return found


def require_version(record: Record, expected: int | None) -> None:
    """Refuse a change that was made for another version; None expects nothing.

    Raises:
        Stale: with both versions.
    """
    if expected is not None and record.version != expected:
        raise Stale(
            f"“{record}” is at version {record.version}, not {expected}: somebody changed it. Load it again."
        )


def record_changes(
    records: Sequence[Record],
    *,
    action: RecordAction,
    actor: Actor,
    now: datetime,
    comments: Mapping[UUID, str] | None = None,
    extra: Mapping[UUID, Mapping[str, Any]] | None = None,
) -> list[Event]:
    """Write a revision (but for deletions) and an event per record and send `event_recorded` for each.

    Args:
        extra: Id -> further keys of the event's payload.
    """
    if action != "deleted":
        Revision.objects.bulk_create(
            _revision(record, action, actor, now, (comments or {}).get(record.pk, "")) for record in records
        )
    states = [(record, state_of_record(record)) for record in records]
    events = Event.objects.bulk_create(
        _event(state, f"record.{action}", actor, now, (extra or {}).get(record.pk, {}))
        for record, state in states
    )
    for event in events:
        event_recorded.send(sender=Event, event=event)
    return events


def _revision(record: Record, action: str, actor: Actor, now: datetime, comment: str) -> Revision:
    return Revision(
        record=record,
        version=record.version,
        title=record.title,
        slug=record.slug,
        locale=record.locale,
        data=record.data,
        action=action,
        actor=actor.reference[:120],
        actor_label=actor.label[:254],
        comment=comment[:500],
        created_at=now,
    )


def _event(state: ContentState, kind: str, actor: Actor, now: datetime, extra: Mapping[str, Any]) -> Event:
    scope = require_tenant()
    return Event(
        type=kind,
        collection_name=state.collection,
        record_id=state.record_id,
        record_version=state.version,
        payload=state.payload() | dict(extra),
        actor=actor.reference[:120],
        actor_label=actor.label[:254],
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        depth=scope.depth,
        created_at=now,
    )
