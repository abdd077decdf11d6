"""Hooks that nothing in the life of content calls: with samples of what the host passes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from core.scope import current_scope
from plugin_host.context import HookContext
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.errors import PluginError
from plugin_host.health.surroundings import check_surroundings
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthCheckResult
from plugin_host.hooks.scheduled_tasks import ScheduledTaskDefinition, TaskResult
from plugin_host.hookspec import HOOKS, HookKind, HookSpec, health_check_arguments
from plugin_host.runner import Handler
from plugin_host.state import tenant_plugins
from plugin_host.testing import host
from plugin_host.testing.contract.account import Account
from plugin_host.testing.contract.samples import HookArguments

_COLLECTED_ITEMS = {
    "dvp_register_scheduled_tasks": ScheduledTaskDefinition,
    "dvp_register_health_checks": HealthCheckDefinition,
}


def handlers_of(account: Account) -> list[Handler]:
    """Return everything that the plugin handles for the tenant."""
    grouped = tenant_plugins(account.tenant.pk).handlers.of_plugin(account.plugin.id)
    return [handler for by_key in grouped.values() for handler in by_key.values()]


def call_other_hooks(account: Account) -> None:
    """Call each handler that has not been called yet, by the rules of its kind."""
    calls = HookCaller(account)
    for handler in handlers_of(account):
        if handler.hook not in account.asked:
            calls.call(handler)


class HookCaller:
    """Calls handlers of the plugin for the account's tenant."""

    def __init__(self, account: Account) -> None:
        self._account = account
        tenant = account.tenant
        context = HookContext(tenant_id=tenant.pk, tenant_slug=tenant.slug, tenant_plan=tenant.plan)
        self._samples = HookArguments(context, account.content, account.plugin.id)

    def call(self, handler: Handler) -> None:
        """Call a handler; tasks and checks that it names are run too."""
        spec = HOOKS.get(handler.hook)
        if spec is None:
            self._execute(handler, (self._samples.record_event(handler.hook),))
            return
        if spec.kind is HookKind.EXECUTE:
            return  # with what is collected, see below, or with the one check that is there without
        arguments = self._arguments(handler, spec)
        with self._account.inside():
            try:
                match spec.kind:
                    case HookKind.FILTER:
                        place = _place_of_value(spec)
                        hook_runner.run_filter(
                            [handler],
                            arguments[place],
                            lambda _, value: (*arguments[:place], value, *arguments[place + 1 :]),
                            bind=self._bind,
                        )
                    case HookKind.GATE:
                        hook_runner.run_gate([handler], lambda _: arguments, bind=self._bind)
                    case HookKind.COLLECT:
                        self._collect(handler, arguments)
                    case HookKind.FIRST_WINS:
                        hook_runner.run_first_wins([handler], lambda _: arguments, bind=self._bind)
                    case _:
                        hook_runner.execute(handler, arguments, bind=self._bind)
            except PluginError as error:
                self._account.see(f"answer of {handler.hook}", str(error))

    def run_default_check(self) -> None:
        """Run the check that a plugin has which names none."""
        for handler in handlers_of(self._account):
            if handler.hook == "dvp_execute_health_check":
                self._run_check(handler, self._samples.check())

    def _collect(self, handler: Handler, arguments: tuple[Any, ...]) -> None:
        found = hook_runner.run_collect(
            [handler],
            lambda _: arguments,
            item_type=_COLLECTED_ITEMS.get(handler.hook, object),
            bind=self._bind,
        )
        for _, item in found.items:
            for executing in handlers_of(self._account):
                if (
                    isinstance(item, ScheduledTaskDefinition)
                    and executing.hook == "dvp_execute_scheduled_task"
                ):
                    self._run_task(executing, item)
                if isinstance(item, HealthCheckDefinition) and executing.hook == "dvp_execute_health_check":
                    self._run_check(executing, item)

    def _run_task(self, handler: Handler, task: ScheduledTaskDefinition) -> None:
        execution = self._samples.execution(task.task_id)
        context = self._samples.context
        value = self._execute(handler, (task, context, execution), limit=task.timeout_seconds)
        if value is None:
            return  # its run says why
        if not isinstance(value, TaskResult):
            self._account.fail(f"task {task.task_id}", f"must return a TaskResult, not {value!r:.80}")
        elif not value.success:
            self._account.fail(f"task {task.task_id}", f"did not succeed: {value.error_message}")

    def _run_check(self, handler: Handler, check: HealthCheckDefinition) -> None:
        target = check.target or str(self._account.content["domain"])
        names = health_check_arguments(host.own_function(handler))
        known = {"check": check, "check_type": check.check_type, "target": target}
        arguments = tuple(
            known[name] if name in known else self._samples.of(handler.hook, [name])[0] for name in names
        )
        value = self._execute(handler, arguments, limit=check.timeout_seconds)
        if value is not None and not isinstance(value, HealthCheckResult):
            self._account.fail(
                f"check {check.check_id}", f"must return a HealthCheckResult, not {value!r:.80}"
            )

    def _execute(self, handler: Handler, arguments: tuple[Any, ...], *, limit: float | None = None) -> Any:
        with self._account.inside():
            done = hook_runner.execute(handler, arguments, time_limit_seconds=limit, bind=self._bind)
        self._account.see(f"answer of {handler.hook}", repr(done.value) if done.value is not None else "")
        return done.value

    def _arguments(self, handler: Handler, spec: HookSpec) -> tuple[Any, ...]:
        given = self._account.example.arguments.get(handler.hook)
        if given is None:
            return self._samples.of(handler.hook, spec.arguments)
        return (self._samples.context, *given)

    def _bind(self, handler: Handler) -> AbstractContextManager[None]:
        scope = current_scope()
        assert scope is not None  # hooks are called inside the tenant
        entry = tenant_plugins(self._account.tenant.pk)[handler.plugin_id]
        return check_surroundings(scope, entry, handler.hook)


def _place_of_value(spec: HookSpec) -> int:
    """Return which argument a filter passes on: what is neither about it nor names it."""
    return next(
        place for place, name in enumerate(spec.arguments) if name not in ("ctx", "content_id", "metadata")
    )
