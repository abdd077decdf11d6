"""A plugin that leaves something in every table that there is, as the files of its package."""

from __future__ import annotations

from typing import Final

from tests.servers import PROJECT

__all__ = ["IRREVERSIBLE", "PROJECT", "files"]

_INIT: Final = """
from plugin_host.base import Plugin
from plugin_host.hooks.health_monitor import HealthCheckResult, HealthStatus
from plugin_host.hooks.scheduled_tasks import ScheduledTaskDefinition, TaskResult, TaskSchedule
from plugin_host.runtime import aonce, store


class Keeper(Plugin):
    name = "{id}"
    version = "1.2.0"
    CONFIG_SCHEMA = {{"type": "object", "properties": {{"limit": {{"type": "integer"}}}}}}
    SECRETS_SCHEMA = {{"type": "object", "properties": {{"token": {{"type": "string"}}}}}}

    async def dvp_content_published(self, ctx, content_id, content, metadata=None):
        await aonce(content_id)
        if content["title"] == "Fail":
            raise ValueError("not this one")

    def dvp_register_scheduled_tasks(self, ctx):
        return [ScheduledTaskDefinition("{id}.tidy", "Tidy", TaskSchedule(interval_seconds=3600))]

    async def dvp_execute_scheduled_task(self, task, ctx, execution_ctx):
        return TaskResult(success=True)

    async def dvp_execute_health_check(self, ctx, check_type, target):
        return HealthCheckResult(target, HealthStatus.UNHEALTHY)
"""

_MODELS: Final = """
from django.db import models

from plugin_host.models import PluginModel, TenantRelation


class Shelf(PluginModel):
    title = models.CharField(max_length=50)


class Thing(PluginModel):
    shelf = TenantRelation(Shelf, on_delete=models.CASCADE)
    size = models.IntegerField(default=1)

    class Meta(PluginModel.Meta):
        indexes = [models.Index(fields=["tenant", "size"], name="{label}_size")]
        permissions = [("weigh_{short}", "Can weigh things")]
"""

IRREVERSIBLE: Final = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("{label}", "0001_initial")]
    operations = [migrations.RunSQL("SELECT 1")]
"""


def files(plugin_id: str, *, irreversible: bool = False) -> dict[str, str]:
    """Return the files of a package for a plugin with this id; its migrations are still to be made."""
    module = plugin_id.replace("-", "_")
    label = f"plugin_{module}"
    found = {
        f"{module}/__init__.py": _INIT.format(id=plugin_id),
        f"{module}/models.py": _MODELS.format(label=label, short=module),
        f"{module}/migrations/__init__.py": "",
    }
    if irreversible:
        found[f"{module}/migrations/0002_no_way_back.py"] = IRREVERSIBLE.format(label=label)
    return found
