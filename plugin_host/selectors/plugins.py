"""Plugins as documents, for the API and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import FieldError
from core.scope import require_tenant
from core.selectors.content_state import timestamp
from plugin_host.dependencies import dependant_plugins
from plugin_host.errors import LoadProblem
from plugin_host.health.verdicts import plugins_health
from plugin_host.hookspec import ACTION_LIMIT_SECONDS
from plugin_host.loading.plugin import LoadedPlugin
from plugin_host.models.secret import PluginSecret
from plugin_host.models.settings import PlatformPluginSettings
from plugin_host.registry import LoadFailure, loaded_plugins
from plugin_host.scheduling.selectors import schedule_problem, schedule_problems
from plugin_host.schemas import effective_config, secret_schema
from plugin_host.selectors.pauses import (
    Trouble,
    breaker_document,
    pause_document,
    trouble_of,
    troubles_of,
)
from plugin_host.state import TenantPlugin, TenantPlugins, platform_config, resolved, tenant_plugins


def plugins_in_scope() -> TenantPlugins:
    """Return what every plugin is for the tenant in scope."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    return tenant_plugins(tenant_id)


def plugin_named(plugin_id: str) -> TenantPlugin | None:
    """Return what a plugin is for the tenant in scope; None for one that is not loaded and never was set up.

    Raises:
        NotFound: There is no such plugin, with the nearest right name.
    """
    plugins = plugins_in_scope()
    entry = plugins.get(plugin_id)
    if entry is None and plugins.loaded.failure_of(plugin_id) is None:
        plugins.loaded.get(plugin_id)
    return entry


def plugin_documents() -> list[dict[str, Any]]:
    """Return all plugins for the tenant in scope, those that could not be loaded last."""
    plugins = plugins_in_scope()
    troubles = troubles_of(plugins.values())
    unscheduled = schedule_problems()
    return [
        *(
            plugin_document(
                entry, plugins.loaded.plugins.get(name), troubles[name], unscheduled.get(name, "")
            )
            for name, entry in plugins.items()
        ),
        *(
            failure_document(failure)
            for name, failure in plugins.loaded.failures.items()
            if name not in plugins and name.replace("_", "-") not in plugins
        ),
    ]


def plugin_document(
    entry: TenantPlugin, plugin: LoadedPlugin | None, trouble: Trouble, unscheduled: str
) -> dict[str, Any]:
    """Return one plugin for a tenant.

    Args:
        unscheduled: What is wrong with what it says there is to schedule; the rest of it works all the same.
    """
    problems = list(entry.problems)
    if unscheduled and entry.is_on:
        problems.append(LoadProblem(stage="schedule", message=unscheduled))
    return {
        **_identity(entry.plugin_id, plugin),
        "state": str(entry.state),
        "status": str(entry.status),
        "problems": [_problem(problem) for problem in problems],
        "errors": [_error(error) for error in entry.errors],
        "paused": pause_document(entry, trouble),
        "breaker": breaker_document(entry, trouble),
        "fail_open": entry.fail_open,
        "revision": entry.revision[0],
        "changed_by": entry.changed_by,
        "changed_at": timestamp(entry.changed_at),
        "restart_needed": plugin is not None and is_restart_needed(plugin, entry.platform_config),
        "health": _health(entry),
    }


def failure_document(failure: LoadFailure) -> dict[str, Any]:
    """Return a plugin that could not be loaded."""
    return {
        "id": failure.name,
        "name": failure.title or failure.name,
        "version": failure.version,
        "author": "",
        "description": "",
        "source": failure.source,
        "state": "available",
        "status": failure.status,
        "problems": [_problem(problem) for problem in failure.problems],
        "errors": [],
        "paused": None,
        "breaker": None,
        "fail_open": False,
        "revision": 0,
        "changed_by": "",
        "changed_at": None,
        "restart_needed": False,
        "health": None,
    }


def plugin_details(plugin_id: str) -> dict[str, Any]:
    """Return one plugin for the tenant in scope with all that it adds.

    Raises:
        NotFound: There is no such plugin.
    """
    entry = plugin_named(plugin_id)
    loaded = loaded_plugins()
    plugin = loaded.plugins.get(plugin_id)
    if entry is None:
        failure = loaded.failure_of(plugin_id)
        assert failure is not None  # plugin_named refuses otherwise
        return failure_document(failure) | _nothing_added()
    return plugin_document(entry, plugin, trouble_of(entry), schedule_problem(plugin_id)) | (
        added_by(plugin) if plugin is not None else _nothing_added()
    )


def added_by(plugin: LoadedPlugin) -> dict[str, Any]:
    """Return what a plugin adds: hooks, routes, pages, what it reads and calls."""
    registrations = plugin.registrations
    return {
        "hooks": list(hook_documents(plugin)),
        "routes": sorted({f"/api/v1/plugins/{one.prefix}" for one in registrations.routers}),
        "pages": [
            {"nav_id": page.nav_id, "label": page.label, "icon": page.icon, "url": page.url}
            for page in registrations.admin_pages
        ],
        "hosts": list(plugin.metadata.hosts),
        "requires_core": str(plugin.metadata.requires_core),
        "requires_plugins": [f"{one.plugin_id}{one.specifier}" for one in plugin.metadata.requires_plugins],
        "required_by": sorted(dependant_plugins(loaded_plugins().plugins, plugin.id)),
        "config_schema": plugin.metadata.config_schema,
        "secrets_schema": plugin.metadata.secrets_schema,
    }


