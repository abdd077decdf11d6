from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client

from core.errors import Invalid, NotFound, Stale
from core.ids import uuid7
from core.models import Collection, Event, Record, Revision
from core.scope import require_tenant, tenant_scope
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host import content
from plugin_host.errors import OutsideHost, PluginError
from plugin_host.runtime_state import PluginRun, plugin_run
from tenants.models import Tenant
from tests.plugin_host.installing import no_plugins, posts

__all__ = ["no_plugins", "posts"]


@pytest.fixture
def run(posts: Collection) -> Iterator[PluginRun]:
    scope = require_tenant()
    assert scope.tenant_id is not None
    with plugin_run(PluginRun(plugin_id="echo", tenant_id=scope.tenant_id, hook="route")) as run:
        yield run


def test_a_plugin_creates_changes_and_publishes_as_itself(posts: Collection, run: PluginRun) -> None:
    post = content.create("posts", {"title": "Hello"})
    changed = content.update(post["content_id"], {"minutes": 3}, expected_version=1)
    live = content.publish(changed["content_id"])

    assert (live["status"], live["version"], live["data"]) == (
        "published",
        3,
        {"title": "Hello", "minutes": 3},
    )
    assert set(Event.objects.values_list("actor", flat=True)) == {"plugin:echo"}
    assert set(Revision.objects.values_list("actor", flat=True)) == {"plugin:echo"}


async def test_the_same_works_in_async_code(posts: Collection, run: PluginRun) -> None:
    post = await content.acreate("posts", {"title": "Hello"})
    await content.aupdate(post["content_id"], {"minutes": 3})
    await content.apublish(post["content_id"])

    (found,) = await content.apublished("posts")
    assert found == await content.aget(post["content_id"])
    assert await content.alist("posts") == (found,)


def test_reads_are_of_working_copies_and_of_what_is_live(posts: Collection, run: PluginRun) -> None:
    first = content.create("posts", {"title": "First"})
    second = content.create("posts", {"title": "Second"})
    content.publish(first["content_id"])
    content.update(first["content_id"], {"title": "First, changed"})

    assert content.get(first["content_id"])["title"] == "First, changed"
    assert [found["title"] for found in content.list("posts")] == ["First, changed", "Second"]
    assert [found["title"] for found in content.list("posts", after=first["content_id"])] == ["Second"]
    assert [found["title"] for found in content.published("posts")] == ["First"]
    assert second["status"] == "draft"


def test_pages_are_those_of_the_site(run: PluginRun) -> None:
    body = {"type": "string", "x-widget": "markdown"}
    create_collection(name="pages", schema={"type": "object", "properties": {"body": body}}, has_pages=True)
    page = create_record(collection="pages", data={"body": "Some *words*."}, title="About us")
    with pytest.raises(NotFound):
        content.rendered_page(page.pk)

    publish_record(record_id=page.pk)

    html = content.rendered_page(page.pk)
    assert "About us" in html
    assert "<em>words</em>" in html


def test_what_is_wrong_is_refused_and_changes_nothing(posts: Collection, run: PluginRun) -> None:
    post = content.create("posts", {"title": "Hello"})

    with pytest.raises(Invalid):
        content.update(post["content_id"], {"minutes": "many"})
    with pytest.raises(Stale):
        content.update(post["content_id"], {"minutes": 1}, expected_version=7)
    with pytest.raises(NotFound):
        content.get(uuid7())
    with pytest.raises(NotFound):
        content.list("pots")
    assert Record.objects.get().version == 1


def test_other_tenants_content_is_not_there(posts: Collection, other_tenant: Tenant, run: PluginRun) -> None:
    post = content.create("posts", {"title": "Hello"})

    with (
        tenant_scope(other_tenant.pk),
        plugin_run(replace(run, tenant_id=other_tenant.pk)),
        pytest.raises(NotFound),
    ):
        content.get(post["content_id"])


def test_outside_of_a_run_it_says_so(posts: Collection) -> None:
    with pytest.raises(OutsideHost, match=r"content\.get"):
        content.get(uuid7())


@pytest.fixture
def stories(posts: Collection) -> Collection:
    """A collection with pages."""
    schema = {"properties": {"title": {"type": "string"}, "body": {"type": "string", "x-widget": "markdown"}}}
    return create_collection(name="stories", schema=schema)


