"""Bringing files in as records, many at a time, through the same steps as single changes.

The identity of a file's record is its path in the imported folder; the hash of its bytes says whether it changed. A
batch is prepared file by file (hooks, validation, rendering, no transaction open) and written in one transaction.
Where that fails, its files are tried one by one, so that one bad file costs nobody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import Any, Final, Literal

from django.utils import timezone

from core.actors import Actor
from core.errors import TenantryError
from core.importing.infer import infer_schema, merge_schemas, parse_moment
from core.importing.source import SourceFile, read_source, source_paths
from core.models import Collection, Record
from core.models.record import RecordState
from core.scope import current_actor
from core.selectors.records import collection_named
from core.services.collections import create_collection, update_collection_schema
from core.services.drafts import RecordDraft
from core.services.publishing import prepare_publication, write_publications
from core.services.records import (
    content_transaction,
    insert_records,
    prepare_creation,
    prepare_update,
    stored_record,
    write_updates,
)

type Outcome = Literal["created", "updated", "published", "unchanged", "failed"]
type Progress = Callable[[int], None]

BATCH_SIZE: Final = 50
# Fields that say since when something has been public.
DATE_FIELDS: Final = ("date", "published_at", "publish_date", "pub_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why one file is not in.

    Args:
        path: Relative to the imported folder.
    """

    path: str
    messages: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What an import did.

    Args:
        counts: A file counts as created or updated, and besides as published where it was.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    schema_changed: bool = False

    def fail(self, path: str, error: Exception) -> None:
        """Note that a file is not in, or not published."""
        self.counts["failed"] += 1
        self.faults.append(Fault(path=path, messages=tuple(_messages(error))))


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """A folder that was read, and what would become of it.

    Args:
        collection: None where it would be made first.
    """

    collection: Collection | None
    sources: Sequence[SourceFile]
    known: dict[str, Record]
    schema: dict[str, Any] | None

    def outcome(self, source: SourceFile) -> Outcome:
        """Say what an import makes of a file, as far as that can be told without trying."""
        record = self.known.get(source.path)
        if record is None:
            return "created"
        return "unchanged" if record.source_hash == source.sha256 else "updated"


def read_folder(folder: Path, report: ImportReport, progress: Progress = lambda _: None) -> list[SourceFile]:
    """Read all Markdown files of a folder; the faults of those that cannot be read go to `report`."""
    sources = []
    for path in source_paths(folder):
        try:
            sources.append(read_source(folder, path))
        except (TenantryError, OSError) as error:
            report.fail(path.relative_to(folder).as_posix(), error)
        progress(1)
    return sources


def plan_import(*, sources: Sequence[SourceFile], name: str, infer: bool) -> FolderPlan:
    """Return what importing into a collection would mean; nothing is changed.

    Raises:
        NotFound: There is no such collection, and `infer` does not allow to make it.
    """
    if infer:
        collection = Collection.objects.filter(name=name).first()
        found = infer_schema([source.parsed.fields for source in sources])
        schema = merge_schemas(collection.schema, found) if collection else found
    else:
        collection, schema = collection_named(name), None
    known = Record.objects.filter(collection=collection).exclude(source_path="") if collection else ()
    return FolderPlan(
        collection=collection,
        sources=sources,
        known={record.source_path: record for record in known},
        schema=schema,
    )


