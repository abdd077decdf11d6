"""From an imported package to a plugin that is known whole: metadata, class, template instance, registrations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeGuard, cast

from plugin_host.base import Plugin
from plugin_host.bus.messages import message_handlers
from plugin_host.context import PluginContext, Registrations, SettingsReader
from plugin_host.errors import LoadProblem, PluginError, PluginLoadError
from plugin_host.hookspec import (
    HookSpec,
    generator_problem,
    implemented_hooks,
    is_generator,
    validate_plugin_class,
)
from plugin_host.identifiers import app_label, did_you_mean
from plugin_host.metadata import PluginMetadata, agreed_metadata, metadata_from_class, metadata_from_meta
from plugin_host.version import CORE_VERSION

CONFIG_CHECK: Final = "check_config"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginDefinition:
    """What a package says about its plugin, before anything of it is called."""

    metadata: PluginMetadata
    cls: type[Plugin] | None
    register: Callable[[PluginContext], object] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedPlugin:
    """A plugin that this process can run.

    Args:
        cls: Its class; None in function style.
        template: The instance that `register` ran on; never runs hooks of tenants.
        own_instance: An instance that was registered by hand; it is used itself, for every tenant.
        settings_read: What `register` read of the platform's settings, and what it got.
        context: The recorder, which handlers keep for `get_setting`.
        module: Name of its package.
        path: Folder of its package.
        migrations: Names of the migrations that it brings.
    """

    metadata: PluginMetadata
    cls: type[Plugin] | None = None
    template: Plugin | None = None
    own_instance: Plugin | None = None
    hooks: tuple[HookSpec, ...] = ()
    registrations: Registrations = field(default_factory=Registrations)
    settings_read: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""
    path: Path | None = None
    source: str = ""
    load_order: int = 0
    has_models: bool = False
    migrations: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return self.metadata.id

    @property
    def config_check(self) -> Callable[..., object] | None:
        """What tries configuration and secrets: the function of `PLUGIN_META`, else the class's, not bound yet."""
        if self.metadata.check_config is not None:
            return self.metadata.check_config
        return getattr(self.cls, CONFIG_CHECK, None)

    @property
    def label(self) -> str:
        """Label of its Django app, with which its tables begin."""
        return app_label(self.metadata.id)


def define_plugin(module: ModuleType, *, found_as: str, attribute: str = "") -> PluginDefinition:
    """Return what an imported package says about its plugin; calls nothing of it.

    Args:
        found_as: Name of the entry point or folder.
        attribute: The class that the entry point names.

    Raises:
        PluginLoadError: with every fault found.
    """
    meta = getattr(module, "PLUGIN_META", None)
    cls = _named_class(module, attribute, found_as) if attribute else _only_class(module, found_as)
    if meta is None and cls is None:
        raise PluginLoadError(found_as, [_nothing_here(module)])
    register = _register_function(module, found_as, needed=cls is None) if meta is not None else None
    if cls is None:
        metadata = metadata_from_meta(meta, found_as=found_as)
    elif meta is None:
        metadata = metadata_from_class(cls, found_as=found_as)
    else:
        metadata = agreed_metadata(
            metadata_from_meta(meta, found_as=found_as), metadata_from_class(cls, found_as=found_as)
        )
    return PluginDefinition(metadata=metadata, cls=cls, register=register)


def build_plugin(
    definition: PluginDefinition,
    *,
    read_setting: SettingsReader | None = None,
    module: str = "",
    path: Path | None = None,
    source: str = "",
    load_order: int = 0,
    has_models: bool = False,
    migrations: frozenset[str] = frozenset(),
    own_instance: Plugin | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> LoadedPlugin:
    """Check the plugin's class, make its template and run its `register`.

    Args:
        own_instance: Used as the template, and for every tenant.
        on_stage: Told before each step: `hooks`, `init`, `register`.

    Raises:
        PluginLoadError: with what was found; whatever the plugin's own code raises comes through.
    """
    metadata, cls = definition.metadata, definition.cls
    on_stage("hooks")
    problems = [] if (late := metadata.core_problem(CORE_VERSION)) is None else [late]
    if cls is not None:
        problems += validate_plugin_class(cls)
        problems += _bus_problems(cls)
    problems += _config_check_problems(metadata, cls)
    if problems:
        raise PluginLoadError(metadata.id, problems)
    on_stage("init")
    template = own_instance
    if template is None and cls is not None:
        template = cls()
    on_stage("register")
    read: dict[str, Any] = {}
    context = PluginContext(
        metadata.id,
        read_setting=_remembering(read_setting, read),
        config_schema=metadata.config_schema,
        template=template,
    )
    if definition.register is not None:
        _finish(definition.register(context), metadata.id)
    # Only where the class itself has one: the base class has none.
    own_register = getattr(template, "register", None)
    if callable(own_register):
        _finish(own_register(context), metadata.id)
    return LoadedPlugin(
        metadata=metadata,
        cls=cls,
        template=template,
        own_instance=own_instance,
        hooks=tuple(implemented_hooks(cls).values()) if cls is not None else (),
        registrations=context.close(),
        settings_read=read,
        module=module,
        path=path,
        source=source,
        load_order=load_order,
        has_models=has_models,
        migrations=migrations,
    )


def _nothing_here(module: ModuleType) -> LoadProblem:
    near = did_you_mean("PLUGIN_META", [name for name in vars(module) if name.isupper()])
    return LoadProblem(
        stage="metadata",
        subject="PLUGIN_META",
        message=(
            f"{module.__name__} defines no plugin: it needs PLUGIN_META and register(ctx), "
            f"or a subclass of plugin_host.base.Plugin in its __all__.{near}"
        ),
    )


def _named_class(module: ModuleType, attribute: str, found_as: str) -> type[Plugin]:
    found = getattr(module, attribute, None)
    if isinstance(found, type) and issubclass(found, Plugin) and found is not Plugin:
        return found
    what = "is not there" if found is None else "is no subclass of plugin_host.base.Plugin"
    near = did_you_mean(attribute, vars(module)) if found is None else ""
    raise PluginLoadError(
        found_as,
        [
            LoadProblem(
                stage="metadata",
                subject=attribute,
                message=f"The entry point {found_as!r} names {module.__name__}:{attribute}, which {what}.{near}",
            )
        ],
    )


def _only_class(module: ModuleType, found_as: str) -> type[Plugin] | None:
    """Return the one plugin class that the package exports, else the one that it defines."""
    exported = [vars(module).get(name) for name in getattr(module, "__all__", ())]
    inside = (module.__name__, f"{module.__name__}.")
    defined = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and (value.__module__ == inside[0] or value.__module__.startswith(inside[1]))
    ]
    for values in (exported, defined):
        classes = list(dict.fromkeys(value for value in values if _is_plugin_class(value)))
        if len(classes) > 1:
            names = ", ".join(cls.__name__ for cls in classes)
            raise PluginLoadError(
                found_as,
                [
                    LoadProblem(
                        stage="metadata",
                        subject="__all__",
                        message=f"{module.__name__} has more than one plugin class ({names}): name one in __all__.",
                    )
                ],
            )
        if classes:
            return classes[0]
    return None


