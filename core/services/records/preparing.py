"""A change on its way to its transaction: permission, hooks, validation; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from core.actors import Actor, authorize
from core.errors import FieldError, Invalid
from core.json_equality import same_json
from core.models import Collection, Record
from core.selectors.content_state import state_of_draft
from core.selectors.records import collection_named, missing_targets, record_with_id
from core.services.commands import CommandCall, let_through
from core.services.drafts import RecordDraft, changed_draft, check_draft, new_draft
from core.services.event_drafts import filtered_event
from core.services.recording import require_no_transaction, require_version
from core.signals import before_record_create, before_record_update


def creation_command(
    *,
    collection: Collection | str,
    data: Mapping[str, Any],
    title: str,
    slug: str,
    locale: str,
    comment: str,
    actor: Actor,
) -> CommandCall:
    """Return the use case `create_record`; see that function for the arguments."""
    arguments = {
        "collection": collection,
        "data": data,
        "title": title,
        "slug": slug,
        "locale": locale,
        "comment": comment,
    }
    return CommandCall("create_record", arguments, actor)


def update_command(
    *,
    record_id: UUID | str,
    data: Mapping[str, Any] | None,
    merge: bool,
    title: str | None,
    slug: str | None,
    locale: str | None,
    expected_version: int | None,
    comment: str,
    actor: Actor,
) -> CommandCall:
    """Return the use case `update_record`; see that function for the arguments."""
    arguments = {
        "record_id": record_id,
        "data": data,
        "merge": merge,
        "title": title,
        "slug": slug,
        "locale": locale,
        "expected_version": expected_version,
        "comment": comment,
    }
    return CommandCall("update_record", arguments, actor)


def prepare_creation(command: CommandCall, *, source_path: str = "", source_hash: str = "") -> RecordDraft:
    """Take a new record through permission, hooks and validation; nothing is written."""
    require_no_transaction()
    collection = _collection_to_create_in(command)
    if let_through(command):
        collection = _collection_to_create_in(command)
    draft = new_draft(
        collection=collection,
        data=command["data"],
        title=command["title"],
        slug=command["slug"],
        locale=command["locale"],
        actor=command.actor,
    )
    draft.command, draft.comment = command, command["comment"]
    draft.source_path, draft.source_hash = source_path, source_hash
    before_record_create.send(sender=Collection, draft=draft)
    check_draft(draft)
    _check_relations(draft)
    draft.event_changes = filtered_event(
        "record.created",
        collection_name=collection.name,
        make_payload=lambda: state_of_draft(draft).payload() | {"version": 1},
        command=command,
    )
    return draft


def prepare_update(
    command: CommandCall,
    *,
    record: Record | None = None,
    source_path: str = "",
    source_hash: str = "",
) -> RecordDraft:
    """Take a change through permission, hooks and validation; nothing is written.

    Args:
        record: The one that the command names, where the caller has it already.
    """
    require_no_transaction()
    record = record_to_change(command, "record.update", known=record)
    if let_through(command):
        record = record_to_change(command, "record.update")
    draft = changed_draft(
        record=record,
        actor=command.actor,
        data=command["data"],
        merge=command["merge"],
        title=command["title"],
        slug=command["slug"],
        locale=command["locale"],
    )
    draft.command, draft.comment = command, command["comment"]
    draft.source_path = source_path or record.source_path
    draft.source_hash = source_hash or record.source_hash
    before_record_update.send(sender=Collection, draft=draft)
    check_draft(draft)
    _check_relations(draft)
    if not draft.same_as_stored():
        draft.event_changes = filtered_event(
            "record.updated",
            collection_name=record.collection.name,
            make_payload=lambda: (
                state_of_draft(draft).payload() | {"version": record.version + 1} | difference(draft)
            ),
            command=command,
        )
    return draft


def _collection_to_create_in(command: CommandCall) -> Collection:
    named = command["collection"]
    collection = collection_named(named) if isinstance(named, str) else named
    authorize(command.actor, "record.create", collection=collection.name)
    return collection


def record_to_change(command: CommandCall, action: str, *, known: Record | None = None) -> Record:
    """Return the record that a use case is about.

    Args:
        known: That record, where the caller has it already.

    Raises:
        Forbidden, NotFound, Stale.
    """
    record = known if known is not None else record_with_id(command["record_id"])
    authorize(command.actor, action, collection=record.collection.name, owner_id=owner_id(record))
    require_version(record, command["expected_version"])
    return record


def owner_id(record: Record) -> str | None:
    """Return the id of the user who wrote a record, for own-records rules."""
    return str(record.author_id) if record.author_id else None


def stored_record(draft: RecordDraft) -> Record:
    """Return the record that a change started from."""
    return cast("Record", draft.record)


def difference(draft: RecordDraft) -> dict[str, Any]:
    """What an event says about a change: names of changed fields, and the state before."""
    was = draft.previous
    assert was is not None  # an update has one
    names = sorted(was.data.keys() | draft.data.keys())
    changed = [name for name in names if not same_json(was.data.get(name), draft.data.get(name))]
    columns = [name for name in ("title", "slug", "locale") if getattr(was, name) != getattr(draft, name)]
    return {
        "changed": columns + [name for name in changed if name not in columns],
        "previous": {
            "title": was.title,
            "slug": was.slug,
            "locale": was.locale,
            "data": dict(was.data),
            "version": was.version,
            "status": was.state,
        },
    }


def relation_faults(draft: RecordDraft) -> list[FieldError]:
    """Return a fault for each new link to a record that is not there; old ones are publishing's concern."""
    before = draft.previous.data if draft.previous else {}
    new = {name: value for name, value in draft.data.items() if not same_json(before.get(name), value)}
    return missing_targets(draft.collection.schema, new, published=False)


def _check_relations(draft: RecordDraft) -> None:
    if errors := relation_faults(draft):
        raise Invalid("The record points at records that are not there.", errors=errors)
