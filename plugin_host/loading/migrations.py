"""The migrations of plugins, looked at without a database.

Django puts all migrations of an installation into one graph, so a single wrong one keeps every other from being
applied, the host's own too. What would do so is found here, while the plugin can still be left out.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from django.apps import apps
from django.db.migrations import Migration
from django.db.migrations.exceptions import CircularDependencyError, NodeNotFoundError
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from plugin_host.errors import LoadProblem, PluginLoadError
from plugin_host.identifiers import did_you_mean
from plugin_host.loading.app_config import PluginAppConfig

_FIRST, _LATEST = "__first__", "__latest__"

OnPlugin = Callable[[PluginAppConfig], None]
OnFailure = Callable[[PluginAppConfig, Exception], None]


def check_migrations(
    configs: Sequence[PluginAppConfig], *, on_plugin: OnPlugin, on_failure: OnFailure
) -> None:
    """Find every plugin whose migrations would keep those of others from being applied.

    Args:
        on_plugin: Told whose turn it is.
        on_failure: Told who fails, and why.
    """
    is_sound = True
    for config in configs:
        on_plugin(config)
        try:
            _check_alone(config)
        except Exception as error:  # noqa: BLE001 - load isolation: one plugin's failure is its own
            is_sound = False
            on_failure(config, error)
    if is_sound and any(_names_on_disk(config.label) for config in configs):
        _check_together({config.label: config for config in configs}, on_plugin, on_failure)


def _check_alone(config: PluginAppConfig) -> None:
    found = {
        name: _imported(config, f"{config.name}.migrations.{name}", name)
        for name in sorted(_names_of(config.label) or ())
    }
    problems = [problem for name, migration in found.items() for problem in _wrong_links(migration, name)]
    if not problems:
        problems = _wrong_order(config.label, found)
    if problems:
        raise _refused(config, problems)


def _imported(config: PluginAppConfig, module: str, name: str) -> Migration:
    cls = getattr(import_module(module), "Migration", None)
    if not (isinstance(cls, type) and issubclass(cls, Migration)):
        raise _refused(
            config,
            [f"{_file(name)} has no class Migration: it needs `class Migration(migrations.Migration)`."],
        )
    return cls(name, config.label)


def _wrong_links(migration: Migration, name: str) -> list[str]:
    """Return what is wrong with the migrations that a migration names."""
    problems = []
    for attribute in ("dependencies", "run_before", "replaces"):
        links = getattr(migration, attribute)
        if not isinstance(links, list | tuple) or not all(_is_link(link) for link in links):
            problems.append(
                f"{attribute} of {_file(name)} must be a list of pairs such as "
                f"({migration.app_label!r}, '0001_initial'), not {links!r}."
            )
            continue
        for label, target in links:
            if attribute == "dependencies":
                problems += _dependency_problems(migration, name, label, target)
            elif label != migration.app_label:
                # Applied ones cannot come after what is new, and a replaced one is gone from the graph.
                problems.append(
                    f"{attribute} of {_file(name)} names {label}.{target}, which is not this plugin's: "
                    f"only migrations of {migration.app_label!r} may stand there."
                )
    return problems


def _is_link(link: object) -> bool:
    return isinstance(link, tuple | list) and len(link) == 2 and all(isinstance(part, str) for part in link)


def _dependency_problems(migration: Migration, name: str, label: str, target: str) -> list[str]:
    what = f"{_file(name)} depends on {label}.{target}, but"
    labels = [config.label for config in apps.get_app_configs()]
    if label not in labels:
        return [
            f"{what} no app {label!r} is installed.{did_you_mean(label, labels)} "
            "Where it is another plugin's, that one must be loaded too."
        ]
    if target == _FIRST and label == migration.app_label:
        return []
    known = _names_on_disk(label)
    if target in (_FIRST, _LATEST) and label != migration.app_label:
        if known is None or known:
            return []
        return [f"{what} {label!r} has no migrations yet."]
    if target in (known or ()):
        return []
    return [f"{what} there is no such migration.{did_you_mean(target, known or ())}"]


@cache
def _names_on_disk(label: str) -> Collection[str] | None:
    """Return the names of an app's migrations; of a plugin's nothing is imported, for its fault is its own."""
    config = apps.get_app_config(label)
    if not isinstance(config, PluginAppConfig):
        return _names_of(label)
    from plugin_host.loading.loader import (
        migration_names,
    )  # it needs Django's models, which come after this module

    return migration_names(config) if (Path(config.path) / "migrations" / "__init__.py").is_file() else None


def _names_of(label: str) -> Collection[str] | None:
    """Return the names of an app's migrations; None where Django finds no package of them."""
    module_name, _ = MigrationLoader.migrations_module(label)
    if module_name is None:
        return None
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if "migrations" in (error.name or "").split("."):
            return None
        raise
    if not hasattr(module, "__path__") or getattr(module, "__file__", None) is None:
        return None
    return frozenset(
        name
        for _, name, is_package in pkgutil.iter_modules(module.__path__)
        if not is_package and name[0] not in "_~"
    )


