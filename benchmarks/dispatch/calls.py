"""Whole inline calls of a gate, beside the cheapest ways there are to call code elsewhere.

A `def` hook needs a thread of its own, or nobody could leave it when it is late; so it is held against a bare hop to a
thread. An `async def` hook needs a loop; so it is held against an `asyncio.Runner` that is kept. Neither of the two
bounds the time, surrounds the code with a tenant and a plugin, or says what came of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Final

from benchmarks.dispatch.installation import ASYNC_GATE, COLLECTION, GATE
from core.scope import Scope, use_scope
from plugin_host.context import HookContext
from plugin_host.dispatch.binding import inline_handlers
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.runner import Handler, InlineBudget

ROUNDS: Final = 9
CALLS: Final = 500

HOP, RUNNER, DEF, ASYNC = "a bare thread hop", "a kept asyncio.Runner", "a `def` hook", "an `async def` hook"


def measure(scope: Scope) -> dict[str, dict[str, float]]:
    """Return what each way costs per call: wall and CPU microseconds, and the ratios of the latter."""
    with use_scope(scope), ThreadPoolExecutor(1) as pool, asyncio.Runner() as runner:
        ways: dict[str, Callable[[], object]] = {
            HOP: lambda: pool.submit(_nothing).result(),
            RUNNER: lambda: runner.run(_nothing_async()),
            DEF: lambda: _call(scope, GATE, ({},)),
            ASYNC: lambda: _call(scope, ASYNC_GATE, ()),
        }
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            for name, way in ways.items():
                one = _round(way)
                if number:  # the first round starts threads and loops
                    rounds[name].append(one)
    return {
        name: {
            "wall_us": round(median(wall for wall, _ in own), 1),
            "cpu_us": round(median(cpu for _, cpu in own), 1),
            "times_the_hop": round(_ratio(own, rounds[HOP]), 2),
            "times_the_runner": round(_ratio(own, rounds[RUNNER]), 2),
        }
        for name, own in rounds.items()
    }


def print_table(figures: dict[str, dict[str, float]]) -> None:
    """Print what `measure` returned."""
    print(f"\nwhole calls, medians of {ROUNDS} rounds of {CALLS}; the ratios are those of the wall time\n")
    print(f"{'':<26}{'us':>9}{'us CPU':>9}{'x hop':>9}{'x Runner':>10}")
    for name, row in figures.items():
        print(
            f"{name:<26}{row['wall_us']:9.0f}{row['cpu_us']:9.0f}{row['times_the_hop']:9.2f}{row['times_the_runner']:10.2f}"
        )


def _ratio(own: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    return median(mine[0] / theirs[0] for mine, theirs in zip(own, other, strict=True))


def _round(way: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        way()
    return (
        (time.perf_counter() - wall) / CALLS * 1_000_000,
        (time.process_time() - cpu) / CALLS * 1_000_000,
    )


def _call(scope: Scope, hook: str, content: tuple[Any, ...]) -> None:
    assert scope.tenant_id is not None  # a tenant's
    context = HookContext(scope.tenant_id, scope.tenant_slug, "pro")
    found = inline_handlers(hook, COLLECTION)

    def arguments(handler: Handler) -> tuple[Any, ...]:
        return (context, "record", *content, {})

    answer = hook_runner.run_gate(found.handlers[:1], arguments, bind=found.bind, budget=InlineBudget())
    assert answer.allowed


def _nothing() -> None: ...


async def _nothing_async() -> None: ...
