"""Making a record's working copy the one that the public sees, and taking it away again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.utils import timezone

from core.actors import Actor
from core.errors import Conflict, FieldError, Invalid
from core.models import Collection, FieldValue, PublishedSnapshot, Record
from core.models.record import RecordState
from core.rendering.body import Body, render_body
from core.schema_keywords import properties
from core.scope import current_actor
from core.selectors.content_state import ContentState, state_of_record, timestamp
from core.selectors.records import missing_targets
from core.services.commands import CommandCall, complete_command, let_through, run_command
from core.services.event_drafts import filtered_event
from core.services.field_values import field_value_rows, replace_field_values
from core.services.recording import lock_records, record_changes, require_no_transaction
from core.services.records import content_transaction, record_to_change
from core.signals import before_record_publish, before_record_unpublish


@dataclass(frozen=True, slots=True, kw_only=True)
class GateNote:
    """What a plugin has to say about a publication."""

    plugin: str
    message: str


@dataclass(slots=True, kw_only=True)
class PublicationNotes:
    """What plugins have to say about a publication that they let through.

    Args:
        scores: Figures of quality, as (plugin, figure); each on the plugin's own scale.
    """

    warnings: list[GateNote] = field(default_factory=list)
    scores: list[tuple[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A record that may be published, its text rendered.

    Args:
        published_at: Since when it counts as published.
        event_changes: What the event shall say besides, or instead.
    """

    record: Record
    body: Body
    published_at: datetime
    command: CommandCall
    event_changes: Mapping[str, Any]


def publish_record(
    *,
    record_id: UUID | str,
    expected_version: int | None = None,
    published_at: datetime | None = None,
    comment: str = "",
    actor: Actor | None = None,
    now: datetime | None = None,
    notes: PublicationNotes | None = None,
) -> Record:
    """Make the working copy live, also when it is already, and return the record.

    Args:
        published_at: Since when it counts as published; else the first publication, else now.
        notes: What plugins have to say is added to it.

    Raises:
        Forbidden, NotFound, Stale, Invalid (the data no longer fits the schema, or points at records that are not
        there or not published), Conflict (a gate, or its address is in use), or what a hook raises.
    """
    moment = now or timezone.now()
    command = publication_command(
        record_id=record_id,
        expected_version=expected_version,
        published_at=published_at,
        comment=comment,
        actor=actor or current_actor(),
    )

    def publish(command: CommandCall) -> Record:
        publication = prepare_publication(command, now=moment, notes=notes)
        with content_transaction():
            return write_publications([publication], now=moment)[0]

    return run_command(command, publish)


def unpublish_record(
    *,
    record_id: UUID | str,
    expected_version: int | None = None,
    comment: str = "",
    actor: Actor | None = None,
    now: datetime | None = None,
) -> Record:
    """Take a record off the site and return it as a draft.

    Raises:
        Forbidden, NotFound, Stale, Conflict (it is not published), or what a hook raises.
    """
    command = CommandCall(
        "unpublish_record",
        {"record_id": record_id, "expected_version": expected_version, "comment": comment},
        actor or current_actor(),
    )
    return run_command(command, partial(_unpublish, now=now or timezone.now()))


def _unpublish(command: CommandCall, *, now: datetime) -> Record:
    require_no_transaction()
    record = _record_to_unpublish(command)
    if let_through(command):
        record = _record_to_unpublish(command)
    before_record_unpublish.send(sender=Collection, record=record, actor=command.actor, command=command)
    changes = _filtered_event(record, RecordState.DRAFT, command)
    with content_transaction():
        locked = lock_records({record.pk: record.version})[record.pk]
        PublishedSnapshot.objects.filter(record=locked).delete()
        FieldValue.objects.filter(record=locked, is_published=True).delete()
        _advance(locked, RecordState.DRAFT, now)
        record_changes(
            [locked],
            action="unpublished",
            actor=command.actor,
            now=now,
            comments={locked.pk: command["comment"]},
            extra={locked.pk: changes},
        )
        complete_command(command, record=locked)
    return locked


def _record_to_unpublish(command: CommandCall) -> Record:
    record = record_to_change(command, "record.publish")
    if record.state not in {RecordState.PUBLISHED, RecordState.CHANGED}:
        raise Conflict(f"“{record}” is not published.", code="not_published")
    return record


def publication_command(
    *,
    record_id: UUID | str,
    expected_version: int | None,
    published_at: datetime | None,
    comment: str,
    actor: Actor,
) -> CommandCall:
    """Return the use case `publish_record`; see that function for the arguments."""
    arguments = {
        "record_id": record_id,
        "expected_version": expected_version,
        "published_at": published_at,
        "comment": comment,
    }
    return CommandCall("publish_record", arguments, actor)


def prepare_publication(
    command: CommandCall,
    *,
    now: datetime,
    record: Record | None = None,
    notes: PublicationNotes | None = None,
) -> Publication:
    """Take a publication through permission, checks, gates and rendering; nothing is written.

    Args:
        record: The one that the command names, where the caller has it already.
    """
    require_no_transaction()
    record = record_to_change(command, "record.publish", known=record)
    if let_through(command):
        record = record_to_change(command, "record.publish")
    _check_publishable(record)
    before_record_publish.send(
        sender=Collection,
        record=record,
        actor=command.actor,
        command=command,
        notes=notes if notes is not None else PublicationNotes(),
    )
    published_at = command["published_at"] or record.published_at or now
    return Publication(
        record=record,
        body=render_body(schema=record.collection.schema, data=record.data, title=record.title),
        published_at=published_at,
        command=command,
        event_changes=_filtered_event(record, RecordState.PUBLISHED, command, published_at=published_at),
    )