def run_import(
    *,
    plan: FolderPlan,
    name: str,
    publish: bool,
    report: ImportReport,
    progress: Progress = lambda _: None,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> ImportReport:
    """Carry out a plan and return the report; files that fail are in its faults, all others are in.

    Args:
        publish: Publish what is new or changed, and what is not live yet; files that call themselves drafts excepted.
    """
    actor, now = actor or current_actor(), now or timezone.now()
    collection = _collection_for(plan, name, report, actor)
    for chunk in batched(plan.sources, BATCH_SIZE):
        saved = _save(chunk, plan, collection, report, actor, now)
        if publish:
            _publish(chunk, saved, plan, report, actor, now)
        progress(len(chunk))
    return report


def _collection_for(plan: FolderPlan, name: str, report: ImportReport, actor: Actor) -> Collection:
    if plan.collection is None:
        report.schema_changed = True
        return create_collection(name=name, schema=plan.schema or {}, actor=actor)
    if plan.schema is not None and plan.schema != plan.collection.schema:
        report.schema_changed = True
        return update_collection_schema(name=name, schema=plan.schema, actor=actor)
    return plan.collection


def _save(
    chunk: Sequence[SourceFile],
    plan: FolderPlan,
    collection: Collection,
    report: ImportReport,
    actor: Actor,
    now: datetime,
) -> dict[str, Record]:
    """Create and update what the files say; return path -> record of the files that are in, changed or not."""
    saved: dict[str, Record] = {}
    new: list[tuple[SourceFile, RecordDraft]] = []
    changed: list[tuple[SourceFile, RecordDraft]] = []
    for source in chunk:
        outcome = plan.outcome(source)
        try:
            if outcome == "created":
                new.append((source, _creation(source, collection, actor)))
            elif outcome == "updated":
                changed.append((source, _update(source, plan.known[source.path], actor)))
            else:
                saved[source.path] = plan.known[source.path]
                report.counts["unchanged"] += 1
        except TenantryError as error:
            report.fail(source.path, error)
    for outcome, pairs, write in (("created", new, insert_records), ("updated", changed, write_updates)):
        saved |= _write_all(outcome, pairs, write, report, now)
    return saved


def _write_all(
    outcome: Outcome,
    pairs: Sequence[tuple[SourceFile, RecordDraft]],
    write: Callable[..., list[Record]],
    report: ImportReport,
    now: datetime,
) -> dict[str, Record]:
    written = {}
    for source, result in _attempts(pairs, lambda drafts: write(drafts, now=now)):
        if isinstance(result, TenantryError):
            report.fail(source.path, result)
        else:
            report.counts[outcome] += 1
            written[source.path] = result
    return written


def _publish(
    chunk: Sequence[SourceFile],
    saved: dict[str, Record],
    plan: FolderPlan,
    report: ImportReport,
    actor: Actor,
    now: datetime,
) -> None:
    ready = []
    for source in chunk:
        record = saved.get(source.path)
        if record is None or not source.wants_publishing or record.state == RecordState.PUBLISHED:
            continue
        try:
            publication = prepare_publication(
                record=record,
                expected_version=None,
                published_at=_published_at(source, now),
                actor=actor,
                now=now,
            )
        except TenantryError as error:
            report.fail(source.path, error)
            continue
        ready.append((source, publication))
    for source, result in _attempts(
        ready, lambda publications: write_publications(publications, actor=actor, now=now)
    ):
        if isinstance(result, TenantryError):
            report.fail(source.path, result)
        else:
            report.counts["published"] += 1
            if plan.outcome(source) == "unchanged":
                # Only publishing was left to do, so this file did change something.
                report.counts["unchanged"] -= 1


def _attempts[T](
    pairs: Sequence[tuple[SourceFile, T]], write: Callable[[list[T]], list[Record]]
) -> Iterator[tuple[SourceFile, Record | TenantryError]]:
    """Write all in one transaction; where that is refused, each in its own. Yields each file's record or error."""
    if not pairs:
        return
    try:
        with content_transaction():
            records = write([item for _, item in pairs])
    except TenantryError as error:
        if len(pairs) == 1:
            yield pairs[0][0], error
            return
        for pair in pairs:
            yield from _attempts([pair], write)
        return
    for (source, _), record in zip(pairs, records, strict=True):
        yield source, record


def _creation(source: SourceFile, collection: Collection, actor: Actor) -> RecordDraft:
    return prepare_creation(
        collection=collection,
        data=source.data(collection.schema),
        title=source.title,
        slug=source.slug,
        locale="",
        actor=actor,
        comment=f"Imported from {source.path}",
        source_path=source.path,
        source_hash=source.sha256,
    )


def _update(source: SourceFile, record: Record, actor: Actor) -> RecordDraft:
    record = Record.objects.select_related("collection").get(pk=record.pk)
    draft = prepare_update(
        record=record,
        data=source.data(record.collection.schema),
        merge=False,
        title=source.title,
        slug=source.slug,
        locale=None,
        expected_version=None,
        actor=actor,
        comment=f"Imported from {source.path}",
        source_path=source.path,
        source_hash=source.sha256,
    )
    assert stored_record(draft).pk == record.pk  # the change is of the record that it was prepared for
    return draft


def _published_at(source: SourceFile, now: datetime) -> datetime | None:
    """The moment that the file names; none if it lies ahead."""
    for name in DATE_FIELDS:
        value = source.parsed.fields.get(name)
        moment = parse_moment(value) if isinstance(value, str) else None
        if moment is not None:
            return min(moment, now)
    return None


def _messages(error: Exception) -> Iterable[str]:
    if isinstance(error, TenantryError):
        yield error.message
        for fault in error.errors:
            if fault.message != error.message:
                yield f"{fault.pointer}: {fault.message}" if fault.pointer else fault.message
    else:
        yield str(error)