def _wrong_order(label: str, migrations: Mapping[str, Migration]) -> list[str]:
    graph = MigrationGraph()
    for name, migration in migrations.items():
        graph.add_node((label, name), migration)
    for name, migration in migrations.items():
        pairs = [(parent, (label, name)) for parent in migration.dependencies]
        pairs += [((label, name), child) for child in migration.run_before]
        for parent, child in pairs:
            if parent[0] == label and parent[1] != _FIRST:
                graph.add_dependency(migration, (child[0], child[1]), (parent[0], parent[1]))
    for name, migration in migrations.items():
        if migration.replaces:
            graph.remove_replaced_nodes((label, name), [(one[0], one[1]) for one in migration.replaces])
    try:
        graph.ensure_not_cyclic()
    except CircularDependencyError as error:
        return [_circle(error)]
    ends = sorted(name for _, name in graph.leaf_nodes(label))
    if len(ends) > 1:
        return [
            f"There are {len(ends)} last migrations ({', '.join(ends)}), so their order is open: let one depend on "
            f"the other, dependencies = [({label!r}, {ends[0]!r})] in {_file(ends[-1])}."
        ]
    return []


def _check_together(
    configs: Mapping[str, PluginAppConfig], on_plugin: OnPlugin, on_failure: OnFailure
) -> None:
    """Build the graph of the whole installation, and the models as the migrations leave them."""
    try:
        loader = MigrationLoader(None)
    except CircularDependencyError as error:
        circle = {node.partition(".")[0] for node in str(error).split(", ")} & configs.keys()
        if not circle:
            raise
        for label in circle:
            on_failure(configs[label], _refused(configs[label], [_circle(error)]))
        return
    except NodeNotFoundError as error:
        config = configs.get(getattr(error.origin, "app_label", ""))
        if config is None:
            raise
        on_failure(config, error)
        return
    plan = dict.fromkeys(
        node for leaf in loader.graph.leaf_nodes() for node in loader.graph.forwards_plan(leaf)
    )
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for label, name in plan:
        config = configs.get(label)
        if config is None:
            state = loader.graph.nodes[label, name].mutate_state(state, preserve=False)
            continue
        on_plugin(config)
        try:
            state = loader.graph.nodes[label, name].mutate_state(state, preserve=False)
        except Exception as error:  # noqa: BLE001 - load isolation: it is the fault of whose migration it is
            on_failure(config, _unappliable(config, name, error))
            return


def _circle(error: CircularDependencyError) -> str:
    return f"Migrations depend on each other in a circle ({error}): take one of the dependencies out."


def _unappliable(config: PluginAppConfig, name: str, error: Exception) -> PluginLoadError:
    return _refused(
        config,
        [
            f"{_file(name)} does not fit the migrations before it ({type(error).__name__}: {error}): "
            "its operations name models and fields that are not there, or are there already."
        ],
    )


def _file(name: str) -> str:
    return f"migrations/{name}.py"


def _refused(config: PluginAppConfig, messages: Sequence[str]) -> PluginLoadError:
    return PluginLoadError(
        config.plugin_id, [LoadProblem(stage="migrations", message=message) for message in messages]
    )
