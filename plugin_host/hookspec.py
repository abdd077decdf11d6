"""All hooks, in one place: protocols to implement, and the catalogue `HOOKS` made from them.

A plugin implements a hook by defining its method, as `def` or `async def`; inheriting the protocol adds type checking
and nothing else. The host passes all arguments by position, so names are free; number and order are checked when the
plugin is loaded. The methods of the protocols are neutral: a filter returns its value, a gate allows.

A hook's kind fixes the rest:

    filter      in the request, before the writing transaction; returns the value. `PluginError` refuses the operation,
                `None` refuses it too, any other exception keeps the previous value and is recorded.
    gate        in the request, before the writing transaction; says yes or no. Any exception refuses, unless the
                tenant lets the plugin fail open.
    action      after commit, in a worker, at least once per plugin and hook; what it returns is ignored. Raising asks
                for another attempt (`PluginError(..., permanent=True)` ends them).
    collect     when the host asks; returns a list. The lists of all plugins are joined.
    execute     routed to the plugin that owns the item; raising becomes a failed result.
    first-wins  in order until one answers something else than `None`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from plugin_host.errors import LoadProblem
from plugin_host.hooks.commands import Command
from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckResult,
    HealthStatus,
)
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskRetryDecision,
)
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern, SEOMetricsPayload
from plugin_host.identifiers import did_you_mean

if TYPE_CHECKING:
    from plugin_host.context import HookContext  # it needs the catalogue, so it comes after this module

type MaybeAwaitable[T] = T | Awaitable[T]

HOOK_PREFIX = "dvp_"
ACTION_LIMIT_SECONDS = 120.0
MAX_ACTION_LIMIT_SECONDS = 300.0
INLINE_BUDGET_SECONDS = 5.0


class HookKind(StrEnum):
    """When a hook runs, how long it may take and what its failure does; see the module's text."""

    FILTER = "filter"
    GATE = "gate"
    ACTION = "action"
    COLLECT = "collect"
    EXECUTE = "execute"
    FIRST_WINS = "first-wins"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSpec:
    """One hook of the catalogue.

    Args:
        arguments: Names of what the host passes, in order.
        other_arguments: A second form that is accepted too.
        time_limit_seconds: What a plugin gets that does not ask for something else; for `execute` it is the limit of
            an item that names none.
        doc: When it is called, and what returning and raising do.
    """

    name: str
    protocol: str
    kind: HookKind
    time_limit_seconds: float
    arguments: tuple[str, ...]
    other_arguments: tuple[str, ...] | None
    doc: str

    @property
    def is_inline(self) -> bool:
        """Whether somebody waits for it; actions and executed items run in a worker."""
        return self.kind not in (HookKind.ACTION, HookKind.EXECUTE)

    @property
    def max_time_limit_seconds(self) -> float:
        """The most that a plugin may ask for."""
        return MAX_ACTION_LIMIT_SECONDS if self.kind is HookKind.ACTION else self.time_limit_seconds

    def time_limit_problem(self, seconds: object) -> str | None:
        """Return what is wrong with a time limit that a plugin asks for, or None."""
        if self.kind is HookKind.EXECUTE:
            return f"{self.name} has no time limit of its own: set timeout_seconds on each task or check."
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            return f"The time limit of {self.name} must be a number of seconds above 0, not {seconds!r}."
        if seconds > self.max_time_limit_seconds:
            return (
                f"The time limit of {self.name} is {self.max_time_limit_seconds:g} seconds at most, "
                f"not {seconds:g}: it is a hook of kind {self.kind}."
            )
        return None


@dataclass(frozen=True, slots=True)
class _Mark:
    kind: HookKind
    time_limit_seconds: float
    arguments: tuple[str, ...] | None
    other_arguments: tuple[str, ...] | None


_MARK = "__tenantry_hook__"
_F = TypeVar("_F", bound=Callable[..., Any])


def hook(
    *,
    kind: HookKind,
    time_limit_seconds: float,
    arguments: Sequence[str] | None = None,
    other_arguments: Sequence[str] | None = None,
) -> Callable[[_F], _F]:
    """Mark a protocol's method as a hook.

    Args:
        arguments: Only where the method's own parameters do not say it.
    """

    def mark(method: _F) -> _F:
        setattr(
            method,
            _MARK,
            _Mark(
                kind,
                time_limit_seconds,
                tuple(arguments) if arguments is not None else None,
                tuple(other_arguments) if other_arguments is not None else None,
            ),
        )
        return method

    return mark


