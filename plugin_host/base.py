"""`Plugin`: the base class of plugins in class style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from core.json_schema import fill_defaults
from core.logging import ContextLogger, get_logger
from plugin_host.errors import PluginError
from plugin_host.runtime_state import PluginRun, Secrets, current_run

if TYPE_CHECKING:
    from plugin_host.bus import Bus, Discovery

__all__ = ["Plugin", "Secrets"]

_BINDING = "_tenantry_run"


class Plugin:
    """A plugin in class style: metadata as class attributes, hooks as methods.

    The host makes one instance per process, tenant and revision of configuration and secrets, so whatever an instance
    keeps in `self` is of one tenant and never stale. `__init__` takes no arguments and does no I/O. `initialize()` and
    `shutdown()`, where a subclass defines them (`def` or `async def`), run when an instance begins and ends.
    """

    name: str = ""
    """The plugin's id: lower case letters, digits and dashes."""
    title: str = ""
    """What people read; made from the id where it is empty."""
    version: str = ""
    description: str = ""
    author: str = ""

    CONFIG_SCHEMA: ClassVar[Mapping[str, Any] | None] = None
    """JSON Schema (draft-07) of the configuration; any JSON object is accepted without one."""
    SECRETS_SCHEMA: ClassVar[Mapping[str, Any] | None] = None
    """JSON Schema (draft-07) of the secrets; every property is a string."""

    requires_core: ClassVar[str] = ""
    """Versions of Tenantry that it runs on, as a PEP 440 specifier: `>=1.0,<2`."""
    requires_plugins: ClassVar[Sequence[str]] = ()
    """Plugins that must be there first, with specifiers: `["task-manager>=1.2"]`."""
    hosts: ClassVar[Sequence[str]] = ()
    """Hosts that it calls, for people who set up firewalls."""
    config_version: ClassVar[int] = 1
    """Grows when the configuration changes its shape; see `migrate_config`."""
    time_limits: ClassVar[Mapping[str, float]] = {}
    """Seconds per hook, where the kind's own limit does not fit: `{"dvp_content_published": 300}`."""
    priority: ClassVar[int] = 100
    """Place among the plugins that handle an inline hook; lower runs first."""

    def get_config(self, tenant_id: UUID | str) -> dict[str, Any]:
        """Return a fresh copy of the configuration: schema defaults, below the platform's, below the tenant's.

        Never a query, so it is legal in async code. Outside the host the schema's defaults alone are returned.

        Raises:
            PluginError: where another tenant than the running one is asked for.
        """
        run = self._run_for(tenant_id)
        config = fill_defaults(self.CONFIG_SCHEMA or {}, dict(run.config) if run is not None else {})
        assert isinstance(config, dict)  # an object goes in
        return config

    def get_secrets(self, tenant_id: UUID | str) -> Secrets:
        """Return the tenant's secrets for this plugin; none are set outside the host.

        Raises:
            PluginError: where another tenant than the running one is asked for.
        """
        run = self._run_for(tenant_id)
        if run is None or run.secrets is None:
            return Secrets(self.name)
        return run.secrets

    def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
        """Return configuration that was stored under an older `config_version` in today's shape."""
        return config

    @cached_property
    def logger(self) -> ContextLogger:
        """A logger named after the plugin's module; its lines carry tenant, plugin, hook, correlation and delivery."""
        return get_logger(type(self).__module__)

    @cached_property
    def discovery(self) -> Discovery:
        """Capabilities that plugins of the same tenant offer each other."""
        # Imported here because the bus needs this module's values, and most plugins never use it.
        from plugin_host.bus import Discovery

        return Discovery(self.name)

    @cached_property
    def bus(self) -> Bus:
        """Messages between plugins of the same tenant."""
        from plugin_host.bus import Bus  # as above

        return Bus(self.name)

    def _run_for(self, tenant_id: UUID | str) -> PluginRun | None:
        wanted = _as_uuid(tenant_id)
        run = current_run()
        if run is None:
            run = self.__dict__.get(_BINDING)
        if run is None:
            return None
        if run.plugin_id != self.name:
            raise PluginError(
                f"Plugin {run.plugin_id} asked for the configuration of plugin {self.name}: "
                "a plugin reads its own only.",
                code="foreign_plugin",
                permanent=True,
            )
        if run.tenant_id != wanted:
            raise PluginError(
                f"Plugin {self.name} runs for tenant {run.tenant_id} and asked for tenant {wanted}: "
                "use ctx.tenant_id of the running hook.",
                code="foreign_tenant",
                permanent=True,
            )
        return run


def bind_instance(plugin: Plugin, run: PluginRun) -> None:
    """Give an instance what it falls back to in threads that carry no context, as those a plugin starts by hand."""
    plugin.__dict__[_BINDING] = run


def _as_uuid(tenant_id: UUID | str) -> UUID:
    if isinstance(tenant_id, UUID):
        return tenant_id
    try:
        return UUID(tenant_id)
    except (ValueError, AttributeError, TypeError):
        raise PluginError(
            f"A tenant is asked for by its id (ctx.tenant_id), not by {tenant_id!r}.", code="invalid_tenant"
        ) from None
