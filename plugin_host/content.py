"""The tenant's content, for plugins: read it, and change it as the plugin.

    from plugin_host import content

    content.get(content_id)                                     # the working copy
    content.published("posts", limit=10)                        # what the public sees, newest first
    content.site_file("/feed.xml").body                         # any file of the site, as visitors get it
    content.domains()                                           # the hosts at which the tenant is reached
    post = content.create("posts", {"title": "Hello"})          # permission, hooks, history: as everywhere
    content.publish(post["content_id"])

Everything is a content dictionary, as hooks get it, but with an empty `rendered_html`: `rendered_page` makes that. The
plain names are for `def` code; the same names with an `a` in front are for `async def` code. Changes are the plugin's:
its name stands in the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async

from core.site_file import SiteFile
from plugin_host.addresses import is_at, path_of
from plugin_host.errors import OutsideHost
from plugin_host.runtime_state import current_run

__all__ = [
    "SiteFile",
    "aat_addresses",
    "aat_paths",
    "acreate",
    "adomains",
    "afeed",
    "aget",
    "alist",
    "apublish",
    "apublished",
    "arendered_page",
    "asite_file",
    "asite_files",
    "asite_paths",
    "asitemap",
    "at_addresses",
    "at_paths",
    "aupdate",
    "create",
    "domains",
    "feed",
    "get",
    "list",
    "publish",
    "published",
    "rendered_page",
    "site_file",
    "site_files",
    "site_paths",
    "sitemap",
    "update",
]

Content = dict[str, Any]

# Each function imports what does the work when it is called: plugins import this module before Django's models can be.


def get(content_id: UUID | str) -> Content:
    """Return the working copy of a record.

    Raises:
        NotFound: It is not there, or is another tenant's.
        OutsideHost: outside a running Tenantry.
    """
    _require_run("get")
    from plugin_host import content_access

    return content_access.get(content_id)


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
    _require_run("list")
    from plugin_host import content_access

    return content_access.list(collection, after=after, limit=limit)


def published(collection: str, *, before: datetime | None = None, limit: int = 20) -> tuple[Content, ...]:
    """Return what the public sees of a collection, last published first.

    Args:
        before: Only what was published before that time.
        limit: At most 200.

    Raises:
        NotFound: There is no such collection.
        OutsideHost: outside a running Tenantry.
    """
    _require_run("published")
    from plugin_host import content_access

    return content_access.published(collection, before=before, limit=limit)


def at_paths(paths: Iterable[str]) -> Mapping[str, Content]:
    """Return the published records whose pages stand at these paths of the site: path -> record, as the public sees it.

    A path at which no record's page stands is left out.

    Args:
        paths: Such as `/posts/hello`; at most 200.

    Raises:
        PluginError: There are more than 200.
        OutsideHost: outside a running Tenantry.
    """
    _require_run("at_paths")
    from plugin_host import content_access

    return content_access.at_paths(paths)


def at_addresses(addresses: Iterable[str], *, hosts: Iterable[str] = ()) -> Mapping[str, Content]:
    """Return the published records by the whole addresses of their pages, as another service writes them.

    Host and path count: the tenant's own hosts with or without `www.`, the path without query and slash at the end.
    What is no page of this site is left out.

    Args:
        addresses: Such as `https://www.example.com/posts/hello?a=b`; at most 200 paths of this site.
        hosts: At which the site stands besides its own, as behind a proxy.

    Raises:
        PluginError: There are more than 200.
        OutsideHost: outside a running Tenantry.
    """
    own = frozenset({*hosts, *domains()})
    paths = {address: path_of(address) for address in addresses if is_at(address, own)}
    found = at_paths(set(paths.values()))
    return {address: found[path] for address, path in paths.items() if path in found}


def rendered_page(content_id: UUID | str) -> str:
    """Return the page of a published record as a whole HTML document, as visitors get it.

    Raises:
        NotFound: It is not published, its collection has no pages, or it is another tenant's.
        OutsideHost: outside a running Tenantry.
    """
    _require_run("rendered_page")
    from plugin_host import content_access

    return content_access.rendered_page(content_id)


def feed() -> bytes:
    """Return the newest pages as an Atom feed, as it stands at `/feed.xml`.

    Raises:
        OutsideHost: outside a running Tenantry.
    """
    _require_run("feed")
    from plugin_host import content_access

    return content_access.feed()


def sitemap() -> tuple[SiteFile, ...]:
    """Return the site map; where one cannot hold all addresses, the list of the site maps and each of them.

    Raises:
        OutsideHost: outside a running Tenantry.
    """
    _require_run("sitemap")
    from plugin_host import content_access

    return content_access.sitemap()


def domains() -> tuple[str, ...]:
    """Return the hosts at which the tenant is reached, the primary one first.

    Raises:
        OutsideHost: outside a running Tenantry.
    """
    _require_run("domains")
    from plugin_host import content_access

    return content_access.domains()


def site_paths() -> tuple[str, ...]:
    """Return every address of the tenant's site at which a file stands: pages, lists, feed, site maps, style sheets.

    Raises:
        OutsideHost: outside a running Tenantry.
    """
    _require_run("site_paths")
    from plugin_host import content_access

    return content_access.site_paths()


def site_file(path: str) -> SiteFile:
    """Return the file at an address of the tenant's site, as visitors get it.

    Args:
        path: One of `site_paths()`.

    Raises:
        NotFound: There is nothing.
        OutsideHost: outside a running Tenantry.
    """
    _require_run("site_file")
    from plugin_host import content_access

    return content_access.site_file(path)


def site_files(paths: Sequence[str]) -> tuple[SiteFile, ...]:
    """Return the files at many addresses of the tenant's site, as visitors get them, in no order.

    An address at which nothing stands is left out. Many together take half the time of one after the other; all of them
    are in memory at once, so ask for some hundred at a time.

    Args:
        paths: Some of `site_paths()`.

    Raises:
        OutsideHost: outside a running Tenantry.
    """
    _require_run("site_files")
    from plugin_host import content_access

    return content_access.files_at(paths)


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
    _require_run("create")
    from plugin_host import content_access

    return content_access.create(collection, data, title=title, slug=slug, locale=locale)


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
    _require_run("update")
    from plugin_host import content_access

    return content_access.update(content_id, data, expected_version=expected_version)


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
    _require_run("publish")
    from plugin_host import content_access

    return content_access.publish(content_id, expected_version=expected_version)


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


async def aat_paths(paths: Iterable[str]) -> Mapping[str, Content]:
    """Do what `at_paths` does, in `async def` code."""
    return await sync_to_async(at_paths)(paths)


async def aat_addresses(addresses: Iterable[str], *, hosts: Iterable[str] = ()) -> Mapping[str, Content]:
    """Do what `at_addresses` does, in `async def` code."""
    return await sync_to_async(at_addresses)(addresses, hosts=hosts)


async def arendered_page(content_id: UUID | str) -> str:
    """Do what `rendered_page` does, in `async def` code."""
    return await sync_to_async(rendered_page)(content_id)


async def afeed() -> bytes:
    """Do what `feed` does, in `async def` code."""
    return await sync_to_async(feed)()


async def asitemap() -> tuple[SiteFile, ...]:
    """Do what `sitemap` does, in `async def` code."""
    return await sync_to_async(sitemap)()


async def adomains() -> tuple[str, ...]:
    """Do what `domains` does, in `async def` code."""
    return await sync_to_async(domains)()


async def asite_paths() -> tuple[str, ...]:
    """Do what `site_paths` does, in `async def` code."""
    return await sync_to_async(site_paths)()


async def asite_file(path: str) -> SiteFile:
    """Do what `site_file` does, in `async def` code."""
    return await sync_to_async(site_file)(path)


async def asite_files(paths: Sequence[str]) -> tuple[SiteFile, ...]:
    """Do what `site_files` does, in `async def` code."""
    return await sync_to_async(site_files)(paths)


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


def _require_run(name: str) -> None:
    if current_run() is None:
        raise OutsideHost(
            f"plugin_host.content.{name} was used outside a running Tenantry: it works in hooks, routes, pages, "
            "tasks and with the fixtures of plugin_host.testing."
        )