def hook_documents(plugin: LoadedPlugin) -> Iterator[dict[str, Any]]:
    """Return what a plugin handles."""
    limits = plugin.metadata.time_limits
    for spec in plugin.hooks:
        yield {
            "hook": spec.name,
            "kind": str(spec.kind),
            "priority": plugin.metadata.priority,
            "time_limit_seconds": limits.get(spec.name, spec.time_limit_seconds),
            "collection": None,
        }
    for hook in plugin.registrations.hooks:
        yield {
            "hook": hook.hook.name,
            "kind": str(hook.hook.kind),
            "priority": hook.priority,
            "time_limit_seconds": hook.time_limit_seconds or hook.hook.time_limit_seconds,
            "collection": None,
        }
    for event in plugin.registrations.events:
        yield {
            "hook": ", ".join(sorted(event.types)),
            "kind": "action",
            "priority": plugin.metadata.priority,
            "time_limit_seconds": ACTION_LIMIT_SECONDS,
            "collection": event.collection,
        }


def settings_document(plugin_id: str) -> dict[str, Any]:
    """Return the configuration of a plugin for the tenant in scope, in all its layers.

    Raises:
        NotFound: There is no such plugin.
    """
    entry = plugin_named(plugin_id)
    plugin = loaded_plugins().get(plugin_id)
    assert entry is not None  # a plugin that is loaded has one
    schema = plugin.metadata.config_schema
    return {
        "plugin": plugin_id,
        "revision": entry.revision[0],
        # References to the environment are shown as such: their values are the operator's.
        "config": effective_config(schema, entry.platform_config, entry.own_config),
        "own": dict(entry.own_config),
        "platform": dict(entry.platform_config),
        "schema": schema,
    }


def platform_settings_document(plugin_id: str) -> dict[str, Any]:
    """Return the platform's configuration of a plugin.

    Raises:
        NotFound: There is no such plugin.
    """
    plugin = loaded_plugins().get(plugin_id)
    row = PlatformPluginSettings.objects.filter(pk=plugin_id).first()
    own = platform_config(plugin, row)
    return {
        "plugin": plugin_id,
        "revision": row.revision if row is not None else 0,
        "config": effective_config(plugin.metadata.config_schema, own),
        "own": own,
        "platform": own,
        "schema": plugin.metadata.config_schema,
    }


def secret_documents(plugin_id: str) -> list[dict[str, Any]]:
    """Return which secrets of a plugin are set for the tenant in scope, and which it knows; never a value.

    Raises:
        NotFound: There is no such plugin.
    """
    plugin_named(plugin_id)
    plugin = loaded_plugins().plugins.get(plugin_id)
    schema: Mapping[str, Any] = (plugin.metadata.secrets_schema or {}) if plugin is not None else {}
    rows = {row.key: row for row in PluginSecret.objects.filter(plugin_id=plugin_id)}
    return [
        _secret(key, schema, rows.get(key))
        for key in dict.fromkeys((*schema.get("properties", {}), *sorted(rows)))
    ]


def is_restart_needed(plugin: LoadedPlugin, platform_config: Mapping[str, Any]) -> bool:
    """Say whether `register` has read settings of the platform that are other ones by now."""
    now = resolved(platform_config)
    return any(now.get(key, value) != value for key, value in plugin.settings_read.items())


def _health(entry: TenantPlugin) -> str | None:
    """Return the worst status of its checks; None where none has run, or none runs."""
    found = plugins_health(entry.tenant_id).get(entry.plugin_id) if entry.runs else None
    return found.worst.value if found is not None else None


def _identity(plugin_id: str, plugin: LoadedPlugin | None) -> dict[str, Any]:
    if plugin is None:
        failure = loaded_plugins().failure_of(plugin_id)
        return {
            "id": plugin_id,
            "name": failure.title or plugin_id if failure is not None else plugin_id,
            "version": failure.version if failure is not None else "",
            "author": "",
            "description": "",
            "source": failure.source if failure is not None else "",
        }
    about = plugin.metadata
    return {
        "id": about.id,
        "name": about.name,
        "version": about.version,
        "author": about.author,
        "description": about.description,
        "source": plugin.source,
    }


def _nothing_added() -> dict[str, Any]:
    return {
        "hooks": [],
        "routes": [],
        "pages": [],
        "hosts": [],
        "requires_core": "",
        "requires_plugins": [],
        "required_by": [],
        "config_schema": None,
        "secrets_schema": None,
    }


def _secret(key: str, schema: Mapping[str, Any], row: PluginSecret | None) -> dict[str, Any]:
    named = key in schema.get("properties", {})
    part = secret_schema(schema, key) or {}
    return {
        "key": key,
        "title": part.get("title", key) if named else key,
        "description": part.get("description", ""),
        "required": key in schema.get("required", ()),
        "is_set": row is not None,
        "fingerprint": row.fingerprint if row is not None else None,
        "set_by": row.set_by if row is not None else None,
        "set_at": timestamp(row.set_at) if row is not None else None,
    }


def _problem(problem: LoadProblem) -> dict[str, str]:
    return {"stage": problem.stage, "subject": problem.subject, "message": problem.message}


def _error(error: FieldError) -> dict[str, str]:
    return {"pointer": error.pointer, "message": error.message, "code": error.code}
