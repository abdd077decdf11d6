"""The tenant's content, for plugins: read it, and change it as the plugin.

    from plugin_host import content

    content.get(content_id)                                     # the working copy
    content.published("posts", limit=10)                        # what the public sees, newest first
    post = content.create("posts", {"title": "Hello"})          # permission, hooks, history: as everywhere
    content.publish(post["content_id"])

Everything is a content dictionary, as hooks get it, but with an empty `rendered_html`: `rendered_page` makes that. The
plain names are for `def` code; the same names with an `a` in front are for `async def` code. Changes are the plugin's:
its name stands in the history.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async

from core.actors import Actor, authorize
from core.errors import NotFound
from core.models import Collection, PublishedSnapshot, Record
from core.rendering.pages import render_record_page
from core.schema_keywords import as_uuid
from core.scope import acting_as
from core.selectors.content_document import content_document
from core.selectors.content_state import ContentState, state_of_record
from core.selectors.records import collection_named, record_with_id
from core.selectors.site_pages import navigation_of, page_of_snapshot, site_collections
from core.services.publishing import publish_record
from core.services.records import create_record, update_record
from core.site import current_site
from plugin_host.errors import OutsideHost
from plugin_host.runtime_state import current_run

__all__ = [
    "acreate",
    "aget",
    "alist",
    "apublish",
    "apublished",
    "arendered_page",
    "aupdate",
    "create",
    "get",
    "list",
    "publish",
    "published",
    "rendered_page",
    "update",
]

Content = dict[str, Any]
MAX_LIMIT: Final = 200


def get(content_id: UUID | str) -> Content:
    """Return the working copy of a record.

    Raises:
        NotFound: It is not there, or is another tenant's.
        OutsideHost: outside a running Tenantry.
    """
    with _as_plugin("get") as actor:
        record = record_with_id(content_id)
        authorize(actor, "record.read_draft", collection=record.collection.name)
        return content_document(state_of_record(record), with_page=False)


def list(  # noqa: A001 - the SDK's own name; `builtins.list` is not needed below
    collection: str, *, after: UUID | str | None = None, limit: int = 50
) -> tuple[Content, ...]:
    """Return working copies of a collection in the order in which they were made.

    Args:
        after: The `content_id` of the last one of the page before.
        limit: At most 200.

    Raises:
        NotFound: There is no such collection.
        OutsideHost: outside a running Tenantry.
    """
    with _as_plugin("list") as actor:
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
    """Return what the public sees of a collection, last published first.

    Args:
        before: Only what was published before that time.
        limit: At most 200.

    Raises:
        NotFound: There is no such collection.
        OutsideHost: outside a running Tenantry.
    """
    with _as_plugin("published") as actor:
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


def rendered_page(content_id: UUID | str) -> str:
    """Return the page of a published record as a whole HTML document, as visitors get it.

    Raises:
        NotFound: It is not published, its collection has no pages, or it is another tenant's.
        OutsideHost: outside a running Tenantry.
    """
    with _as_plugin("rendered_page"):
        snapshot = PublishedSnapshot.objects.filter(record=as_uuid(str(content_id))).exclude(path="").first()
        if snapshot is None:
            raise NotFound(f"Record {content_id} has no published page.", code="page_not_found")
        collections = site_collections()
        return render_record_page(
            site=current_site(),
            navigation=navigation_of(collections),
            page=page_of_snapshot(snapshot, collections),
        )


def create(
    collection: str, data: Mapping[str, Any], *, title: str = "", slug: str = "", locale: str = ""
) -> Content:
    """Store a new record as a draft and return it; see `core.services.records.create_record`.

    Raises:
        NotFound: There is no such collection.
        Invalid: The data does not fit its schema.
        Conflict: The slug, or a value that must be unique, is taken.
        OutsideHost: outside a running Tenantry.
    """
    with _as_plugin("create") as actor:
        record = create_record(
            collection=collection, data=data, title=title, slug=slug, locale=locale, actor=actor
        )
        return content_document(state_of_record(record), with_page=False)


def update(
    content_id: UUID | str, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Content:
    """Change fields of a record's working copy and return it; None takes a field away, what is not named stays.

    Args:
        expected_version: The version that the change was made for; the change is refused where it is another.

    Raises:
        NotFound: It is not there, or is another tenant's.
        Invalid: The data does not fit the schema.
        Stale: It is at another version.
        OutsideHost: outside a running Tenantry.
    """
    with _as_plugin("update") as actor:
        record = update_record(
            record_id=content_id, data=data, merge=True, expected_version=expected_version, actor=actor
        )
        return content_document(state_of_record(record), with_page=False)


def publish(content_id: UUID | str, *, expected_version: int | None = None) -> Content:
    """Make the working copy of a record live and return it.

    Args:
        expected_version: The version that was looked at; publishing is refused where it is another.

    Raises:
        NotFound: It is not there, or is another tenant's.
        Invalid: It points at records that are not published.
        Conflict: A gate refuses.
        Stale: It is at another version.
        OutsideHost: outside a running Tenantry.
    """
    with _as_plugin("publish") as actor:
        record = publish_record(record_id=content_id, expected_version=expected_version, actor=actor)
        return content_document(state_of_record(record), with_page=False)


async def aget(content_id: UUID | str) -> Content:
    """Do what `get` does, in `async def` code."""
    return await sync_to_async(get)(content_id)


async def alist(collection: str, *, after: UUID | str | None = None, limit: int = 50) -> tuple[Content, ...]:
    """Do what `list` does, in `async def` code."""
    return await sync_to_async(list)(collection, after=after, limit=limit)


async def apublished(
    collection: str, *, before: datetime | None = None, limit: int = 20
) -> tuple[Content, ...]:
    """Do what `published` does, in `async def` code."""
    return await sync_to_async(published)(collection, before=before, limit=limit)


async def arendered_page(content_id: UUID | str) -> str:
    """Do what `rendered_page` does, in `async def` code."""
    return await sync_to_async(rendered_page)(content_id)


async def acreate(
    collection: str, data: Mapping[str, Any], *, title: str = "", slug: str = "", locale: str = ""
) -> Content:
    """Do what `create` does, in `async def` code."""
    return await sync_to_async(create)(collection, data, title=title, slug=slug, locale=locale)


async def aupdate(
    content_id: UUID | str, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Content:
    """Do what `update` does, in `async def` code."""
    return await sync_to_async(update)(content_id, data, expected_version=expected_version)


async def apublish(content_id: UUID | str, *, expected_version: int | None = None) -> Content:
    """Do what `publish` does, in `async def` code."""
    return await sync_to_async(publish)(content_id, expected_version=expected_version)


@contextmanager
def _as_plugin(name: str) -> Iterator[Actor]:
    run = current_run()
    if run is None:
        raise OutsideHost(
            f"plugin_host.content.{name} was used outside a running Tenantry: it works in hooks, routes, pages, "
            "tasks and with the fixtures of plugin_host.testing."
        )
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
