"""What it costs to find and to call hooks inline: microseconds of CPU, and times the cheapest ways to call code.

A hundred plugins are installed and three of them on for each tenant. `bookkeeping` measures everything that the host
does round the calls, with tenants taking turns; `calls` measures whole calls, plugin code on its own thread or loop
included.
"""

from __future__ import annotations

import os
import time
from typing import Final

from benchmarks.measuring import run_apart

TENANTS: Final = (10, 10_000)
HEARING_SECONDS: Final = 30.0
HANDLER_GOAL_US, NOBODY_GOAL_US = 3.0, 1.0


def main() -> dict[str, object]:
    """Measure in a process of its own: Django can be configured once only."""
    return run_apart("benchmarks.dispatch")


def measure_here() -> dict[str, object]:
    """Print the tables and return the figures."""
    # The suite's servers; they come before anything that reads the settings.
    from tests.servers import ensure_servers

    ensure_servers()
    from benchmarks.dispatch import bookkeeping, calls, installation
    from core.stamps import is_hearing
    from plugin_host.registry import LoadedPlugins, use_plugins

    deadline = time.monotonic() + HEARING_SECONDS
    while not is_hearing():
        if time.monotonic() > deadline:
            raise RuntimeError("this process does not hear of changes, so it would cache nothing")
        time.sleep(0.01)
    with use_plugins(LoadedPlugins()) as loaded:
        installation.install(loaded)
        installation.make_tenants(max(TENANTS))
        costs = {count: bookkeeping.measure(installation.scopes(count)) for count in TENANTS}
        whole = calls.measure(installation.scopes(1)[0])
    _print_bookkeeping(costs)
    calls.print_table(whole)
    load = os.getloadavg()[0]
    print(
        f"\nload average {load:.1f} on {os.cpu_count()} cores: others' work makes microseconds longer, ratios hold"
    )
    return {
        "bookkeeping_us": {
            str(count): {name: round(figure, 2) for name, figure in figures.items()}
            for count, figures in costs.items()
        },
        "inline_calls": whole,
        "load_average": round(load, 1),
    }


def _print_bookkeeping(costs: dict[int, dict[str, float]]) -> None:
    from benchmarks.dispatch.bookkeeping import ROUNDS
    from benchmarks.dispatch.installation import ENABLED, PLUGINS

    print(
        f"{PLUGINS} plugins, {len(ENABLED)} on for the tenant; microseconds of CPU, medians of {ROUNDS} rounds\n"
    )
    print(f"{'tenants in turn':<54}" + "".join(f"{count:>10,}" for count in costs))
    goals = {
        "nobody": f"goal: below {NOBODY_GOAL_US:.0f}",
        "handler": f"goal: at most {HANDLER_GOAL_US:.0f}",
        "queries": "goal: 0",
    }
    labels = {
        "nobody": "a hook that nobody implements",
        "handler": "selection, order, account: each handler",
        "floor": "  a plain loop that times and counts: each function",
        "surroundings": "  tenant, plugin, log context: each handler",
        "first": "the first use of a tenant, once, ms",
        "queries": "queries after that",
    }
    for name, label in labels.items():
        figures = "".join(f"{figures[name]:10.2f}" for figures in costs.values())
        print(f"{label:<54}{figures}   {goals.get(name, '')}")