def _filtered_event(
    record: Record, state: RecordState, command: CommandCall, *, published_at: datetime | None = None
) -> Mapping[str, Any]:
    """Let plugins say what the event of a publication, or of its end, shall say."""

    def make_payload() -> dict[str, Any]:
        payload = state_of_record(record).payload()
        moment = timestamp(published_at) if published_at is not None else payload["published_at"]
        return payload | {"status": str(state), "version": record.version + 1, "published_at": moment}

    kind = "record.published" if state is RecordState.PUBLISHED else "record.unpublished"
    return filtered_event(
        kind, collection_name=record.collection.name, make_payload=make_payload, command=command
    )


def write_publications(publications: Sequence[Publication], *, now: datetime) -> list[Record]:
    """Write prepared publications; the caller holds the transaction."""
    locked = lock_records({publication.record.pk: publication.record.version for publication in publications})
    records, snapshots, rows = [], [], []
    for publication in publications:
        record = locked[publication.record.pk]
        record.published_at = publication.published_at
        _advance(record, RecordState.PUBLISHED, now)
        snapshots.append(_snapshot(record, publication, now))
        rows += field_value_rows(
            collection_id=record.collection_id,
            record_id=record.pk,
            schema=record.collection.schema,
            data=record.data,
            is_published=True,
        )
        records.append(record)
    _check_addresses(snapshots)
    PublishedSnapshot.objects.filter(record__in=[record.pk for record in records]).delete()
    PublishedSnapshot.objects.bulk_create(snapshots)
    replace_field_values(rows, record_ids=[record.pk for record in records], is_published=True)
    record_changes(
        records,
        action="published",
        actor=publications[0].command.actor,
        now=now,
        comments={one.record.pk: one.command["comment"] for one in publications},
        extra={one.record.pk: one.event_changes for one in publications},
    )
    for publication, record in zip(publications, records, strict=True):
        complete_command(publication.command, record=record)
    return records


def delivery_document(state: ContentState) -> dict[str, Any]:
    """Return what the delivery API answers for a published record."""
    return {
        "id": str(state.record_id),
        "collection": state.collection,
        "slug": state.slug,
        "locale": state.locale,
        "title": state.title,
        "path": state.path,
        "version": state.version,
        "author": state.author,
        "published_at": timestamp(state.published_at),
        "updated_at": timestamp(state.updated_at),
        "created_at": timestamp(state.created_at),
        "data": _in_schema_order(state),
    }


def _in_schema_order(state: ContentState) -> dict[str, Any]:
    """The fields as the schema names them; jsonb keeps an order of its own."""
    named = [name for name in properties(state.schema) if name in state.data]
    return {name: state.data[name] for name in (*named, *state.data)}


def _check_publishable(record: Record) -> None:
    errors = missing_targets(record.collection.schema, record.data, published=True)
    if errors:
        raise Invalid(f"“{record}” points at records that are missing or not published.", errors=errors)
    if not record.title and record.collection.has_pages:
        message = "A page needs a title."
        raise Invalid(message, errors=[FieldError(pointer="/title", message=message, code="required")])


def _advance(record: Record, state: RecordState, now: datetime) -> None:
    record.state = state
    record.version += 1
    record.updated_at = now
    record.save(update_fields=["state", "version", "updated_at", "published_at"])


def _snapshot(record: Record, publication: Publication, now: datetime) -> PublishedSnapshot:
    state = state_of_record(record)
    document = json.dumps(delivery_document(state), ensure_ascii=False, separators=(",", ":"))
    return PublishedSnapshot(
        record=record,
        collection=record.collection,
        collection_name=record.collection.name,
        slug=record.slug,
        locale=record.locale,
        title=record.title,
        path=state.path,
        version=record.version,
        document=document,
        etag=f'"{hashlib.sha256(document.encode()).hexdigest()[:32]}"',
        page_html=publication.body.html if record.collection.has_pages else "",
        excerpt=publication.body.excerpt,
        is_public=record.collection.is_public,
        published_at=publication.published_at,
        updated_at=now,
    )


def _check_addresses(snapshots: Sequence[PublishedSnapshot]) -> None:
    """Refuse an address at which another record is still live under an older slug."""
    ids = [snapshot.record_id for snapshot in snapshots]
    slugs = {(snapshot.collection_name, snapshot.locale, snapshot.slug) for snapshot in snapshots}
    others = PublishedSnapshot.objects.filter(
        collection_name__in={name for name, _, _ in slugs}, slug__in={slug for _, _, slug in slugs}
    ).exclude(record__in=ids)
    for name, locale, slug, title in others.values_list("collection_name", "locale", "slug", "title"):
        if (name, locale, slug) in slugs:
            message = (
                f"The published version of “{title}” still has the slug {slug!r}; publish its new slug first."
            )
            raise Conflict(
                message,
                code="slug_live",
                errors=[FieldError(pointer="/slug", message=message, code="unique")],
            )
