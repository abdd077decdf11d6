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
from core.errors import Conflict, TenantryError
from core.importing.infer import infer_schema, merge_schemas, parse_moment
from core.importing.source import SourceFile, read_source, source_paths
from core.models import Collection, Record
from core.models.record import RecordState
from core.scope import current_actor
from core.selectors.records import collection_named
from core.services.collections import create_collection, update_collection_schema
from core.services.commands import CommandCall, answer_instead
from core.services.drafts import RecordDraft
from core.services.publishing import (
    Publication,
    PublicationNotes,
    prepare_publication,
    publication_command,
    write_publications,
)
from core.services.records import (
    content_transaction,
    creation_command,
    insert_records,
    prepare_creation,
    prepare_update,
    stored_record,
    update_command,
    write_updates,
)

type Outcome = Literal["created", "updated", "published", "unchanged", "failed"]
type Progress = Callable[[int], None]

BATCH_SIZE: Final = 50
# Fields that say since when something has been public.
DATE_FIELDS: Final = ("date", "published_at", "publish_date", "pub_date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why one file is not in, or what is to be said about it.

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
        warnings: What plugins have to say about what they let be published.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    schema_changed: bool = False

    def fail(self, path: str, error: Exception) -> None:
        """Note that a file is not in, or not published."""
        self.counts["failed"] += 1
        self.faults.append(Fault(path=path, messages=tuple(_messages(error))))

    def warn(self, path: str, notes: PublicationNotes) -> None:
        """Note what plugins have to say about a publication."""
        if notes.warnings:
            said = tuple(f"{note.plugin}: {note.message}" for note in notes.warnings)
            self.warnings.append(Fault(path=path, messages=said))


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
        if outcome == "unchanged":
            saved[source.path] = plan.known[source.path]
            report.counts["unchanged"] += 1
            continue
        command: CommandCall | None = None
        try:
            if outcome == "created":
                command = _creation(source, collection, actor)
                new.append((source, _prepared_creation(command, source, collection)))
            else:
                record = Record.objects.select_related("collection").get(pk=plan.known[source.path].pk)
                command = _update(source, record, actor)
                changed.append((source, _prepared_update(command, source, record)))
        except TenantryError as error:
            if (answer := _answer(command, error, source, report)) is not None:
                report.counts[outcome] += 1
                saved[source.path] = answer
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
    for source, draft, result in _attempts(pairs, lambda drafts: write(drafts, now=now)):
        if isinstance(result, Record):
            record: Record | None = result
        else:
            record = _answer(draft.command, result, source, report)
        if record is not None:
            report.counts[outcome] += 1
            written[source.path] = record
    return written


def _publish(
    chunk: Sequence[SourceFile],
    saved: dict[str, Record],
    plan: FolderPlan,
    report: ImportReport,
    actor: Actor,
    now: datetime,
) -> None:
    ready: list[tuple[SourceFile, Publication]] = []
    published: list[SourceFile] = []
    for source in chunk:
        record = saved.get(source.path)
        if record is None or not source.wants_publishing or record.state == RecordState.PUBLISHED:
            continue
        command = publication_command(
            record_id=record.pk,
            expected_version=None,
            published_at=_published_at(source, now),
            comment="",
            actor=actor,
        )
        notes = PublicationNotes()
        try:
            ready.append((source, prepare_publication(command, now=now, record=record, notes=notes)))
        except TenantryError as error:
            if _answer(command, error, source, report) is not None:
                published.append(source)
        report.warn(source.path, notes)
    for source, publication, result in _attempts(
        ready, lambda publications: write_publications(publications, now=now)
    ):
        if isinstance(result, Record) or _answer(publication.command, result, source, report) is not None:
            published.append(source)
    report.counts["published"] += len(published)
    # Where only publishing was left to do, the file did change something.
    report.counts["unchanged"] -= sum(plan.outcome(source) == "unchanged" for source in published)


def _answer(
    command: CommandCall | None, error: TenantryError, source: SourceFile, report: ImportReport
) -> Record | None:
    """Return the record that somebody answers instead of a failure; where nobody does, report the failure."""
    answer = answer_instead(command, error) if command is not None else None
    if answer is None or not isinstance(answer.value, Record):
        report.fail(source.path, error)
        return None
    return answer.value


def _attempts[T](
    pairs: Sequence[tuple[SourceFile, T]], write: Callable[[list[T]], list[Record]]
) -> Iterator[tuple[SourceFile, T, Record | TenantryError]]:
    """Write all in one transaction; where that is refused, each in its own. Yields each one's record or error."""
    if not pairs:
        return
    try:
        with content_transaction():
            records = write([item for _, item in pairs])
    except TenantryError as error:
        if len(pairs) == 1:
            yield *pairs[0], error
            return
        for pair in pairs:
            yield from _attempts([pair], write)
        return
    for (source, item), record in zip(pairs, records, strict=True):
        yield source, item, record


def _creation(source: SourceFile, collection: Collection, actor: Actor) -> CommandCall:
    return creation_command(
        collection=collection,
        data=source.data(collection.schema),
        title=source.title,
        slug=source.slug,
        locale="",
        comment=f"Imported from {source.path}",
        actor=actor,
    )


def _prepared_creation(command: CommandCall, source: SourceFile, collection: Collection) -> RecordDraft:
    draft = prepare_creation(command, source_path=source.path, source_hash=source.sha256)
    _require_same(draft.collection.pk == collection.pk)
    return draft


def _update(source: SourceFile, record: Record, actor: Actor) -> CommandCall:
    return update_command(
        record_id=record.pk,
        data=source.data(record.collection.schema),
        merge=False,
        title=source.title,
        slug=source.slug,
        locale=None,
        expected_version=None,
        comment=f"Imported from {source.path}",
        actor=actor,
    )


def _prepared_update(command: CommandCall, source: SourceFile, record: Record) -> RecordDraft:
    draft = prepare_update(command, record=record, source_path=source.path, source_hash=source.sha256)
    _require_same(stored_record(draft).pk == record.pk)
    return draft


def _require_same(is_same: bool) -> None:
    """Refuse what a plugin has led elsewhere: the next import would not find it and make another."""
    if not is_same:
        raise Conflict(
            "A plugin moved it to another record or collection, which an import cannot follow.",
            code="moved_by_plugin",
        )


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
