"""Writing prepared changes; who calls these holds the transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from core.errors import Conflict, FieldError
from core.ids import uuid7
from core.models import FieldValue, Record
from core.models.field_value import TEXT_VALUE_MAX_LENGTH
from core.models.record import RecordState
from core.schema_keywords import as_uuid, fields_with, properties, value_kind
from core.scope import require_tenant
from core.services.commands import complete_command
from core.services.drafts import RecordDraft
from core.services.field_values import distinct_values, field_value_rows, replace_field_values
from core.services.recording import lock_records, record_changes
from core.services.records.preparing import difference, stored_record


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
    record_changes(
        records,
        action="created",
        actor=drafts[0].actor,
        now=now,
        comments=comments,
        extra={record.pk: draft.event_changes for draft, record in pairs},
    )
    for draft, record in pairs:
        complete_command(draft.command, record=record)
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
        extra={stored_record(draft).pk: difference(draft) | dict(draft.event_changes) for draft in drafts},
    )
    for draft, record in zip(drafts, records, strict=True):
        complete_command(draft.command, record=record)
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
