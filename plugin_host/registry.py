"""The plugins of this process, and who handles what.

`PluginRegistry()` is a handle on the process's one registry. It is built at first need, never while Django starts.

    registry = PluginRegistry()
    registry.register(MyPlugin())
    registry.enable("my-plugin")                       # here, for tenants without a state of their own
    registry.enable("my-plugin", tenant=tenant.id)     # for good, in every process
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

from core.errors import NotFound
from core.scope import current_scope, tenant_scope
from plugin_host.base import Plugin
from plugin_host.errors import LoadProblem, PluginError, PluginLoadError
from plugin_host.identifiers import did_you_mean
from plugin_host.loading.plugin import LoadedPlugin, PluginDefinition, build_plugin
from plugin_host.metadata import metadata_from_class

if TYPE_CHECKING:
    from plugin_host.runner.handlers import Handler

__all__ = ["PluginRegistry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFailure:
    """A plugin that is out, and why.

    Args:
        name: Its id, or the name that it was found under.
        status: `broken` or `needs_install`.
        problems: Everything that was found.
        traceback: Of the plugin's code, where it raised.
        file: Where it raised.
        line: The same.
        title: What people read, where the metadata could be read.
    """

    name: str
    status: str
    problems: tuple[LoadProblem, ...]
    traceback: str = ""
    file: str = ""
    line: int | None = None
    title: str = ""
    version: str = ""
    source: str = ""
    module: str = ""

    @property
    def stage(self) -> str:
        """Where loading ended."""
        return self.problems[0].stage if self.problems else "import"

    @property
    def message(self) -> str:
        """What is wrong, and what to do."""
        return " ".join(problem.message for problem in self.problems)


@dataclass(slots=True, eq=False)
class LoadedPlugins:
    """What a process has loaded.

    Args:
        plugins: By id, in load order.
        failures: By id, or by the name that a plugin without an id was found under.
        generation: Another object each time a plugin is registered, taken out or switched in this process.
    """

    plugins: dict[str, LoadedPlugin] = field(default_factory=dict)
    failures: dict[str, LoadFailure] = field(default_factory=dict)
    generation: object = field(default_factory=object)
    _on_here: set[str] = field(default_factory=set)

    def is_enabled_here(self, plugin_id: str) -> bool:
        """Say whether the plugin is on in this process for tenants without a state of their own."""
        return plugin_id in self._on_here

    def add(self, plugin: LoadedPlugin) -> None:
        """Take a plugin in, after all others."""
        last = max((other.load_order for other in self.plugins.values()), default=-1)
        self.plugins[plugin.id] = replace(plugin, load_order=last + 1)
        self.generation = object()

    def remove(self, plugin_id: str) -> None:
        """Take a plugin out."""
        del self.plugins[plugin_id]
        self._on_here.discard(plugin_id)
        self.generation = object()

    def switch_here(self, plugin_id: str, *, on: bool) -> None:
        """Turn a plugin on or off in this process."""
        (self._on_here.add if on else self._on_here.discard)(plugin_id)
        self.generation = object()

    def failure_of(self, plugin_id: str) -> LoadFailure | None:
        """Return why a plugin is not loaded; a package that cannot be imported is known by its folder's name only."""
        return self.failures.get(plugin_id) or self.failures.get(plugin_id.replace("-", "_"))

    def get(self, plugin_id: str) -> LoadedPlugin:
        """Return a plugin.

        Raises:
            NotFound: with the nearest right name, or why the plugin is not loaded.
        """
        if (found := self.plugins.get(plugin_id)) is not None:
            return found
        if (failure := self.failure_of(plugin_id)) is not None:
            raise NotFound(f"Plugin {plugin_id} is not loaded: {failure.message}", code="plugin_not_loaded")
        raise NotFound(
            f"There is no plugin {plugin_id!r}.{did_you_mean(plugin_id, (*self.plugins, *self.failures))}",
            code="plugin_not_found",
        )


_lock = threading.RLock()
_loaded: LoadedPlugins | None = None


def loaded_plugins() -> LoadedPlugins:
    """Return the plugins of this process, loading them at the first call."""
    global _loaded
    if _loaded is None:
        with _lock:
            if _loaded is None:
                _loaded = _load()
    return _loaded


@contextmanager
def use_plugins(loaded: LoadedPlugins) -> Iterator[LoadedPlugins]:
    """Work with another set of plugins inside the block; for tests."""
    global _loaded
    with _lock:
        before, _loaded = _loaded, loaded
    try:
        yield loaded
    finally:
        with _lock:
            _loaded = before


