"""What `plugin_host.content` does, with Django's models, which are not there yet when a plugin is imported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.actors import Actor, authorize
from core.errors import NotFound
from core.models import Collection, PublishedSnapshot, Record
from core.rendering.pages import render_record_page
from core.schema_keywords import as_uuid
from core.scope import acting_as
from core.selectors import site_files
from core.selectors.content_document import content_document
from core.selectors.content_state import ContentState, state_of_record
from core.selectors.records import collection_named, record_with_id
from core.selectors.site_lists import public_pages_at
from core.selectors.site_pages import navigation_of, page_of_snapshot, site_collections
from core.services.publishing import publish_record
from core.services.records import create_record, update_record
from core.site import current_site
from core.site_file import SiteFile
from plugin_host.errors import PluginError
from plugin_host.runtime_state import current_run
from tenants.selectors.domains import domain_hosts

Content = dict[str, Any]
MAX_LIMIT: Final = 200


def get(content_id: UUID | str) -> Content:
    """Return the working copy of a record."""
    with _as_plugin() as actor:
        record = record_with_id(content_id)
        authorize(actor, "record.read_draft", collection=record.collection.name)
        return content_document(state_of_record(record), with_page=False)


def list(  # noqa: A001 - the SDK's own name; `builtins.list` is not needed below
    collection: str, *, after: UUID | str | None = None, limit: int = 50
) -> tuple[Content, ...]:
    """Return working copies of a collection in the order in which they were made."""
    with _as_plugin() as actor:
        found = collection_named(collection)
        authorize(actor, "record.read_draft", collection=found.name)
        records = Record.objects.filter(collection=found).select_related("collection").order_by("id")
        if after is not None:
            records = records.filter(id__gt=as_uuid(str(after)) or UUID(int=0))
        return tuple(
            content_document(state_of_record(record), with_page=False)
            for record in records[: _limited(limit)]
        )


def published(collection: str, *, before: datetime | None = None, limit: int = 20) -> tuple[Content, ...]:
    """Return what the public sees of a collection, last published first."""
    with _as_plugin() as actor:
        found = collection_named(collection)
        if not found.is_public:
            authorize(actor, "record.read_draft", collection=found.name)
        snapshots = PublishedSnapshot.objects.filter(collection_name=found.name).order_by(
            "-published_at", "-record"
        )
        if before is not None:
            snapshots = snapshots.filter(published_at__lt=before)
        return tuple(
            content_document(_state_of_snapshot(snapshot, found), with_page=False)
            for snapshot in snapshots[: _limited(limit)]
        )


def at_paths(paths: Iterable[str]) -> Mapping[str, Content]:
    """Return the published records whose pages stand at these paths: path -> record."""
    # What is not printable stands in no address, and the database does not take all of it.
    wanted = {path for path in paths if path.isprintable()}
    if len(wanted) > MAX_LIMIT:
        raise PluginError(f"Ask for {MAX_LIMIT} paths at most, not {len(wanted)}.", permanent=True)
    with _as_plugin():
        collections = {collection.name: collection for collection in site_collections()}
        return {
            snapshot.path: content_document(
                _state_of_snapshot(snapshot, collections[snapshot.collection_name]), with_page=False
            )
            for snapshot in public_pages_at(wanted)
            if snapshot.collection_name in collections
        }


def rendered_page(content_id: UUID | str) -> str:
    """Return the page of a published record as a whole HTML document, as visitors get it."""
    with _as_plugin():
        snapshot = PublishedSnapshot.objects.filter(record=as_uuid(str(content_id))).exclude(path="").first()
        if snapshot is None:
            raise NotFound(f"Record {content_id} has no published page.", code="page_not_found")
        collections = site_collections()
        return render_record_page(
            site=current_site(),
            navigation=navigation_of(collections),
            page=page_of_snapshot(snapshot, collections),
        )


def feed() -> bytes:
    """Return the newest pages as an Atom feed."""
    with _as_plugin():
        return site_files.feed().body


def sitemap() -> tuple[SiteFile, ...]:
    """Return the site map, or the list of the site maps and each of them."""
    with _as_plugin():
        parts = [path for path in site_files.site_paths() if path.startswith("/sitemap-")]
        return (site_files.sitemap(), *site_files.site_files(parts))


def domains() -> tuple[str, ...]:
    """Return the hosts at which the tenant is reached, the primary one first."""
    with _as_plugin():
        return tuple(domain_hosts())


def site_paths() -> tuple[str, ...]:
    """Return every address of the tenant's site at which a file stands."""
    with _as_plugin():
        return tuple(site_files.site_paths())


def site_file(path: str) -> SiteFile:
    """Return the file at an address of the tenant's site."""
    for found in files_at([path]):
        return found
    raise NotFound(f"There is nothing at {path} on the site.", code="page_not_found")


def files_at(paths: Sequence[str]) -> tuple[SiteFile, ...]:
    """Return the files at addresses of the tenant's site."""
    with _as_plugin():
        return tuple(site_files.site_files(paths))


def create(
    collection: str, data: Mapping[str, Any], *, title: str = "", slug: str = "", locale: str = ""
) -> Content:
    """Store a new record as a draft and return it; see `core.services.records.create_record`."""
    with _as_plugin() as actor:
        record = create_record(
            collection=collection, data=data, title=title, slug=slug, locale=locale, actor=actor
        )
        return content_document(state_of_record(record), with_page=False)


def update(
    content_id: UUID | str, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Content:
    """Change fields of a record's working copy and return it; None takes a field away, what is not named stays."""
    with _as_plugin() as actor:
        record = update_record(
            record_id=content_id, data=data, merge=True, expected_version=expected_version, actor=actor
        )
        return content_document(state_of_record(record), with_page=False)


def publish(content_id: UUID | str, *, expected_version: int | None = None) -> Content:
    """Make the working copy of a record live and return it."""
    with _as_plugin() as actor:
        record = publish_record(record_id=content_id, expected_version=expected_version, actor=actor)
        return content_document(state_of_record(record), with_page=False)


@contextmanager
def _as_plugin() -> Iterator[Actor]:
    run = current_run()
    assert run is not None  # plugin_host.content has looked
    actor = Actor(kind="plugin", id=run.plugin_id, label=run.plugin_id)
    with acting_as(actor):
        yield actor


def _limited(limit: int) -> int:
    return max(0, min(limit, MAX_LIMIT))


def _state_of_snapshot(snapshot: PublishedSnapshot, collection: Collection) -> ContentState:
    document = json.loads(snapshot.document)
    return ContentState(
        record_id=snapshot.record_id,
        collection=collection.name,
        schema=collection.schema,
        has_pages=collection.has_pages,
        title=snapshot.title,
        slug=snapshot.slug,
        locale=snapshot.locale,
        status="published",
        version=snapshot.version,
        data=document["data"],
        author=document["author"],
        created_at=datetime.fromisoformat(document["created_at"]),
        updated_at=snapshot.updated_at,
        published_at=snapshot.published_at,
    )