class ContentLifecycleHooks(Protocol):
    """Content on its way in, out and to the public."""

    @hook(kind=HookKind.FILTER, time_limit_seconds=2)
    def dvp_before_content_create(
        self, ctx: HookContext, content: dict[str, Any], metadata: dict[str, Any] | None = None, /
    ) -> MaybeAwaitable[dict[str, Any]]:
        """Called before a record is created; may repeat when the person saves again.

        Return the content; `data`, `slug`, `title` and `locale` are taken from it, and a change of any other key is an
        error. `PluginError` refuses with its message. Limit: 2 seconds.
        """
        return content

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_content_created(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        /,
    ) -> MaybeAwaitable[None]:
        """Called after a record was created, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.FILTER, time_limit_seconds=2)
    def dvp_before_content_update(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        /,
    ) -> MaybeAwaitable[dict[str, Any]]:
        """Called before a record is changed; may repeat when the person saves again.

        Return the content; `data`, `slug`, `title` and `locale` are taken from it, and a change of any other key is an
        error. `PluginError` refuses with its message. Limit: 2 seconds.
        """
        return content

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_content_updated(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        /,
    ) -> MaybeAwaitable[None]:
        """Called after a record was changed, at least once.

        The metadata has `changed` (field names) and `previous` (the content before). What is returned is ignored;
        raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.GATE, time_limit_seconds=2)
    def dvp_before_content_delete(
        self, ctx: HookContext, content_id: str, metadata: dict[str, Any] | None = None, /
    ) -> MaybeAwaitable[bool]:
        """Called before a record is deleted; may repeat when the person tries again.

        Return False to refuse; raising refuses too. Limit: 2 seconds.
        """
        return True

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_content_deleted(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        /,
    ) -> MaybeAwaitable[None]:
        """Called after a record was deleted, at least once, with its full last content.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.GATE, time_limit_seconds=2)
    def dvp_before_content_publish(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        /,
    ) -> MaybeAwaitable[PublishGateResult]:
        """Called before a record is published; may repeat when the person tries again.

        Return a `PublishGateResult`; those of all plugins are shown together. Raising refuses. Limit: 2 seconds.
        """
        return PublishGateResult(allowed=True)

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        /,
    ) -> MaybeAwaitable[None]:
        """Called after a record was published, at least once, with the content that went public.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.GATE, time_limit_seconds=2)
    def dvp_before_content_unpublish(
        self, ctx: HookContext, content_id: str, metadata: dict[str, Any] | None = None, /
    ) -> MaybeAwaitable[bool]:
        """Called before a record is taken off the public site; may repeat when the person tries again.

        Return False to refuse; raising refuses too. Limit: 2 seconds.
        """
        return True

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_content_unpublished(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        /,
    ) -> MaybeAwaitable[None]:
        """Called after a record was taken off the public site, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None


class CommandHooks(Protocol):
    """Use cases of the content services."""

    @hook(kind=HookKind.FILTER, time_limit_seconds=2)
    def dvp_before_command(self, ctx: HookContext, command: Command, /) -> MaybeAwaitable[Command]:
        """Called before a content service runs; may repeat when the person tries again.

        Return the command, with other arguments where wanted; its name cannot change. `PluginError` refuses.
        Limit: 2 seconds.
        """
        return command

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_after_command(self, ctx: HookContext, command: Command, result: Any, /) -> MaybeAwaitable[None]:
        """Called after a content service has run and committed, at least once; `result` is JSON.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.FIRST_WINS, time_limit_seconds=2)
    def dvp_command_failed(
        self, ctx: HookContext, command: Command, error: Exception, /
    ) -> MaybeAwaitable[Any | None]:
        """Called when a content service failed; may repeat when the person tries again.

        Return an answer to give instead of the error, or None to pass. Raising is recorded, the next plugin is asked.
        Limit: 2 seconds.
        """
        return None


