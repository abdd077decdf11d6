"""What the host does round the calls of an inline hook, without the calls.

The runner is the real one, but for the step that hands a handler to its thread or loop: that answers at once. So what
is left is the way from the hook's name to its handlers, their order, the time limit, the account of each call, what the
breaker takes of it and the verdict of all of them. What a handler's code is surrounded with in its own thread is
measured beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from django.db import connection

from benchmarks.dispatch.installation import COLLECTION, ENABLED, GATE, NOBODYS_GATE
from core.logging import CollectedLines
from core.scope import Scope, enter_scope
from plugin_host.dispatch.binding import inline_handlers
from plugin_host.dispatch.hook_runner import note_run, refuse_in_transaction
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.runner import Handler, HookRunner, InlineBudget
from plugin_host.runner.calls import _Answer, _finished

ROUNDS: Final = 9
LOOPS: Final = 20_000
NO_LINES: Final = CollectedLines(limit=0)
YES: Final = _Answer(PublishGateResult(allowed=True))


class _WithoutCalls(HookRunner):
    """A runner whose handlers all say yes without being called."""

    def _within(self, handler: Handler, args: Any, limit: Any, bind: Any, progress: Any) -> Any:
        progress.started = progress.ended = progress.submitted
        progress.lines = NO_LINES
        return _finished(handler, progress, YES)


_FUNCTIONS: Final[dict[str, Callable[[], None]]] = {name: lambda: None for name in ENABLED}
_seconds: Final = dict.fromkeys(ENABLED, 0.0)
_done: Final = dict.fromkeys(ENABLED, 0)
_failed: Final = dict.fromkeys(ENABLED, 0)
_runner: Final = _WithoutCalls(before_call=refuse_in_transaction, sink=note_run)


def measure(scopes: Sequence[Scope]) -> dict[str, float]:
    """Return the costs, for tenants that take turns.

    Returns:
        Microseconds of CPU: `nobody` per hook that nobody implements, `handler` and `surroundings` per handler, `floor`
        per function of a plain loop that times and counts; `first`
        the milliseconds that the first use of a tenant takes; `queries` of all measured rounds together.
    """
    started = time.thread_time()
    for scope in scopes:
        enter_scope(scope)
        _gate()
    first = (time.thread_time() - started) / len(scopes) * 1000
    with _CountedQueries() as queries:
        costs = _costs(
            {"floor": _floor, "nobody": _nobody, "handler": _gate, "surroundings": _surroundings}, scopes
        )
    enter_scope(None)
    return {
        "nobody": costs["nobody"],
        "floor": costs["floor"] / len(_FUNCTIONS),
        "handler": costs["handler"] / len(ENABLED),
        "surroundings": costs["surroundings"] / len(ENABLED),
        "first": first,
        "queries": float(queries.count),
    }


def _nobody() -> None:
    assert not inline_handlers(NOBODYS_GATE, COLLECTION).handlers


def _gate() -> None:
    found = inline_handlers(GATE, COLLECTION)
    _runner.run_gate(found.handlers, lambda handler: (), ask_all=True, bind=found.bind, budget=InlineBudget())


def _floor() -> None:
    """Call three functions and note how long each took: what any way of doing it pays."""
    for name, function in _FUNCTIONS.items():
        began = time.monotonic()
        try:
            function()
        except Exception:  # noqa: BLE001 - nothing raises; the try is what is measured
            _failed[name] += 1
        else:
            _seconds[name] += time.monotonic() - began
            _done[name] += 1


def _surroundings() -> None:
    found = inline_handlers(GATE, COLLECTION)
    for handler in found.handlers:
        with found.bind(handler):
            pass


def _costs(cases: Mapping[str, Callable[[], None]], scopes: Sequence[Scope]) -> dict[str, float]:
    """Return the median microseconds of each, in rounds that take turns; the loop's own cost is taken off."""
    rounds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        empty = _round(lambda: None, scopes)
        for name, case in cases.items():
            rounds[name].append(_round(case, scopes) - empty)
    return {name: median(own) for name, own in rounds.items()}


def _round(case: Callable[[], None], scopes: Sequence[Scope]) -> float:
    turns = max(1, LOOPS // len(scopes))
    started = time.thread_time()
    for _ in range(turns):
        for scope in scopes:
            enter_scope(scope)
            case()
    return (time.thread_time() - started) / (turns * len(scopes)) * 1_000_000


class _CountedQueries:
    """Counts the statements that this thread sends inside the block."""

    def __init__(self) -> None:
        self.count = 0
        self._wrapper = connection.execute_wrapper(self._note)

    def __enter__(self) -> _CountedQueries:
        self._wrapper.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._wrapper.__exit__(*exception)

    def _note(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.count += 1
        return execute(*arguments)
