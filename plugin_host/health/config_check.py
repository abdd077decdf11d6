"""Trying configuration and secrets before they are saved: a plugin's `check_config`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from core.actors import authorize
from core.errors import Conflict, Invalid, Unavailable
from core.scope import current_actor, require_tenant
from plugin_host.base import bind_instance
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.health.findings import Finding, finding_of
from plugin_host.health.surroundings import check_surroundings
from plugin_host.loading.plugin import CONFIG_CHECK, LoadedPlugin
from plugin_host.runner import Handler
from plugin_host.runner.handlers import is_async_callable
from plugin_host.runtime_state import Secrets
from plugin_host.services.configuration import check_config, merged_config
from plugin_host.services.secrets import check_secrets
from plugin_host.state import TenantPlugin, full_config, plugin_faults, resolved, tenant_plugins

CHECK_SECONDS: Final = 30.0


def try_config(
    plugin_id: str,
    *,
    config: Mapping[str, Any] | None = None,
    merge: bool = False,
    secrets: Mapping[str, str | None] | None = None,
) -> Finding:
    """Have a plugin try configuration and secrets for the tenant in scope; nothing is saved, on or off.

    It runs on an instance of its own without `initialize()`, for 30 seconds at most, outside of any transaction.
    Whatever it raises is an unhealthy finding.

    Args:
        config: The tenant's own layer; what is stored where not given.
        merge: Change the given keys of what is stored only; None as a value takes a key away.
        secrets: Key -> value, or None for one that is to be taken away; the others are those stored.

    Raises:
        Forbidden: The actor in scope may not manage plugins.
        NotFound: There is no such plugin, or it could not be loaded.
        Conflict: The plugin has no `check_config`.
        Invalid: What is given does not fit, or something is missing: pointers `/config/…` and `/secrets/…`.
        Unavailable: The host had no room to run it in time.
    """
    authorize(current_actor(), "plugin.manage")
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None  # what require_tenant is for
    plugins = tenant_plugins(tenant_id)
    plugin = plugins.loaded.get(plugin_id)
    function = plugin.config_check
    if function is None:
        raise Conflict(
            f"Plugin {plugin_id} has no check_config, so its configuration cannot be tried before it is saved.",
            code="no_config_check",
        )
    trial = _trial(plugin, plugins[plugin_id], config, merge=merge, secrets=secrets or {})
    return _run(plugin, trial, function)


def has_config_check(plugin: LoadedPlugin) -> bool:
    """Say whether a plugin can try its configuration."""
    return plugin.config_check is not None


def _trial(
    plugin: LoadedPlugin,
    entry: TenantPlugin,
    config: Mapping[str, Any] | None,
    *,
    merge: bool,
    secrets: Mapping[str, str | None],
) -> TenantPlugin:
    """Return the plugin as it would be for the tenant were all of this saved."""
    own = dict(entry.own_config)
    if config is not None:
        own = merged_config(own, config) if merge else dict(config)
        check_config(plugin, own, refuse_references=True)
    check_secrets(plugin, secrets)
    merged = resolved(entry.platform_config) | own
    values = entry.secrets._changed(secrets)
    if faults := plugin_faults(plugin, merged, values):
        raise Invalid(
            f"Plugin {plugin.id} cannot try this yet: something is missing or does not fit.",
            code="plugin_not_configured",
            errors=faults,
        )
    return replace(entry, config=merged, own_config=own, secrets=Secrets(plugin.id, values))


def _run(plugin: LoadedPlugin, trial: TenantPlugin, function: Callable[..., object]) -> Finding:
    scope = require_tenant()
    handler = Handler(
        plugin_id=plugin.id,
        hook=CONFIG_CHECK,
        key=CONFIG_CHECK,
        call=_call(plugin, trial, function),
        is_async=is_async_callable(function),
        time_limit_seconds=CHECK_SECONDS,
    )
    arguments = (full_config(plugin, trial), trial.secrets)
    result = hook_runner.execute(
        handler, arguments, bind=lambda called: check_surroundings(scope, trial, called.hook)
    )
    with check_surroundings(scope, trial, CONFIG_CHECK):
        found = finding_of(result)
    if found is None:
        raise Unavailable(
            f"Nothing was free to try {plugin.id} in time: try again.", code="check_not_started"
        )
    return found


def _call(plugin: LoadedPlugin, trial: TenantPlugin, function: Callable[..., object]) -> Callable[..., Any]:
    if plugin.metadata.check_config is not None or plugin.cls is None:
        return function

    def call(config: dict[str, Any], secrets: Secrets) -> Any:
        assert plugin.cls is not None  # asked above
        instance = plugin.own_instance
        if instance is None:
            instance = plugin.cls()
            bind_instance(instance, trial.run(hook=CONFIG_CHECK))
        return getattr(instance, CONFIG_CHECK)(config, secrets)

    return call
