"""The example from outside the tree, found by its entry point, inside the host."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record, update_record
from plugin_host.services import disable_plugin
from plugin_host.testing.host import PluginEnabled
from tenants.models import Tenant

FIELDS = {
    "body": {"type": "string", "x-widget": "markdown"},
    "reading_minutes": {"type": "integer"},
}


@pytest.fixture
def articles(in_tenant: Tenant) -> str:
    create_collection(name="articles", schema={"type": "object", "properties": FIELDS})
    return "articles"


def body(words: int) -> dict[str, str]:
    return {"body": " ".join(["word"] * words)}


def test_it_is_found_by_its_entry_point() -> None:
    assert [point.value for point in entry_points(group="tenantry.plugins", name="reading-time")] == [
        "reading_time:ReadingTime"
    ]


def test_records_get_their_minutes(in_tenant: Tenant, articles: str, plugin_enabled: PluginEnabled) -> None:
    plugin_enabled("reading-time", in_tenant)

    record = create_record(collection=articles, data=body(201), title="Slow food")
    assert record.data["reading_minutes"] == 2
    record = update_record(record_id=record.pk, data=body(1000))
    assert record.data["reading_minutes"] == 5


def test_a_tenants_own_pace_counts(
    in_tenant: Tenant, articles: str, other_tenant: Tenant, plugin_enabled: PluginEnabled
) -> None:
    plugin_enabled("reading-time", in_tenant, config={"words_per_minute": 100})
    plugin_enabled("reading-time", other_tenant, config={"words_per_minute": 500})

    ours = create_record(collection=articles, data=body(500), title="Slow food")
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug, actor=system_actor("tests")):
        create_collection(name="articles", schema={"type": "object", "properties": FIELDS})
        theirs = create_record(collection=articles, data=body(500), title="Slow food")

    assert (ours.data["reading_minutes"], theirs.data["reading_minutes"]) == (5, 1)


def test_off_is_off(in_tenant: Tenant, articles: str, plugin_enabled: PluginEnabled) -> None:
    plugin_enabled("reading-time", in_tenant)
    disable_plugin("reading-time")

    record = create_record(collection=articles, data=body(201), title="Slow food")

    assert "reading_minutes" not in record.data