def _is_plugin_class(value: object) -> TypeGuard[type[Plugin]]:
    return (
        isinstance(value, type)
        and issubclass(value, Plugin)
        and value is not Plugin
        and not inspect.isabstract(value)
    )


def _register_function(
    module: ModuleType, found_as: str, *, needed: bool
) -> Callable[[PluginContext], object] | None:
    register = getattr(module, "register", None)
    if register is None and not needed:
        return None
    if register is None:
        functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        problem = (
            f"{module.__name__} has PLUGIN_META but no register(ctx).{did_you_mean('register', functions)}"
        )
    elif not callable(register):
        problem = f"register of {module.__name__} must be a function register(ctx), not {register!r}."
    elif inspect.iscoroutinefunction(register):
        problem = (
            f"register of {module.__name__} must be a plain `def`: it runs once, while the process starts."
        )
    else:
        function: Callable[[PluginContext], object] = register
        return function
    raise PluginLoadError(found_as, [LoadProblem(stage="register", subject="register", message=problem)])


def _finish(returned: object, plugin_id: str) -> None:
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        problem = generator_problem(f"register of plugin {plugin_id}")
        raise PluginLoadError(plugin_id, [LoadProblem(stage="register", subject="register", message=problem)])
    if inspect.iscoroutine(returned):
        returned.close()
        raise PluginLoadError(
            plugin_id,
            [
                LoadProblem(
                    stage="register",
                    subject="register",
                    message=f"register of plugin {plugin_id} must be a plain `def`, not `async def`.",
                )
            ],
        )


def _bus_problems(cls: type) -> list[LoadProblem]:
    try:
        handlers = message_handlers(cls)
    except PluginError as error:
        return [LoadProblem(stage="hooks", subject="on_message", message=error.message)]
    return [
        LoadProblem(stage="hooks", subject=name, message=problem)
        for topic, name in handlers.items()
        if (problem := _bus_problem(cls, topic, name)) is not None
    ]


def _bus_problem(cls: type, topic: str, name: str) -> str | None:
    where = f"{cls.__name__}.{name}, which handles the topic {topic!r},"
    method = getattr(cls, name)
    if is_generator(method):
        return generator_problem(where)
    if not _takes(method, _arguments_unbound(cls, name, 1)):
        return f"{where} must take one argument after self, the message: def {name}(self, message)."
    return None


def _arguments_unbound(cls: type, name: str, count: int) -> int:
    """Return how many arguments a method takes that is asked of its class, `self` included where it has one."""
    is_bound = isinstance(inspect.getattr_static(cls, name), staticmethod | classmethod)
    return count if is_bound else count + 1


def _config_check_problems(metadata: PluginMetadata, cls: type | None) -> list[LoadProblem]:
    found = [(metadata.check_config, 2)] if metadata.check_config is not None else []
    if (method := getattr(cls, CONFIG_CHECK, None)) is not None:
        assert cls is not None  # the method is its
        found.append((method, _arguments_unbound(cls, CONFIG_CHECK, 2)))
    message = "check_config takes two arguments after self: check_config(self, config, secrets)."
    return [
        LoadProblem(stage="hooks", subject=CONFIG_CHECK, message=message)
        for function, arguments in found
        if not _takes(function, arguments)
    ]


def _takes(function: object, arguments: int) -> bool:
    try:
        inspect.signature(cast("Callable[..., object]", function)).bind(*range(arguments))
    except (TypeError, ValueError):
        return False
    return True


def _remembering(reader: SettingsReader | None, read: dict[str, Any]) -> SettingsReader:
    def read_setting(key: str, default: Any) -> Any:
        value = reader(key, default) if reader is not None else default
        read[key] = value
        return value

    return read_setting
