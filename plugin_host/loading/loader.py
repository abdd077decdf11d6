"""All plugins of a process: defined, put in order, built one by one, each isolated from the others."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.apps import apps

from plugin_host.context import AdminPage, SettingsReader
from plugin_host.discovery import Candidate
from plugin_host.errors import LoadProblem, PluginLoadError
from plugin_host.identifiers import app_label
from plugin_host.loading.app_config import PluginAppConfig, installed
from plugin_host.loading.failures import failure_of
from plugin_host.loading.plugin import LoadedPlugin, PluginDefinition, build_plugin, define_plugin
from plugin_host.loading.settings_reader import platform_reader
from plugin_host.metadata import PluginMetadata
from plugin_host.registry import LoadedPlugins, LoadFailure

# Labels that apps of the host have; tables begin with them.
RESERVED_LABELS: Final = frozenset({"plugin_host"})

OnFailure = Callable[[Candidate, LoadFailure], None]
OnStage = Callable[[Candidate, str], None]


@dataclass(slots=True, eq=False)
class _Defined:
    config: PluginAppConfig
    definition: PluginDefinition

    @property
    def id(self) -> str:
        return self.definition.metadata.id


def load_installed() -> LoadedPlugins:
    """Load what the settings installed."""
    loaded = LoadedPlugins(failures=dict(installed.failures))
    found = [config for config in apps.get_app_configs() if isinstance(config, PluginAppConfig)]
    configs = [config for config in found if not config.is_out]
    build_all(loaded, configs, read_setting=platform_reader)
    return loaded


def build_all(
    loaded: LoadedPlugins,
    configs: Sequence[PluginAppConfig],
    *,
    read_setting: Callable[[PluginMetadata], SettingsReader] | None = None,
    on_stage: OnStage = lambda candidate, stage: None,
    on_failure: OnFailure = lambda candidate, failure: None,
) -> None:
    """Define, order and build the plugins of these apps; whoever fails is out whole and stands in `failures`."""
    builder = _Builder(loaded=loaded, read_setting=read_setting, on_stage=on_stage, on_failure=on_failure)
    for config in builder.ordered(builder.defined(configs)):
        builder.build(config)


@dataclass(slots=True, kw_only=True)
class _Builder:
    loaded: LoadedPlugins
    read_setting: Callable[[PluginMetadata], SettingsReader] | None
    on_stage: OnStage
    on_failure: OnFailure
    _prefixes: dict[str, str] = field(default_factory=dict)
    _nav_ids: dict[str, str] = field(default_factory=dict)
    _circles: dict[str, list[str]] = field(default_factory=dict)
    _stage: str = "metadata"

    def defined(self, configs: Iterable[PluginAppConfig]) -> list[_Defined]:
        """Read the metadata of all; the first one that claims an id has it."""
        found: dict[str, _Defined] = {}
        for config in configs:
            with self._isolated(config):
                self._at(config, "metadata")
                definition = define_config(config)
                taken = found.get(definition.metadata.id)
                if taken is not None:
                    raise _refused(definition, _clash_of_id(definition, taken.config.candidate))
                found[definition.metadata.id] = _Defined(config, definition)
        return list(found.values())

    def ordered(self, plugins: list[_Defined]) -> Iterator[_Defined]:
        """Put plugins behind those that they require; what cannot be put anywhere goes last and fails there."""
        waiting = {plugin.id: plugin for plugin in plugins}
        while waiting:
            ready = [
                plugin
                for plugin in waiting.values()
                if not any(
                    requirement.plugin_id in waiting
                    for requirement in plugin.definition.metadata.requires_plugins
                    if requirement.plugin_id != plugin.id
                )
            ]
            if not ready:
                requirements = {
                    plugin.id: [one.plugin_id for one in plugin.definition.metadata.requires_plugins]
                    for plugin in waiting.values()
                }
                self._circles = {one: circle for one in waiting if (circle := circle_of(one, requirements))}
            for plugin in ready or list(waiting.values()):
                del waiting[plugin.id]
                yield plugin

    def build(self, plugin: _Defined) -> None:
        """Build one plugin and take it in, or note why not."""
        config, definition = plugin.config, plugin.definition
        with self._isolated(config, definition):
            self._at(config, "dependency")
            versions = {one.id: one.metadata.parsed_version for one in self.loaded.plugins.values()}
            needs = [requirement.plugin_id for requirement in definition.metadata.requires_plugins]
            circle = [plugin.id, plugin.id] if plugin.id in needs else self._circles.get(plugin.id)
            if circle is not None:
                raise _problem(
                    plugin.id,
                    "dependency",
                    "requires_plugins",
                    f"Plugins need each other in a circle ({' -> '.join(circle)}), so none of them can be loaded "
                    "first: take one of the requirements out.",
                )
            failed = self.loaded.failures
            if problems := definition.metadata.requirement_problems(versions, failed=failed):
                raise PluginLoadError(plugin.id, problems)
            built = build_plugin(
                definition,
                read_setting=self.read_setting(definition.metadata)
                if self.read_setting is not None
                else None,
                module=config.candidate.module,
                path=config.candidate.path,
                source=config.candidate.source,
                load_order=len(self.loaded.plugins),
                has_models=any(model._meta.managed for model in config.get_models()),
                migrations=migration_names(config),
                on_stage=lambda stage: self._at(config, stage),
            )
            self._at(config, "routes")
            self._take_routes(built)
            self._at(config, "admin pages")
            self._take_pages(built)
            self.loaded.plugins[built.id] = built

    def _take_routes(self, plugin: LoadedPlugin) -> None:
        # Imported here: it needs Django REST Framework, which reads the settings.
        from plugin_host.routes import router_patterns

        prefixes = {registration.prefix for registration in plugin.registrations.routers}
        for prefix in prefixes:
            for taken, owner in self._prefixes.items():
                if f"{prefix}/".startswith(f"{taken}/") or f"{taken}/".startswith(f"{prefix}/"):
                    raise _problem(
                        plugin.id, "routes", prefix, f"The route prefix {taken!r} belongs to plugin {owner}."
                    )
        for registration in plugin.registrations.routers:
            for pattern in router_patterns(plugin, registration):
                for message in pattern.check():
                    if message.is_serious():
                        raise _problem(plugin.id, "routes", registration.prefix, str(message.msg))
        self._prefixes.update(dict.fromkeys(prefixes, plugin.id))

    def _take_pages(self, plugin: LoadedPlugin) -> None:
        for page in plugin.registrations.admin_pages:
            owner = self._nav_ids.get(page.nav_id)
            if owner is not None:
                raise _problem(
                    plugin.id,
                    "admin pages",
                    page.nav_id,
                    f"The nav_id {page.nav_id!r} belongs to plugin {owner}.",
                )
            if needs_template(page) and not has_template(plugin, "page.html"):
                raise _problem(
                    plugin.id,
                    "admin pages",
                    page.nav_id,
                    f"The admin page {page.nav_id!r} has neither a view nor a templates/page.html to show.",
                )
        self._nav_ids.update((page.nav_id, plugin.id) for page in plugin.registrations.admin_pages)

    def _at(self, config: PluginAppConfig, stage: str) -> None:
        self._stage = stage
        self.on_stage(config.candidate, stage)

    @contextmanager
    def _isolated(
        self, config: PluginAppConfig, definition: PluginDefinition | None = None
    ) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - load isolation: one plugin's failure is its own
            metadata = definition.metadata if definition is not None else None
            failure = failure_of(
                error,
                name=metadata.id if metadata is not None else config.plugin_id,
                stage=self._stage,
                module=config.candidate.module,
                path=config.candidate.path,
                source=config.candidate.source,
                title=metadata.name if metadata is not None else "",
                version=metadata.version if metadata is not None else "",
            )
            self.loaded.failures[failure.name] = failure
            self.on_failure(config.candidate, failure)


def circle_of(plugin_id: str, requirements: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the way from a plugin through what it requires back to itself, or nothing where there is none."""

    def way(current: str, seen: frozenset[str]) -> list[str]:
        for required in requirements.get(current, ()):
            if required == plugin_id:
                return [current, plugin_id]
            if required not in seen and (rest := way(required, seen | {required})):
                return [current, *rest]
        return []

    return way(plugin_id, frozenset({plugin_id}))


