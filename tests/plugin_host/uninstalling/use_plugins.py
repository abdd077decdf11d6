"""Run with the ids of plugins as arguments: uses each in two tenants until every table has rows of it."""

from __future__ import annotations

import importlib
import sys

import django

django.setup()

from core.actors import system_actor  # noqa: E402 - Django has to be ready
from core.platform_work import PlatformWork  # noqa: E402
from core.scope import platform_scope, tenant_scope  # noqa: E402
from core.services.collections import create_collection  # noqa: E402
from core.services.publishing import publish_record  # noqa: E402
from core.services.records import create_record  # noqa: E402
from core.site import tenant_id_of  # noqa: E402
from plugin_host.deliveries.selectors import deliveries  # noqa: E402
from plugin_host.health.running import run_checks_here  # noqa: E402
from plugin_host.models import ScheduledAttempt, ScheduledRun, StoreEntry  # noqa: E402
from plugin_host.services import enable_plugin, save_config, set_secret  # noqa: E402
from plugin_host.testing.host import deliver_all  # noqa: E402
from tenants.models import Tenant  # noqa: E402


def use(slug: str, plugins: list[str], things: int) -> None:
    tenant_id = tenant_id_of(slug)
    with tenant_scope(tenant_id, slug=slug, actor=system_actor("tests")):
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        posts = create_collection(name="posts", schema=schema, has_pages=False)
        for plugin_id in plugins:
            save_config(plugin_id, {"limit": 3})
            set_secret(plugin_id, "token", f"the secret of {plugin_id}")
            enable_plugin(plugin_id)
            StoreEntry.objects.create(plugin=plugin_id, key="seen", value="[1]")
            models = importlib.import_module(f"{plugin_id.replace('-', '_')}.models")
            shelf = models.Shelf.objects.create(title=f"Shelf of {slug}")
            for _ in range(things):
                models.Thing.objects.create(shelf=shelf)
        for title in ("Fine", "Fail"):
            publish_record(record_id=create_record(collection=posts, data={"title": title}).pk)
        tenant = Tenant.objects.get(pk=tenant_id)
    deliver_all(tenant)
    with platform_scope(PlatformWork.SCHEDULES):
        for run in ScheduledRun.objects.filter(tenant_id=tenant_id, plugin__in=plugins):
            ScheduledAttempt.objects.create(tenant_id=tenant_id, run=run, number=1, worker="tests")
    with tenant_scope(tenant_id, slug=slug, actor=system_actor("tests")):
        for plugin_id in plugins:
            run_checks_here(plugin_id)
            assert deliveries(plugin=plugin_id)


use("acme", sys.argv[1:], 2)
use("globex", sys.argv[1:], 1)
