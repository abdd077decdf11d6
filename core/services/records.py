"""Creating, changing and deleting records.

Each function: permission, filter and gate hooks with no transaction open, validation of what the hooks left, then one
transaction in which the version is checked again and record, side table, revision and event are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core.actors import Actor, authorize
from core.errors import Conflict, FieldError, Invalid
from core.ids import uuid7
from core.models import Collection, FieldValue, Record
from core.models.field_value import TEXT_VALUE_MAX_LENGTH
from core.models.record import RecordState
from core.schema_keywords import as_uuid, fields_with, properties, value_kind
from core.scope import current_actor, require_tenant
from core.selectors.records import collection_named, missing_targets, record_with_id
from core.services.deleting import delete_with_related
from core.services.drafts import RecordDraft, changed_draft, check_draft, new_draft
from core.services.field_values import distinct_values, field_value_rows, replace_field_values
from core.services.recording import lock_records, record_changes, require_no_transaction, require_version
from core.signals import before_record_create, before_record_delete, before_record_update


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
    draft = prepare_creation(
        collection=collection_named(collection) if isinstance(collection, str) else collection,
        data=data,
        title=title,
        slug=slug,
        locale=locale,
        comment=comment,
        actor=actor or current_actor(),
    )
    wanted = draft.slug
    for tries_left in reversed(range(_SLUG_TRIES)):
        try:
            with content_transaction():
                return insert_records([draft], now=now or timezone.now())[0]
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
) -> Record:
    """Change a record's working copy and return it; a change that changes nothing writes nothing.

    Args:
        data: All fields; with `merge` only those to change (RFC 7396: null takes a field away).
        expected_version: The version that the caller saw.

    Raises:
        Forbidden, NotFound, Stale, Invalid, Conflict (slug or unique value taken), or what a hook raises.
    """
    draft = prepare_update(
        record=record_with_id(record_id),
        data=data,
        merge=merge,
        title=title,
        slug=slug,
        locale=locale,
        expected_version=expected_version,
        comment=comment,
        actor=actor or current_actor(),
    )
    if draft.same_as_stored():
        return stored_record(draft)
    with content_transaction():
        return write_updates([draft], now=now or timezone.now())[0]


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
    actor = actor or current_actor()
    record = record_with_id(record_id)
    authorize(actor, "record.delete", collection=record.collection.name, owner_id=owner_id(record))
    require_version(record, expected_version)
    require_no_transaction()
    before_record_delete.send(sender=Collection, record=record, actor=actor)
    with content_transaction():
        record = lock_records({record.pk: record.version})[record.pk]
        record.version += 1
        record_changes([record], action="deleted", actor=actor, now=now or timezone.now())
        delete_with_related(record)


def prepare_creation(
    *,
    collection: Collection,
    data: Mapping[str, Any],
    title: str,
    slug: str,
    locale: str,
    actor: Actor,
    comment: str = "",
    source_path: str = "",
    source_hash: str = "",
) -> RecordDraft:
    """Take a new record through permission, hooks and validation; nothing is written."""
    authorize(actor, "record.create", collection=collection.name)
    require_no_transaction()
    draft = new_draft(collection=collection, data=data, title=title, slug=slug, locale=locale, actor=actor)
    draft.comment, draft.source_path, draft.source_hash = comment, source_path, source_hash
    before_record_create.send(sender=Collection, draft=draft)
    check_draft(draft)
    _check_relations(draft)
    return draft


def prepare_update(
    *,
    record: Record,
    data: Mapping[str, Any] | None,
    merge: bool,
    title: str | None,
    slug: str | None,
    locale: str | None,
    expected_version: int | None,
    actor: Actor,
    comment: str = "",
    source_path: str = "",
    source_hash: str = "",
) -> RecordDraft:
    """Take a change through permission, hooks and validation; nothing is written."""
    authorize(actor, "record.update", collection=record.collection.name, owner_id=owner_id(record))
    require_version(record, expected_version)
    require_no_transaction()
    draft = changed_draft(
        record=record, actor=actor, data=data, merge=merge, title=title, slug=slug, locale=locale
    )
    draft.comment = comment
    draft.source_path = source_path or record.source_path
    draft.source_hash = source_hash or record.source_hash
    before_record_update.send(sender=Collection, draft=draft)
    check_draft(draft)
    _check_relations(draft)
    return draft


def insert_records(drafts: Sequence[RecordDraft], *, now: datetime) -> list[Record]:
    """Write prepared creations of one collection; the caller holds the transaction."""
    _number_slugs(drafts)
    records = [_new_record(draft, now) for draft in drafts]
    pairs = list(zip(drafts, records, strict=True))
    for draft, record in pairs:
        _check_unique(draft, record.pk)
    Record.objects.bulk_create(records)
    FieldValue.objects.bulk_create(_working_rows(records))
    comments = {record.pk: draft.comment for draft, record in pairs}
    record_changes(records, action="created", actor=drafts[0].actor, now=now, comments=comments)
    return records


def write_updates(drafts: Sequence[RecordDraft], *, now: datetime) -> list[Record]:
    """Write prepared changes; the caller holds the transaction."""
    locked = lock_records({stored_record(draft).pk: stored_record(draft).version for draft in drafts})
    records = [_changed_record(locked[stored_record(draft).pk], draft, now) for draft in drafts]
    for draft, record in zip(drafts, records, strict=True):
        _check_unique(draft, record.pk)
        record.save(update_fields=_CHANGED_COLUMNS)
    replace_field_values(
        _working_rows(records), record_ids=[record.pk for record in records], is_published=False
    )
    record_changes(
        records,
        action="updated",
        actor=drafts[0].actor,
        now=now,
        comments={stored_record(draft).pk: draft.comment for draft in drafts},
        extra={stored_record(draft).pk: _difference(draft) for draft in drafts},
    )
    return records


@contextmanager
def content_transaction() -> Iterator[None]:
    """One transaction of a content service; a slug that somebody else took at the same moment is a `Conflict`."""
    try:
        with transaction.atomic(durable=True):
            yield
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if diagnosis is not None and diagnosis.constraint_name == "core_record_slug_key":
            raise slug_conflict("") from error
        raise


def slug_conflict(slug: str) -> Conflict:
    """Return the error of a slug that another record of the collection has."""
    message = f"The slug {slug!r} is taken; choose another." if slug else "The slug is taken; choose another."
    return Conflict(
        message, code="slug_taken", errors=[FieldError(pointer="/slug", message=message, code="unique")]
    )


def owner_id(record: Record) -> str | None:
    """Return the id of the user who wrote a record, for own-records rules."""
    return str(record.author_id) if record.author_id else None


def stored_record(draft: RecordDraft) -> Record:
    """Return the record that a change started from."""
    return cast("Record", draft.record)


# So many writers would have to take the next number one after the other, each just before this one.
_SLUG_TRIES: Final = 10
_CHANGED_COLUMNS = (
    "title",
    "slug",
    "locale",
    "data",
    "version",
    "state",
    "source_path",
    "source_hash",
    "updated_at",
)


def _new_record(draft: RecordDraft, now: datetime) -> Record:
    return Record(
        id=uuid7(),
        collection=draft.collection,
        slug=draft.slug,
        locale=draft.locale,
        title=draft.title,
        data=draft.data,
        author_id=as_uuid(draft.actor.person_id) if draft.actor.person_id else None,
        source_path=draft.source_path,
        source_hash=draft.source_hash,
        created_at=now,
        updated_at=now,
    )


def _changed_record(record: Record, draft: RecordDraft, now: datetime) -> Record:
    slug_was = record.slug, record.locale
    record.title, record.slug, record.locale, record.data = draft.title, draft.slug, draft.locale, draft.data
    record.source_path, record.source_hash = draft.source_path, draft.source_hash
    record.version += 1
    record.updated_at = now
    if record.state == RecordState.PUBLISHED:
        record.state = RecordState.CHANGED
    if (record.slug, record.locale) != slug_was and _slug_is_taken(record):
        raise slug_conflict(record.slug)
    return record


def _slug_is_taken(record: Record) -> bool:
    same = Record.objects.filter(collection=record.collection_id, locale=record.locale, slug=record.slug)
    return bool(same.exclude(pk=record.pk).exists())


def _number_slugs(drafts: Sequence[RecordDraft]) -> None:
    """Give slugs that nobody chose a free number; refuse chosen ones that are taken."""
    collection = drafts[0].collection
    given: set[tuple[str, str]] = set()
    wanted = {draft.slug for draft in drafts}
    taken = set(Record.objects.filter(collection=collection, slug__in=wanted).values_list("locale", "slug"))
    for draft in drafts:
        if (draft.locale, draft.slug) in taken | given:
            if draft.slug_is_chosen:
                raise slug_conflict(draft.slug)
            draft.slug = _free_slug(draft, given)
        given.add((draft.locale, draft.slug))


def _free_slug(draft: RecordDraft, given: set[tuple[str, str]]) -> str:
    alike = Record.objects.filter(
        collection=draft.collection, locale=draft.locale, slug__startswith=f"{draft.slug}-"
    )
    taken = set(alike.values_list("slug", flat=True)) | {
        slug for locale, slug in given if locale == draft.locale
    }
    number = 2
    while f"{draft.slug}-{number}" in taken:
        number += 1
    return f"{draft.slug}-{number}"


def _working_rows(records: Sequence[Record]) -> list[FieldValue]:
    return [
        row
        for record in records
        for row in field_value_rows(
            collection_id=record.collection_id,
            record_id=record.pk,
            schema=record.collection.schema,
            data=record.data,
            is_published=False,
        )
    ]


def _check_relations(draft: RecordDraft) -> None:
    """Refuse new links to records that are not there; old ones are publishing's concern."""
    before = draft.previous.data if draft.previous else {}
    new = {name: value for name, value in draft.data.items() if before.get(name) != value}
    if errors := missing_targets(draft.collection.schema, new, published=False):
        raise Invalid("The record points at records that are not there.", errors=errors)