class EventHooks(Protocol):
    """The tenant's log of events, without those of plugins and deliveries."""

    @hook(kind=HookKind.FILTER, time_limit_seconds=2)
    def dvp_before_event_publish(
        self, ctx: HookContext, event: dict[str, Any], /
    ) -> MaybeAwaitable[dict[str, Any]]:
        """Called with the draft of an event (`type`, `payload`) before it is recorded; may repeat.

        Return the event. `PluginError` refuses the operation that it is about. Limit: 2 seconds.
        """
        return event

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_after_event_publish(self, ctx: HookContext, event: dict[str, Any], /) -> MaybeAwaitable[None]:
        """Called after an event was recorded and committed, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None


class SEOMetricsHooks(Protocol):
    """Search metrics: received, stored, searched for patterns, learnt from."""

    @hook(kind=HookKind.FILTER, time_limit_seconds=2)
    def dvp_seo_metrics_received(
        self, ctx: HookContext, payload: SEOMetricsPayload, /
    ) -> MaybeAwaitable[SEOMetricsPayload]:
        """Called before received metrics are stored; may repeat.

        Return the payload, for example `payload.with_metadata({...})`. `PluginError` refuses it. Limit: 2 seconds.
        """
        return payload

    @hook(kind=HookKind.FILTER, time_limit_seconds=2)
    def dvp_before_pattern_extraction(
        self, ctx: HookContext, payload: SEOMetricsPayload, /
    ) -> MaybeAwaitable[SEOMetricsPayload]:
        """Called before stored metrics are searched for patterns; may repeat.

        Return the payload. `PluginError` leaves it out. Limit: 2 seconds.
        """
        return payload

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_pattern_discovered(self, ctx: HookContext, pattern: DiscoveredPattern, /) -> MaybeAwaitable[None]:
        """Called after a pattern was found, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_learning_applied(self, ctx: HookContext, learning: AppliedLearning, /) -> MaybeAwaitable[None]:
        """Called after a pattern was applied to a record, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None


class ScheduledTaskHooks(Protocol):
    """Tasks that run on a schedule."""

    @hook(kind=HookKind.COLLECT, time_limit_seconds=5)
    def dvp_register_scheduled_tasks(
        self, ctx: HookContext, /
    ) -> MaybeAwaitable[list[ScheduledTaskDefinition]]:
        """Called when the plugin is enabled, its configuration changes or a new version starts; may repeat.

        Return the tasks; those no longer returned are retired. When it raises, the known ones stay. Limit: 5 seconds.
        """
        return []

    @hook(kind=HookKind.EXECUTE, time_limit_seconds=300)
    def dvp_execute_scheduled_task(
        self,
        task: ScheduledTaskDefinition,
        ctx: HookContext,
        execution_ctx: TaskExecutionContext,
        /,
    ) -> MaybeAwaitable[TaskResult]:
        """Called when a task of this plugin is due, again after a failure; the task comes first, then the context.

        Return a `TaskResult`; `success=False`, raising and running late are the same failure. Limit: the task's
        `timeout_seconds`.
        """
        return TaskResult(success=False, error_message=f"No code for the task {task.task_id}.")

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_task_completed(
        self, ctx: HookContext, task: ScheduledTaskDefinition, result: TaskResult, /
    ) -> MaybeAwaitable[None]:
        """Called after a task has succeeded, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.FIRST_WINS, time_limit_seconds=2)
    def dvp_task_failed(
        self, ctx: HookContext, task: ScheduledTaskDefinition, result: TaskResult, /
    ) -> MaybeAwaitable[TaskRetryDecision | None]:
        """Called when a run of a task has failed, once per attempt; may repeat after a crash.

        Return a `TaskRetryDecision` to replace the usual backoff, or None to pass. Raising is recorded.
        Limit: 2 seconds.
        """
        return None


