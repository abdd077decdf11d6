"""The rules of the kinds; see `plugin_host.hookspec` for what they promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final, TypeVar

from plugin_host.errors import HookError, PluginError, sentence_of
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.runner.calls import Bind, HookCalls, InlineBudget
from plugin_host.runner.handlers import Handler
from plugin_host.runner.outcomes import (
    CollectResult,
    FilterResult,
    FirstWinsResult,
    GateDenial,
    GateResult,
    HookFailure,
    HookOutcome,
    HookRun,
)

PUBLISH_GATE: Final = "dvp_before_content_publish"

_T = TypeVar("_T")
MakeArguments = Callable[[Handler], tuple[Any, ...]]


class HookRunner(HookCalls):
    """Runs the hooks of a process by the rules of their kinds; `HookCalls` has the arguments."""

    def run_filter(
        self,
        handlers: Sequence[Handler],
        value: _T,
        make_arguments: Callable[[Handler, _T], tuple[Any, ...]],
        *,
        accept: Callable[[Handler, _T, Any], _T] | None = None,
        bind: Bind | None = None,
        budget: InlineBudget | None = None,
    ) -> FilterResult[_T]:
        """Pass a value through filters, a deep copy to each.

        Args:
            make_arguments: Makes a handler's arguments from its copy of the value.
            accept: Checks what a handler returned against what it got, and returns what is taken from it; raises
                `PluginError` where it cannot be taken.

        Raises:
            PluginError: where a plugin refuses; `plugin` and `hook` are set on it.
            HookError: where a plugin returns None, or `accept` raises.
        """
        self._check(handlers)
        current = value
        runs: list[HookRun] = []
        for handler in handlers:
            before = deepcopy(current)
            returned, error, run = self._execute(handler, make_arguments(handler, before), None, bind, budget)
            if error is None:
                try:
                    current = self._taken(handler, current, returned, accept)
                except HookError as refusal:
                    self._account(_changed(run, HookOutcome.FAILED, refusal))
                    raise
            self._account(run)
            runs.append(run)
            if isinstance(error, PluginError) and run.outcome is HookOutcome.REFUSED:
                raise _attributed(error, handler)
        return FilterResult(value=current, runs=tuple(runs))

    def _taken(
        self, handler: Handler, before: _T, returned: Any, accept: Callable[[Handler, _T, Any], _T] | None
    ) -> _T:
        if returned is None:
            raise HookError(
                handler.hook,
                handler.plugin_id,
                f"Hook {handler.hook} returned None but filter hooks must return a value",
                code="hook_returned_none",
            )
        try:
            # Copied, so that what the plugin keeps of it is not what the next one gets.
            own: _T = deepcopy(returned)
            return own if accept is None else accept(handler, before, own)
        except PluginError as error:
            raise HookError(
                handler.hook,
                handler.plugin_id,
                error.message,
                code=error.code,
                # Shown beside an input, where nothing else says that it was not the person's own.
                errors=[
                    replace(fault, message=f"{handler.plugin_id}: {fault.message}") for fault in error.errors
                ],
            ) from error
        except Exception as error:
            raise HookError(
                handler.hook, handler.plugin_id, f"it returned a value that cannot be used ({error})."
            ) from error

    def run_gate(
        self,
        handlers: Sequence[Handler],
        make_arguments: MakeArguments,
        *,
        ask_all: bool = False,
        bind: Bind | None = None,
        budget: InlineBudget | None = None,
    ) -> GateResult:
        """Ask gates for leave.

        Args:
            ask_all: Whether to go on after a no, so that all reasons are known; publishing does.
        """
        self._check(handlers)
        denials: list[GateDenial] = []
        blockers: list[tuple[str, str]] = []
        warnings: list[tuple[str, str]] = []
        scores: list[tuple[str, float]] = []
        runs: list[HookRun] = []
        for handler in handlers:
            verdict, error, run = self._execute(handler, make_arguments(handler), None, bind, budget)
            denial: GateDenial | None = None
            if error is not None:
                denial = _denial_of(handler, error, run)
            elif isinstance(verdict, PublishGateResult):
                denial = _heard(handler, verdict, blockers, warnings, scores)
            elif verdict is False:
                denial = _denial(handler, "")
            elif verdict is not True:
                wrong = HookError(
                    handler.hook,
                    handler.plugin_id,
                    f"it returned {verdict!r:.80}, but it must return {_allowed_verdicts(handler)}.",
                    code="hook_returned_nonsense",
                )
                run = _changed(run, HookOutcome.FAILED, wrong)
                denial = _denial_of(handler, wrong, run)
            if denial is not None and error is None and run.outcome.is_success:
                run = _changed(run, HookOutcome.REFUSED, None)
            self._account(run)
            runs.append(run)
            if denial is not None:
                denials.append(denial)
                if not ask_all:
                    break
        answers = (tuple(denials), tuple(blockers), tuple(warnings), tuple(scores), tuple(runs))
        # As `GateResult(…)`, at half of its time.
        return tuple.__new__(GateResult, answers)

    def run_collect(
        self,
        handlers: Sequence[Handler],
        make_arguments: MakeArguments,
        *,
        item_type: type = object,
        bind: Bind | None = None,
    ) -> CollectResult:
        """Ask for lists and join them; the list of a plugin that fails, or holds something else, is left out whole.

        Args:
            item_type: What the lists must hold.
        """
        self._check(handlers)
        items: list[tuple[str, Any]] = []
        runs: list[HookRun] = []
        for handler in handlers:
            value, error, run = self._execute(handler, make_arguments(handler), None, bind, None)
            if error is None:
                if isinstance(value, list | tuple) and all(isinstance(item, item_type) for item in value):
                    items += ((handler.plugin_id, item) for item in value)
                else:
                    wrong = HookError(
                        handler.hook,
                        handler.plugin_id,
                        f"it must return a list of {item_type.__name__}, not {value!r:.80}.",
                        code="hook_returned_nonsense",
                    )
                    run = _changed(run, HookOutcome.FAILED, wrong)
            self._account(run)
            runs.append(run)
        return CollectResult(items=tuple(items), runs=tuple(runs))

    def run_first_wins(
        self,
        handlers: Sequence[Handler],
        make_arguments: MakeArguments,
        *,
        accept: Callable[[Handler, Any], Any] | None = None,
        bind: Bind | None = None,
        budget: InlineBudget | None = None,
    ) -> FirstWinsResult:
        """Ask in order until one answers something else than None; who fails is passed over.

        Args:
            accept: Returns what is taken for an answer; raises `PluginError` where it is none, and the next is asked.
        """
        self._check(handlers)
        runs: list[HookRun] = []
        for handler in handlers:
            answer, _, run = self._execute(handler, make_arguments(handler), None, bind, budget)
            if answer is not None and accept is not None:
                try:
                    answer = accept(handler, answer)
                except PluginError as error:
                    wrong = HookError(handler.hook, handler.plugin_id, error.message, code=error.code)
                    run, answer = _changed(run, HookOutcome.FAILED, wrong), None
            self._account(run)
            runs.append(run)
            if answer is not None:
                return FirstWinsResult(value=answer, plugin_id=handler.plugin_id, runs=tuple(runs))
        return FirstWinsResult(runs=tuple(runs))


def _changed(run: HookRun, outcome: HookOutcome, error: PluginError | None) -> HookRun:
    if error is None:
        return run._replace(outcome=outcome)
    failure = HookFailure(text=f"{type(error).__name__}: {error.message}", code=error.code)
    return run._replace(outcome=outcome, failure=failure)


def _attributed(error: PluginError, handler: Handler) -> PluginError:
    if error.message == PluginError.without_reason:
        error.message = _without_reason(handler)
    error.plugin = error.plugin or handler.plugin_id
    error.hook = error.hook or handler.hook
    return error


def _heard(
    handler: Handler,
    verdict: PublishGateResult,
    blockers: list[tuple[str, str]],
    warnings: list[tuple[str, str]],
    scores: list[tuple[str, float]],
) -> GateDenial | None:
    """Add what a publish gate says to what the others said."""
    if verdict.blockers:
        blockers += ((handler.plugin_id, text) for text in verdict.blockers)
    if verdict.warnings:
        warnings += ((handler.plugin_id, text) for text in verdict.warnings)
    if verdict.score is not None:
        scores.append((handler.plugin_id, verdict.score))
    return None if verdict.allowed else _denial(handler, " ".join(verdict.blockers))


def _denial(handler: Handler, reason: str) -> GateDenial:
    return GateDenial(
        plugin_id=handler.plugin_id,
        hook=handler.hook,
        reason=reason or _without_reason(handler),
    )


def _without_reason(handler: Handler) -> str:
    return f"Plugin {handler.plugin_id} does not allow it and gives no reason."


def _denial_of(handler: Handler, error: BaseException, run: HookRun) -> GateDenial | None:
    if run.outcome is HookOutcome.REFUSED and isinstance(error, PluginError):
        told = _attributed(error, handler)
        return GateDenial(plugin_id=handler.plugin_id, hook=handler.hook, reason=told.message, error=told)
    if handler.fail_open:
        return None
    told = error if isinstance(error, HookError) else HookError(handler.hook, handler.plugin_id, run.error)
    # Shown behind the plugin's name, so it is not said again.
    reason = f"Hook {told.hook} failed: {sentence_of(told.details)}"
    return GateDenial(plugin_id=handler.plugin_id, hook=handler.hook, reason=reason, error=told)


def _allowed_verdicts(handler: Handler) -> str:
    return "a PublishGateResult" if handler.hook == PUBLISH_GATE else "True or False"
