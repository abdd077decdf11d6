"""Running hooks: each by the rules of its kind, inside its time limit, on threads of its own.

    handlers   what is called, in which order
    outcomes   what came of it
    threads    threads for `def` hooks and for the ORM calls of `async def` hooks
    loops      the event loop for inline `async def` hooks, and the watchdog of every loop that runs hooks
    calls      one call: on a thread or a loop, inside its time limit, with its account
    runner     the rules of the kinds

Nothing here knows Django: the host brings what to do with database connections, where to keep records and how to enter
a plugin's context.
"""

from plugin_host.runner.calls import InlineBudget, RunnerStats
from plugin_host.runner.handlers import Handler, HandlerTable, make_handler
from plugin_host.runner.loops import BlockReport
from plugin_host.runner.outcomes import (
    CollectResult,
    ExecuteResult,
    FilterResult,
    FirstWinsResult,
    GateDenial,
    GateResult,
    HookFailure,
    HookOutcome,
    HookRun,
)
from plugin_host.runner.runner import HookRunner

__all__ = [
    "BlockReport",
    "CollectResult",
    "ExecuteResult",
    "FilterResult",
    "FirstWinsResult",
    "GateDenial",
    "GateResult",
    "Handler",
    "HandlerTable",
    "HookFailure",
    "HookOutcome",
    "HookRun",
    "HookRunner",
    "InlineBudget",
    "RunnerStats",
    "make_handler",
]
