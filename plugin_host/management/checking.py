"""`manage.py plugin check`: try all plugins anew, and look at what tenants need of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from core.actors import Actor
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.loading.verdicts import Verdict, verdict_for
from plugin_host.models.settings import PluginSettings, PluginState
from plugin_host.registry import LoadFailure, loaded_plugins
from plugin_host.state import applied_migrations, unapplied_migrations


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the check says about one plugin.

    Args:
        is_fault: Whether the check fails because of it.
    """

    plugin: str
    status: str
    is_fault: bool
    stage: str = ""
    message: str = ""
    file: str = ""
    line: int | None = None
    traceback: str = ""
    tenants: int = 0

    def document(self) -> dict[str, Any]:
        return asdict(self)


def check_plugins(*, actor: Actor) -> list[Finding]:
    """Return a finding for each plugin that is found, sound or not."""
    verdict = verdict_for(plugins_dir=settings.PLUGINS_DIR, var_dir=settings.VAR_DIR, fresh=True)
    used = _used_by_tenants(actor)
    return [
        *(_approved(plugin.id, used.get(plugin.id, 0)) for plugin in verdict.approved),
        *(_failed(failure, used) for failure in _all_failures(verdict)),
    ]


def _all_failures(verdict: Verdict) -> list[LoadFailure]:
    # What passed the probe may still have failed in this process, whose surroundings are others.
    here = loaded_plugins().failures
    found = {failure.name: failure for failure in verdict.failures}
    approved = {plugin.id for plugin in verdict.approved}
    return list((found | {name: failure for name, failure in here.items() if name in approved}).values())


def _approved(plugin_id: str, tenants: int) -> Finding:
    plugin = loaded_plugins().plugins.get(plugin_id)
    if plugin is None:
        message = "It is new or was changed since this process started; restart the others."
        return Finding(plugin=plugin_id, status="loaded", is_fault=False, message=message, tenants=tenants)
    if (unapplied := unapplied_migrations(plugin, applied_migrations([plugin]))) is not None:
        return Finding(
            plugin=plugin_id,
            status="needs_migrate",
            is_fault=True,
            stage=unapplied.stage,
            message=unapplied.message,
            tenants=tenants,
        )
    return Finding(plugin=plugin_id, status="loaded", is_fault=False, tenants=tenants)


def _failed(failure: LoadFailure, used: dict[str, int]) -> Finding:
    tenants = used.get(failure.name) or used.get(failure.name.replace("_", "-"), 0)
    return Finding(
        plugin=failure.name,
        status=failure.status,
        # A plugin that nobody uses may wait for its packages.
        is_fault=failure.status != "needs_install" or tenants > 0,
        stage=failure.stage,
        message=failure.message,
        file=failure.file,
        line=failure.line,
        traceback=failure.traceback,
        tenants=tenants,
    )


def _used_by_tenants(actor: Actor) -> dict[str, int]:
    """Return by how many tenants each plugin is on."""
    used: dict[str, int] = {}
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=actor):
        states = [PluginState.ENABLED, PluginState.PAUSED]
        for name in PluginSettings.objects.filter(state__in=states).values_list("plugin_id", flat=True):
            used[name] = used.get(name, 0) + 1
    return used
