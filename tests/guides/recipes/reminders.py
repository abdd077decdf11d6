from __future__ import annotations

from core.scope import tenant_scope
from plugin_host.models import PluginSettings
from plugin_host.state import announce_plugin_change, tenant_plugins
from tenants.models import Tenant


def test_configuration_that_was_stored_before_is_read_in_todays_shape(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug):
        PluginSettings.objects.filter(plugin_id="reminders").update(config={"hours": 3}, config_version=1)
        announce_plugin_change(tenant.pk)

        run = tenant_plugins(tenant.pk)["reminders"].run(hook="test", tenant_slug=tenant.slug)

    assert run.config == {"every_minutes": 180}
