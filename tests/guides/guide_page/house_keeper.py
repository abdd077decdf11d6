from __future__ import annotations

from core.actors import system_actor
from core.models import Revision
from core.scope import tenant_scope
from core.services.publishing import unpublish_record
from plugin_host import content
from plugin_host.runtime import store
from plugin_host.testing import DeliverAll, MakeContent, PluginScope, Tenant


def test_a_note_is_made_once(
    tenant: Tenant, make_content: MakeContent, deliver_all: DeliverAll, plugin_scope: PluginScope
) -> None:
    make_content(collection="notes", title="So that there are notes")
    article = make_content(title="Tea")
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        unpublish_record(record_id=article["content_id"])

    deliver_all(tenant)

    with plugin_scope("house-keeper", tenant):
        note, _ = content.published("notes")
        assert note["title"] == "Why is Tea gone?"
        assert store.get("notes") == 1
        actors = Revision.objects.filter(record=note["content_id"]).values_list("actor", flat=True)
        assert set(actors) == {"plugin:house-keeper"}
