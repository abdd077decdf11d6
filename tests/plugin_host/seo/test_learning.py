"""A plugin applies a pattern to a record."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import Invalid, NotFound, Stale
from core.models import Collection, Event, Record, Revision
from core.scope import tenant_scope
from core.services.records import create_record
from plugin_host import runtime
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import OutsideHost, PluginError
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern
from plugin_host.models import Delivery, SEOLearning, SEOPattern
from plugin_host.testing.host import DeliverAll
from tenants.models import Tenant
from tests.core.api.content import make_collection, make_record
from tests.plugin_host.installing import Install
from tests.plugin_host.seo.sample import Watching, emit, learn, payload, usual_rows


@pytest.fixture
def watching(posts: Collection, install: Install) -> Watching:
    plugin = Watching()
    install(plugin)
    return plugin


def test_a_learning_changes_the_record_and_is_told(
    watching: Watching, posts: Collection, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    record = create_record(collection=posts, data={"title": "Hello", "minutes": 3})

    learning = learn("low_click_rate", record.pk, {"title": "Hello, you", "minutes": None})

    assert learning == AppliedLearning(
        "low_click_rate", str(record.pk), {"title": "Hello, you", "minutes": None}
    )
    record.refresh_from_db()
    assert (record.data, record.version) == ({"title": "Hello, you"}, 2)
    revision = Revision.objects.get(version=2)
    assert (revision.actor, revision.comment) == ("plugin:watching", "Learnt from low_click_rate")
    row = SEOLearning.objects.get()
    assert (row.plugin, row.pattern_name, row.record_id, row.record_version, row.collection_name) == (
        "watching",
        "low_click_rate",
        record.pk,
        2,
        "posts",
    )

    deliver_all(tenant)

    assert watching.learnings == [learning]
    event = Event.objects.get(type="seo.learning_applied")
    assert watching.contexts[-1].causation_id == event.pk
    assert (event.record_id, event.record_version, event.actor) == (record.pk, 2, "plugin:watching")


def test_a_plugin_learns_from_a_pattern_that_was_found(
    watching: Watching, posts: Collection, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    record = create_record(collection=posts, data={"title": "Poor"})

    def act(pattern: DiscoveredPattern) -> None:
        runtime.apply_learning(pattern, record.pk, {"title": "Rich"})

    watching.on_pattern = act
    emit(payload(usual_rows(poor=(8, 1000, 3))))

    runs = deliver_all(tenant)

    assert [(run.hook, run.ended) for run in runs] == [
        ("dvp_pattern_discovered", "done"),
        ("dvp_learning_applied", "done"),
    ]
    assert SEOLearning.objects.get().pattern == SEOPattern.objects.get()
    assert watching.learnings[0].change == {"title": "Rich"}


async def test_there_is_a_form_for_async_code(watching: Watching, posts: Collection) -> None:
    with pytest.raises(OutsideHost, match=r"runtime\.apply_learning"):
        await runtime.aapply_learning("x", "0190a3b0-0000-7000-8000-000000000000", {})


def test_an_async_hook_applies_a_learning(
    watching: Watching, posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    class Acting(Plugin):
        name = "acting"
        version = "1.0.0"

        async def dvp_content_created(
            self, ctx: HookContext, content_id: str, content: Any, metadata: Any = None
        ) -> None:
            version = content["version"]
            await runtime.aapply_learning("mine", content_id, {"minutes": 9}, expected_version=version)

    install(Acting())
    create_record(collection=posts, data={"title": "Hello"})

    deliver_all(tenant)

    assert Record.objects.get().data["minutes"] == 9
    assert [(one.pattern, one.change) for one in watching.learnings] == [("mine", {"minutes": 9})]


def test_a_change_that_changes_nothing_is_no_learning(watching: Watching, posts: Collection) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})

    learning = learn("mine", record.pk, {"title": "Hello"})

    assert learning.change == {}
    assert not SEOLearning.objects.exists()
    assert not Event.objects.filter(type="seo.learning_applied").exists()


@pytest.mark.parametrize("pattern", ["", "x" * 101, 5, None])
def test_a_learning_names_its_pattern(watching: Watching, posts: Collection, pattern: Any) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})

    with pytest.raises(PluginError, match="names its pattern"):
        learn(pattern, record.pk, {"title": "Other"})

    assert Record.objects.get().version == 1


def test_what_is_refused_changes_nothing(watching: Watching, posts: Collection, install: Install) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})

    with pytest.raises(Invalid):
        learn("mine", record.pk, {"minutes": "many"})
    with pytest.raises(Stale):
        learn("mine", record.pk, {"minutes": 1}, expected_version=7)
    with pytest.raises(NotFound):
        learn("mine", "0190a3b0-0000-7000-8000-000000000000", {"minutes": 1})

    class Guard(Plugin):
        name = "guard"
        version = "1.0.0"

        def dvp_before_event_publish(self, ctx: HookContext, event: Any) -> Any:
            if event["type"] == "seo.learning_applied":
                raise PluginError("Not without me.")
            return event

    install(Guard())
    with pytest.raises(PluginError, match="Not without me"):
        learn("mine", record.pk, {"minutes": 1})

    assert Record.objects.get().version == 1
    assert not SEOLearning.objects.exists()
    assert not Delivery.objects.exists()


def test_a_record_of_another_tenant_is_not_there(
    watching: Watching, posts: Collection, other_tenant: Tenant
) -> None:
    make_collection(other_tenant)
    theirs = make_record(other_tenant)

    with pytest.raises(NotFound):
        learn("mine", theirs.pk, {"title": "Mine"})

    with tenant_scope(other_tenant.pk):
        assert Record.objects.get().version == 1