def define_config(config: PluginAppConfig) -> PluginDefinition:
    """Return what the package of an app says about its plugin.

    Raises:
        PluginLoadError: with every fault found.
    """
    candidate = config.candidate
    return define_candidate(candidate, config.module)


def define_candidate(candidate: Candidate, module: Any) -> PluginDefinition:
    """Return what an imported package says about its plugin; an entry point's name has to be the plugin's id.

    Raises:
        PluginLoadError: with every fault found.
    """
    definition = define_plugin(module, found_as=candidate.name, attribute=candidate.attribute)
    if app_label(definition.metadata.id) in RESERVED_LABELS:
        raise _problem(
            candidate.name,
            "metadata",
            "id",
            f"The id {definition.metadata.id!r} is the host's own: choose another one.",
        )
    if candidate.source == "entry point" and definition.metadata.id != candidate.name:
        raise _problem(
            candidate.name,
            "metadata",
            "id",
            f"The entry point is named {candidate.name!r} and the plugin's id is {definition.metadata.id!r}: "
            "make them equal.",
        )
    return definition


def migration_names(config: PluginAppConfig) -> frozenset[str]:
    """Return the migrations that the plugin brings."""
    folder = Path(config.path) / "migrations"
    if not (folder / "__init__.py").is_file():
        return frozenset()
    return frozenset(
        name
        for _, name, is_package in pkgutil.iter_modules([str(folder)])
        if not is_package and name[0] not in "_~"
    )


def needs_template(page: AdminPage) -> bool:
    """Say whether the host draws the page itself."""
    return page.view is None and is_own_address(page)


def is_own_address(page: AdminPage) -> bool:
    """Say whether the entry leads to the page that stands at its own address, not elsewhere on the host."""
    return page.url.rstrip("/") == f"/admin/plugins/{page.nav_id}"


def has_template(plugin: LoadedPlugin, name: str) -> bool:
    """Say whether the plugin's own folder has a template."""
    return plugin.path is not None and (plugin.path / "templates" / name).is_file()


def _clash_of_id(definition: PluginDefinition, other: Candidate) -> LoadProblem:
    return LoadProblem(
        stage="metadata",
        subject="id",
        message=f"The id {definition.metadata.id!r} is taken by the plugin in {other.path}: choose another one.",
    )


def _refused(definition: PluginDefinition, problem: LoadProblem) -> PluginLoadError:
    return PluginLoadError(definition.metadata.id, [problem])


def _problem(plugin_id: str, stage: str, subject: str, message: str) -> PluginLoadError:
    return PluginLoadError(plugin_id, [LoadProblem(stage=stage, subject=subject, message=message)])