class HealthMonitorHooks(Protocol):
    """Checks of the services that a plugin watches."""

    @hook(kind=HookKind.COLLECT, time_limit_seconds=5)
    def dvp_register_health_checks(self, ctx: HookContext, /) -> MaybeAwaitable[list[HealthCheckDefinition]]:
        """Called when the plugin is enabled, its configuration changes or a new version starts; may repeat.

        Return the checks; a plugin without this hook owns one, `<id>.default`, every 300 seconds for each domain.
        Limit: 5 seconds.
        """
        return []

    # The two public forms have different arguments, which no signature but this one lets a subclass choose from.
    @hook(
        kind=HookKind.EXECUTE,
        time_limit_seconds=30,
        arguments=("ctx", "check_type", "target"),
        other_arguments=("check", "ctx", "execution_ctx"),
    )
    def dvp_execute_health_check(self, *args: Any, **kwargs: Any) -> MaybeAwaitable[HealthCheckResult]:
        """Called when a check of this plugin is due, as `(ctx, check_type, target)` or `(check, ctx, execution_ctx)`.

        `check_type` is the check's id after the dot; `target` is the definition's or a domain of the tenant. Return a
        `HealthCheckResult`; raising and running late make an unhealthy one. Limit: the check's `timeout_seconds`.
        """
        return HealthCheckResult(domain="", overall_status=HealthStatus.UNKNOWN)

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_health_status_changed(
        self,
        ctx: HookContext,
        check: HealthCheckDefinition,
        previous: HealthStatus,
        current: HealthStatus,
        /,
    ) -> MaybeAwaitable[None]:
        """Called after the verdict of a check has changed, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None


class PluginLifecycleHooks(Protocol):
    """The plugin's own life for a tenant."""

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any], /) -> MaybeAwaitable[None]:
        """Called after the plugin was enabled for the tenant, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_plugin_disabled(self, ctx: HookContext, metadata: dict[str, Any], /) -> MaybeAwaitable[None]:
        """Called after the plugin was disabled for the tenant, at least once: the one hook that still runs then.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None

    @hook(kind=HookKind.ACTION, time_limit_seconds=ACTION_LIMIT_SECONDS)
    def dvp_config_changed(self, ctx: HookContext, metadata: dict[str, Any], /) -> MaybeAwaitable[None]:
        """Called after the tenant's configuration or secrets changed, at least once.

        What is returned is ignored; raising asks for another attempt. Limit: 120 seconds.
        """
        return None


PROTOCOLS: tuple[type, ...] = (
    ContentLifecycleHooks,
    CommandHooks,
    EventHooks,
    SEOMetricsHooks,
    ScheduledTaskHooks,
    HealthMonitorHooks,
    PluginLifecycleHooks,
)


def _catalogue() -> dict[str, HookSpec]:
    found: dict[str, HookSpec] = {}
    for protocol in PROTOCOLS:
        for name, method in vars(protocol).items():
            mark = getattr(method, _MARK, None)
            if not isinstance(mark, _Mark):
                continue
            found[name] = HookSpec(
                name=name,
                protocol=protocol.__name__,
                kind=mark.kind,
                time_limit_seconds=mark.time_limit_seconds,
                arguments=mark.arguments or tuple(inspect.signature(method).parameters)[1:],
                other_arguments=mark.other_arguments,
                doc=inspect.getdoc(method) or "",
            )
    return found


HOOKS: Mapping[str, HookSpec] = MappingProxyType(_catalogue())
"""Every hook by name."""


def implemented_hooks(cls: type) -> dict[str, HookSpec]:
    """Return the hooks that a plugin class defines, in the catalogue's order.

    A hook counts as defined when a class other than the protocols has it; `dvp_x = None` takes it back.
    """
    return {
        name: spec for name, spec in HOOKS.items() if (found := _defined(cls, name)) and found[0] is not None
    }


def validate_plugin_class(cls: type) -> list[LoadProblem]:
    """Return everything that is wrong with the hooks of a plugin class; nothing is called."""
    problems = [
        LoadProblem(
            stage="hooks",
            subject=name,
            message=f"{cls.__name__} defines {name}, which is no hook.{did_you_mean(name, HOOKS)}",
        )
        for name in _prefixed_names(cls)
        if name not in HOOKS
    ]
    implemented = implemented_hooks(cls)
    for name, spec in implemented.items():
        if (problem := _method_problem(cls, spec)) is not None:
            problems.append(LoadProblem(stage="hooks", subject=name, message=problem))
    for register, execute in (
        ("dvp_register_scheduled_tasks", "dvp_execute_scheduled_task"),
        ("dvp_register_health_checks", "dvp_execute_health_check"),
    ):
        if register in implemented and execute not in implemented:
            problems.append(
                LoadProblem(
                    stage="hooks",
                    subject=register,
                    message=f"{cls.__name__} defines {register} but not {execute}, which runs what it registers.",
                )
            )
    return problems