class PluginRegistry:
    """A handle on the plugins of this process."""

    def register(self, plugin: Plugin | type[Plugin]) -> None:
        """Take a plugin in, after those that are installed.

        An instance is used itself, for every tenant; a class gets an instance per tenant, as an installed plugin does.
        Routes and pages have been built by then, so such a plugin has hooks only.

        Raises:
            PluginError: It is no plugin, its id is taken, or whatever makes an installed plugin fail to load.
        """
        cls = plugin if isinstance(plugin, type) else type(plugin)
        if not issubclass(cls, Plugin):
            raise PluginError(f"register takes a plugin, not {plugin!r}: derive {cls.__name__} from Plugin.")
        metadata = metadata_from_class(cls, found_as=cls.__name__)
        loaded = loaded_plugins()
        with _lock:
            if metadata.id in loaded.plugins:
                raise PluginError(
                    f"A plugin {metadata.id!r} is registered already: unregister it first, or rename this one."
                )
            versions = {one.id: one.metadata.parsed_version for one in loaded.plugins.values()}
            if problems := metadata.requirement_problems(versions, failed=loaded.failures):
                raise PluginLoadError(metadata.id, problems)
            definition = PluginDefinition(metadata=metadata, cls=cls, register=None)
            instance = None if isinstance(plugin, type) else plugin
            loaded.add(build_plugin(definition, own_instance=instance, source="registered by hand"))

    def unregister(self, name: str) -> None:
        """Take a plugin out of this process.

        Raises:
            NotFound: There is no such plugin.
        """
        loaded = loaded_plugins()
        with _lock:
            loaded.get(name)
            loaded.remove(name)

    def get(self, name: str) -> Plugin | None:
        """Return the plugin's instance that was registered, or the template of an installed one; None where
        there is no such plugin, or it is in function style.
        """
        found = loaded_plugins().plugins.get(name)
        return found.template if found is not None else None

    def enable(self, name: str, *, tenant: UUID | str | None = None) -> None:
        """Turn a plugin on: for a tenant, in every process and for good; without one, in this process only.

        Args:
            tenant: Its id; the one in scope where there is one.

        Raises:
            NotFound: There is no such plugin.
            TenantryError: It cannot be enabled for the tenant; the message says what is missing.
        """
        self._switch(name, tenant, on=True)

    def disable(self, name: str, *, tenant: UUID | str | None = None) -> None:
        """Turn a plugin off, where `enable` turns it on."""
        self._switch(name, tenant, on=False)

    def _switch(self, name: str, tenant: UUID | str | None, *, on: bool) -> None:
        loaded = loaded_plugins()
        loaded.get(name)
        scope = current_scope()
        in_scope = scope.tenant_id if scope is not None else None
        tenant_id = in_scope if tenant is None else UUID(str(tenant))
        if tenant_id is None:
            with _lock:
                loaded.switch_here(name, on=on)
            return
        # Imported here: they need Django's models, and this module is importable without.
        from plugin_host.services import disable_plugin, enable_plugin

        with nullcontext() if tenant_id == in_scope else tenant_scope(tenant_id):
            (enable_plugin if on else disable_plugin)(name)


def handlers(tenant_id: UUID, hook: str, collection_name: str | None = None) -> tuple[Handler, ...]:
    """Return what handles a hook for a tenant, in its order.

    Hooks of inline kinds come from plugins that run; actions come from paused ones as well, whose deliveries wait.

    Args:
        hook: A hook of the catalogue, or an event type (`record.created`) for handlers in function style.
        collection_name: Leaves out those that want another collection.
    """
    from plugin_host.state import tenant_plugins  # it needs Django's models

    return tenant_plugins(tenant_id).handlers.get(hook, collection_name)


def plugin_handlers(tenant_id: UUID, plugin_id: str) -> Mapping[str, Mapping[str, Handler]]:
    """Return what one plugin handles, whatever its state: hook or event type -> key -> handler.

    For deliveries, which know the handler's key, and for what runs after switching off. Empty where the plugin is
    not loaded.
    """
    from plugin_host.state import tenant_plugins  # it needs Django's models

    return tenant_plugins(tenant_id).handlers.of_plugin(plugin_id)


def _load() -> LoadedPlugins:
    """Load what the settings installed; nothing outside a Django project, as in an author's own unit tests."""
    if "django.apps" not in sys.modules:
        return LoadedPlugins()
    from django.apps import apps  # at first need: this module is importable without settings
    from django.conf import settings

    if not settings.configured:
        return LoadedPlugins()
    if not apps.ready:
        # An empty registry would be kept, and the process would run without its plugins.
        raise PluginError(
            "The plugins are not loaded yet: ask for them when Django is ready, not during an import."
        )
    from plugin_host.loading.loader import load_installed

    return load_installed()
