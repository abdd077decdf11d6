"""One function per use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from core.actors import Actor
from core.errors import Conflict
from core.models import Collection, Record
from core.scope import current_actor
from core.selectors.content_state import state_of_record
from core.services.commands import CommandCall, complete_command, let_through, run_command
from core.services.deleting import delete_with_related
from core.services.drafts import RecordDraft
from core.services.event_drafts import filtered_event
from core.services.recording import lock_records, record_changes, require_no_transaction
from core.services.records.preparing import (
    creation_command,
    prepare_creation,
    prepare_update,
    record_to_change,
    stored_record,
    update_command,
)
from core.services.records.writing import content_transaction, insert_records, write_updates
from core.signals import before_record_delete

# So many writers would have to take the next number one after the other, each just before this one.
_SLUG_TRIES: Final = 10


def create_record(
    *,
    collection: Collection | str,
    data: Mapping[str, Any],
    title: str = "",
    slug: str = "",
    locale: str = "",
    comment: str = "",
    actor: Actor | None = None,
    now: datetime | None = None,
) -> Record:
    """Store a new record as a draft and return it.

    Args:
        title: Without one it is the data's `title` or `name`.
        slug: Without one it is made from the title and numbered if taken.

    Raises:
        Forbidden, NotFound (the collection), Invalid, Conflict (slug or unique value taken), or what a hook raises.
    """
    command = creation_command(
        collection=collection,
        data=data,
        title=title,
        slug=slug,
        locale=locale,
        comment=comment,
        actor=actor or current_actor(),
    )

    def create(command: CommandCall) -> Record:
        return _insert(prepare_creation(command), now=now or timezone.now())

    return run_command(command, create)


def _insert(draft: RecordDraft, *, now: datetime) -> Record:
    wanted = draft.slug
    for tries_left in reversed(range(_SLUG_TRIES)):
        try:
            with content_transaction():
                return insert_records([draft], now=now)[0]
        except Conflict as error:
            if draft.slug_is_chosen or error.code != "slug_taken" or not tries_left:
                raise
            # Somebody took the number at the same moment; by now it can be seen.
            draft.slug = wanted
    raise AssertionError  # the last try returns or raises


def update_record(
    *,
    record_id: UUID | str,
    data: Mapping[str, Any] | None = None,
    merge: bool = False,
    title: str | None = None,
    slug: str | None = None,
    locale: str | None = None,
    expected_version: int | None = None,
    comment: str = "",
    actor: Actor | None = None,
    now: datetime | None = None,
    also: Callable[[Record], object] | None = None,
) -> Record:
    """Change a record's working copy and return it; a change that changes nothing writes nothing.

    Args:
        data: All fields; with `merge` only those to change (RFC 7396: null takes a field away).
        expected_version: The version that the caller saw.
        also: Called with the changed record inside the transaction, to write what belongs to the change.

    Raises:
        Forbidden, NotFound, Stale, Invalid, Conflict (slug or unique value taken), or what a hook raises.
    """
    command = update_command(
        record_id=record_id,
        data=data,
        merge=merge,
        title=title,
        slug=slug,
        locale=locale,
        expected_version=expected_version,
        comment=comment,
        actor=actor or current_actor(),
    )

    def update(command: CommandCall) -> Record:
        draft = prepare_update(command)
        with content_transaction():
            if draft.same_as_stored():
                complete_command(command, record=draft.record)
                return stored_record(draft)
            record = write_updates([draft], now=now or timezone.now())[0]
            if also is not None:
                also(record)
            return record

    return run_command(command, update)


def delete_record(
    *,
    record_id: UUID | str,
    expected_version: int | None = None,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> None:
    """Delete a record with its history and, if it was live, its page; the event keeps its last state.

    Raises:
        Forbidden, NotFound, Stale, or what a hook raises.
    """
    command = CommandCall(
        "delete_record",
        {"record_id": record_id, "expected_version": expected_version},
        actor or current_actor(),
    )
    return run_command(command, partial(_delete, now=now or timezone.now()))


def _delete(command: CommandCall, *, now: datetime) -> None:
    require_no_transaction()
    record = record_to_change(command, "record.delete")
    if let_through(command):
        record = record_to_change(command, "record.delete")
    before_record_delete.send(sender=Collection, record=record, actor=command.actor, command=command)
    changes = filtered_event(
        "record.deleted",
        collection_name=record.collection.name,
        make_payload=lambda: state_of_record(record).payload() | {"version": record.version + 1},
        command=command,
    )
    with content_transaction():
        locked = lock_records({record.pk: record.version})[record.pk]
        locked.version += 1
        record_changes([locked], action="deleted", actor=command.actor, now=now, extra={locked.pk: changes})
        complete_command(command, record=locked)
        delete_with_related(locked)
