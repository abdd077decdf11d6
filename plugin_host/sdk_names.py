"""The names that plugins may build on, as a list that grows and never shrinks within 1.x.

`docs/reference/sdk.txt` has one line for each name, member and argument: after two blanks the argument's place (`*`
where it is passed by name), and `=` where it may be left out. A class that has the members of another public class
says so, as `Name(Other)`, and lists its own. `sdk_names` says what the code has today; `breaks` says
what a plugin that was written against the committed list would miss.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from plugin_host.metadata import METADATA_KEYS

# The modules, and what of each is public; nothing said means what the module's own `__all__` says.
_MODULES: Final[Mapping[str, Sequence[str]]] = {
    "plugin_host.base": ("Plugin", "Secrets"),
    "plugin_host.context": ("HookContext", "PluginContext", "RecordEvent", "EventType"),
    "plugin_host.hookspec": (
        "ContentLifecycleHooks",
        "CommandHooks",
        "EventHooks",
        "SEOMetricsHooks",
        "ScheduledTaskHooks",
        "HealthMonitorHooks",
        "PluginLifecycleHooks",
        "MaybeAwaitable",
    ),
    "plugin_host.hooks.publishing": ("PublishGateResult",),
    "plugin_host.hooks.commands": ("Command",),
    "plugin_host.hooks.seo_metrics": ("SEOMetricsPayload", "DiscoveredPattern", "AppliedLearning"),
    "plugin_host.hooks.scheduled_tasks": (
        "TaskSchedule",
        "ScheduledTaskDefinition",
        "TaskExecutionContext",
        "TaskResult",
        "TaskRetryDecision",
    ),
    "plugin_host.hooks.health_monitor": (
        "HealthStatus",
        "HealthSeverity",
        "HealthCheckDefinition",
        "HealthCheckContext",
        "HealthCheckDetail",
        "HealthCheckResult",
    ),
    "plugin_host.errors": (
        "PluginError",
        "HookError",
        "PluginInitializationError",
        "PluginConfigError",
        "CapabilityNotFoundError",
        "OutsideHost",
        "NotReady",
        "AuthFailed",
        "FieldError",
        "Conflict",
        "Forbidden",
        "Invalid",
        "NotFound",
        "Stale",
    ),
    "plugin_host.registry": (),
    "plugin_host.models": ("PluginModel", "TenantRelation"),
    "plugin_host.auth": ("require_auth", "require_admin", "require_admin_ui", "allow_anonymous"),
    "plugin_host.http": (
        "client",
        "Retries",
        "Service",
        "OutboundRefused",
        "require_success",
        "trouble_of",
        "retry_after_seconds",
        "service_url",
    ),
    "plugin_host.deployments": (),
    "plugin_host.deployments.models": (),
    "plugin_host.content": (),
    "plugin_host.addresses": (),
    "plugin_host.charts": (),
    "plugin_host.runtime": (),
    "plugin_host.bus": ("Message", "on_message", "Discovery", "Bus"),
    "core.logging": ("get_logger",),
}

_TEST_KIT: Final = "plugin_host.testing"
# What the kit does for all tests, asked or not.
_KIT_ITSELF: Final = {"database", "no_scope_left_over"}

# Members that stand beside the public ones and are for the host alone.
_THE_HOSTS_OWN: Final = {"plugin_host.context.PluginContext.close"}


def is_public_module(module: str) -> bool:
    """Say whether plugins may import a module of Tenantry; those of the test kit are for their tests."""
    return (
        module in _MODULES or module == "plugin_host.hooks" or f"{module}.".startswith("plugin_host.testing.")
    )


def public_names() -> dict[str, Sequence[str]]:
    """Return the public names of each module."""
    return {module: names or importlib.import_module(module).__all__ for module, names in _MODULES.items()}


def sdk_names() -> list[str]:
    """Return every line of the list, in order."""
    found: list[str] = []
    for module, names in public_names().items():
        for name in names:
            found += _lines(f"{module}.{name}", getattr(importlib.import_module(module), name))
    found += [f"PLUGIN_META.{key}" for key in METADATA_KEYS]
    found += [f"{_TEST_KIT} fixture {name}" for name in fixture_names()]
    return list(dict.fromkeys(found))


def fixture_names() -> list[str]:
    """Return the fixtures that plugins' tests may use; needs pytest."""
    kit = vars(importlib.import_module(_TEST_KIT))
    fixtures = (name for name, value in kit.items() if type(value).__name__ == "FixtureFunctionDefinition")
    return sorted(name for name in fixtures if not name.startswith("_") and name not in _KIT_ITSELF)


def breaks(committed: Sequence[str], today: Sequence[str]) -> list[str]:
    """Return what a plugin would miss that was written against the committed list, one sentence each."""
    known, gone = set(committed), [line for line in committed if line not in set(today)]
    sentences = [f"Gone or changed: {line}" for line in gone]
    for line in today:
        name, _, argument = line.partition("  ")
        if argument and line not in known and name in known and not argument.endswith("="):
            sentences.append(f"Required where it was not: {line}")
    return sentences


def _lines(name: str, value: Any) -> Iterator[str]:
    yield name
    if inspect.isclass(value):
        yield from _class_lines(name, value)
    elif inspect.isfunction(value):
        yield from _argument_lines(name, value)
    elif _is_own(type(value)) and not callable(value):
        # An object to be used as it is, such as `runtime.store`.
        yield from _class_lines(name, type(value), constructed=False)


def _class_lines(name: str, cls: type, *, constructed: bool = True) -> Iterator[str]:
    if hasattr(cls, "_meta"):
        return  # a table: what it has is Django's
    if constructed and (dataclasses.is_dataclass(cls) or issubclass(cls, Exception)):
        yield from _argument_lines(name, cls)
    if issubclass(cls, Exception):
        return
    # What is constructed from an argument is read under its name.
    fields = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    public = _public_classes()
    for base in (base for base in cls.__mro__ if _is_own(base)):
        if base in public and base is not cls:
            yield f"{name}({public[base]})"
            continue
        for member in [*vars(base), *inspect.get_annotations(base)]:
            if member.startswith("_") or member in fields or f"{name}.{member}" in _THE_HOSTS_OWN:
                continue
            yield f"{name}.{member}"
            if inspect.isfunction(value := vars(base).get(member)):
                yield from _argument_lines(f"{name}.{member}", value, skip=1)


@cache
def _public_classes() -> Mapping[type, str]:
    """Return the public classes with their names, each under the first that it has."""
    found: dict[type, str] = {}
    for module, names in public_names().items():
        for name in names:
            value = getattr(importlib.import_module(module), name)
            if inspect.isclass(value):
                found.setdefault(value, f"{module}.{name}")
    return found


def _argument_lines(name: str, call: Callable[..., Any], *, skip: int = 0) -> Iterator[str]:
    for place, parameter in enumerate(list(inspect.signature(call).parameters.values())[skip:], start=1):
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            yield f"{name}  {parameter}".partition(":")[0] + "="
            continue
        at = "*" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else str(place)
        equals = "=" if parameter.default is not inspect.Parameter.empty else ""
        yield f"{name}  {at} {parameter.name}{equals}"


def _is_own(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in ("plugin_host", "core")