def test_the_files_of_the_site_are_what_visitors_get(stories: Collection, run: PluginRun) -> None:
    ids = {}
    for title in ("First", "Second"):
        ids[title] = content.publish(content.create("stories", {"title": title})["content_id"])["content_id"]
    content.create("stories", {"title": "Draft"})
    slug = require_tenant().tenant_slug
    visitor = Client(headers={"host": f"{slug}.test"})

    paths = content.site_paths()

    pages = ("/stories/first", "/stories/second")
    fixed = ("/", "/feed.xml", "/sitemap.xml", "/robots.txt", "/theme.css", "/static/site/site.css")
    assert paths == (*fixed, "/stories", *pages)
    together = {file.path: file for file in content.site_files([*paths, "/stories/draft", "/nothing"])}
    assert set(together) == set(paths)
    for path in paths:
        file = content.site_file(path)
        assert file.path == path
        assert file == together[path]
        if not path.startswith("/static/"):
            answer = visitor.get(path)
            assert (answer.status_code, answer.content) == (200, file.body)
            assert (answer.headers["Content-Type"], answer.headers["ETag"]) == (file.content_type, file.etag)
    assert b"--accent" in content.site_file("/static/site/site.css").body
    assert content.feed() == content.site_file("/feed.xml").body
    assert [file.path for file in content.sitemap()] == ["/sitemap.xml"]
    assert str(content.site_file("/stories/first").record_id) == ids["First"]
    assert content.site_file("/stories").record_id is None


async def test_files_of_the_site_in_async_code(stories: Collection, run: PluginRun) -> None:
    await content.apublish((await content.acreate("stories", {"title": "First"}))["content_id"])

    assert "/stories/first" in await content.asite_paths()
    assert b"First" in (await content.asite_file("/stories/first")).body
    assert [file.path for file in await content.asite_files(["/stories/first"])] == ["/stories/first"]
    assert b"First" in await content.afeed()
    assert b"/stories/first" in (await content.asitemap())[0].body


@pytest.mark.parametrize(
    "path", ["/stories/draft", "/nothing", "/sitemap-1.xml", "/static/site/other.css", ""]
)
def test_where_nothing_stands_there_is_no_file(stories: Collection, run: PluginRun, path: str) -> None:
    content.create("stories", {"title": "Draft"})

    with pytest.raises(NotFound, match="There is nothing"):
        content.site_file(path)


def test_a_large_site_has_several_site_maps(
    stories: Collection, run: PluginRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.selectors.site_files.MAX_ADDRESSES", 2)
    monkeypatch.setattr("core.selectors.site_files._ROOM_FOR_LISTS", 0)
    for number in range(3):
        content.publish(content.create("stories", {"title": f"P{number}"})["content_id"])

    assert [file.path for file in content.sitemap()] == ["/sitemap.xml", "/sitemap-1.xml", "/sitemap-2.xml"]
    assert b"/stories/p2" in content.sitemap()[2].body


def test_the_site_is_one_tenants(stories: Collection, run: PluginRun, other_tenant: Tenant) -> None:
    content.publish(content.create("stories", {"title": "First"})["content_id"])
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug):
        with plugin_run(PluginRun(plugin_id="echo", tenant_id=other_tenant.pk, hook="route")):
            assert "/stories/first" not in content.site_paths()
            with pytest.raises(NotFound):
                content.site_file("/stories/first")


def test_records_are_found_by_the_paths_of_their_pages(
    stories: Collection, other_tenant: Tenant, run: PluginRun
) -> None:
    first = content.publish(content.create("stories", {"title": "First"})["content_id"])
    content.update(first["content_id"], {"title": "First, changed"})
    content.create("stories", {"title": "Draft"})
    asked = ["/stories/first", "/stories/draft", "/stories", "/", "", "\x00"]

    found = content.at_paths(asked)

    assert {path: record["content_id"] for path, record in found.items()} == {
        "/stories/first": first["content_id"]
    }
    assert found["/stories/first"]["title"] == "First"
    with tenant_scope(other_tenant.pk), plugin_run(replace(run, tenant_id=other_tenant.pk)):
        assert content.at_paths(asked) == {}
    with pytest.raises(PluginError, match="200 paths at most, not 201"):
        content.at_paths(f"/stories/{number}" for number in range(201))


async def test_records_are_found_by_path_in_async_code(stories: Collection, run: PluginRun) -> None:
    await content.apublish((await content.acreate("stories", {"title": "First"}))["content_id"])

    assert set(await content.aat_paths(["/stories/first"])) == {"/stories/first"}
    (host, *_) = await content.adomains()
    assert set(await content.aat_addresses([f"https://{host}/stories/first"])) == {
        f"https://{host}/stories/first"
    }


def test_records_are_found_by_addresses_as_other_services_write_them(
    stories: Collection, run: PluginRun
) -> None:
    first = content.publish(content.create("stories", {"title": "First"})["content_id"])
    (host, *_) = content.domains()
    own = [f"https://{host}/stories/first/?from=mail#top", f"http://www.{host.upper()}:8080/stories/%66irst"]
    in_front = "https://shop.example/stories/first"
    other = ["https://other.example/stories/first", f"https://{host}/stories/none", "https://[", ""]

    found = content.at_addresses([*own, in_front, *other], hosts=["shop.example"])

    assert {address: record["content_id"] for address, record in found.items()} == dict.fromkeys(
        [*own, in_front], first["content_id"]
    )
    assert set(content.at_addresses([*own, in_front])) == set(own)