def argument_problem(spec: HookSpec, handler: Callable[..., Any]) -> str | None:
    """Return what is wrong with the arguments of a handler, or None.

    Args:
        handler: What the host will call, so without `self`.
    """
    if is_generator(handler):
        return generator_problem(spec.name)
    signature = _signature(handler)
    return None if signature is None else _signature_problem(spec, signature, spec.name)


def is_generator(function: object) -> bool:
    """Say whether calling it makes a generator, so that nothing of its code runs."""
    while isinstance(function, functools.partial):
        function = function.func
    return any(
        inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one)
        for one in (function, getattr(function, "__call__", None))  # noqa: B004
    )


def generator_problem(where: str) -> str:
    """Return what to say about code that was written as a generator."""
    return f"{where} must not yield, for nothing of its code would run: return its answer, several as a list."


def health_check_arguments(handler: Callable[..., Any]) -> tuple[str, ...]:
    """Return which of the two public forms an implementation of `dvp_execute_health_check` has.

    Returns:
        `("ctx", "check_type", "target")` or `("check", "ctx", "execution_ctx")`.
    """
    spec = HOOKS["dvp_execute_health_check"]
    signature = _signature(handler)
    if signature is not None and spec.other_arguments is not None and _is_second_form(signature):
        return spec.other_arguments
    return spec.arguments


def _prefixed_names(cls: type) -> list[str]:
    names: dict[str, None] = {}
    for owner in cls.__mro__:
        if owner not in PROTOCOLS:
            names.update(dict.fromkeys(name for name in vars(owner) if name.startswith(HOOK_PREFIX)))
    return list(names)


def _defined(cls: type, name: str) -> tuple[Any, ...]:
    for owner in cls.__mro__:
        if owner not in PROTOCOLS and name in vars(owner):
            return (vars(owner)[name],)
    return ()


def _method_problem(cls: type, spec: HookSpec) -> str | None:
    (raw,) = _defined(cls, spec.name)
    where = f"{cls.__name__}.{spec.name}"
    function = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
    if not callable(function):
        return f"{where} must be a method, not {raw!r}."
    if is_generator(function):
        return generator_problem(where)
    signature = _signature(function)
    if signature is None:
        return None
    if not isinstance(raw, staticmethod):
        parameters = list(signature.parameters.values())
        if not parameters:
            return f"{where} takes no arguments at all: begin with self, then {', '.join(spec.arguments)}."
        if parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
            signature = signature.replace(parameters=parameters[1:])
    return _signature_problem(spec, signature, where)


def _signature(handler: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(handler)
    except (TypeError, ValueError):
        return None  # a builtin without a signature: the first call will tell


def _signature_problem(spec: HookSpec, signature: inspect.Signature, where: str) -> str | None:
    expected = spec.arguments
    if spec.other_arguments is not None and _is_second_form(signature):
        expected = spec.other_arguments
    forms = " or ".join(f"({', '.join(form)})" for form in (spec.arguments, spec.other_arguments) if form)
    try:
        signature.bind(*[None] * len(expected))
    except TypeError:
        return f"{where} must take {forms}, not {_shown(signature)}."
    names = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ][: len(expected)]
    for place, name in enumerate(names):
        if name in expected and expected.index(name) != place:
            return f"{where} has its arguments in the wrong order: it must take {forms}, not {_shown(signature)}."
    return None


def _is_second_form(signature: inspect.Signature) -> bool:
    """Say whether an implementation of the health check takes the definition first and the context second."""
    parameters = list(signature.parameters.values())
    if len(parameters) < 2 or _is_context(parameters[0]):
        return False
    return _is_context(parameters[1])


def _is_context(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    named = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return parameter.name in ("ctx", "context") or named.rpartition(".")[2] == "HookContext"


def _shown(signature: inspect.Signature) -> str:
    names = (
        str(parameter).partition(":")[0].partition("=")[0] for parameter in signature.parameters.values()
    )
    return f"({', '.join(names)})"
