from __future__ import annotations

from core.actors import system_actor
from core.models import Record
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record
from plugin_host.models import SEOLearning, SEOMetrics
from plugin_host.testing.host import DeliverAll
from plugin_host.testing.types import RunTask
from tenants.models import Tenant


def test_a_poor_title_is_marked(tenant: Tenant, run_task: RunTask, deliver_all: DeliverAll) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        fields = {"title": {"type": "string"}, "review": {"type": "string"}}
        create_collection(name="notes", schema={"type": "object", "properties": fields})
        create_record(collection="notes", data={"title": "Food"})

    run_task("search-titles.fetch")
    runs = [run for run in deliver_all(tenant) if run.plugin == "search-titles"]

    assert [(run.hook, run.ended) for run in runs] == [
        ("dvp_pattern_discovered", "done"),
        ("dvp_learning_applied", "done"),
    ]
    assert runs[1].log == ("low_click_rate led to {'review': 'Rewrite the title'}",)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        assert Record.objects.get().data["review"] == "Rewrite the title"
        assert SEOMetrics.objects.get().metadata == {"clicks": 305, "enriched_by": "search-titles"}
        assert SEOLearning.objects.get().pattern_name == "low_click_rate"
