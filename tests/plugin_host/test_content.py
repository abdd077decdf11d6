from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.errors import Invalid, NotFound, Stale
from core.ids import uuid7
from core.models import Collection, Event, Record, Revision
from core.scope import require_tenant, tenant_scope
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host import content
from plugin_host.errors import OutsideHost
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