def _check_unique(draft: RecordDraft, record_id: UUID) -> None:
    """Refuse a value of an `x-unique` field that another record has; a lock on the value keeps it so until commit."""
    schema = draft.collection.schema
    subschemas = properties(schema)
    for name in fields_with(schema, "x-unique"):
        kind = value_kind(subschemas[name])
        for value in distinct_values(kind, draft.data.get(name)):
            _lock_value(f"{require_tenant().tenant_id} {draft.collection.pk} {draft.locale} {name} {value}")
            same = FieldValue.objects.filter(
                collection=draft.collection,
                field=name,
                is_published=False,
                record__locale=draft.locale,
                **{f"{kind}_value": value},
            )
            if same.exclude(record=record_id).exists():
                raise _value_conflict(name, draft.data[name])


def _value_conflict(name: str, value: Any) -> Conflict:
    shown = str(value)[:80] if len(str(value)) < TEXT_VALUE_MAX_LENGTH else f"{str(value)[:80]}…"
    message = f"Another record has {name} {shown!r} already; it must be unique."
    return Conflict(
        message,
        code="not_unique",
        errors=[FieldError(pointer=f"/data/{name}", message=message, code="unique")],
    )


def _lock_value(value: str) -> None:
    digest = hashlib.blake2b(value.encode(), digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest, "big", signed=True)])


def _difference(draft: RecordDraft) -> dict[str, Any]:
    """What an event says about a change: names of changed fields, and the state before."""
    was = draft.previous
    assert was is not None  # an update has one
    names = sorted(was.data.keys() | draft.data.keys())
    changed = [name for name in names if was.data.get(name) != draft.data.get(name)]
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
