"""Deliveries per second: a hook that does nothing beside a plain Celery task that does nothing, and hooks that wait.

Both workers have two pool processes and take turns on the same machine, PostgreSQL and Valkey. A delivery is the whole
way: claimed, its attempt written, the content made, the hook run in the tenant's scope, the outcome moved to the
history. The task is a message taken and acknowledged.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import redis

from benchmarks.measuring import cpu_seconds, run_apart
from cms_project.environment import PROJECT

ROUNDS: Final = 5
DELIVERIES: Final = 1_000
LIMIT_SECONDS: Final = 120.0
WAITING_GOAL_SECONDS: Final = 6.0


def main() -> dict[str, object]:
    """Measure in a process of its own: Django can be configured once only."""
    return run_apart("benchmarks.deliveries")


def measure_here() -> dict[str, object]:
    """Print the table and return the figures."""
    # The suite's servers; they come before anything that reads the settings.
    from tests.servers import ensure_servers

    os.environ["PLUGINS_DIR"] = str(Path(__file__).parent / "plugins")
    ensure_servers()
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as folder:
        return _measure(Path(folder))


def _measure(folder: Path) -> dict[str, object]:
    from benchmarks.deliveries import rows

    owner = rows.prepare()
    with (
        _worker(folder / "deliveries.log", "cms_project", "default") as worker,
        _worker(folder / "plain.log", "benchmarks.deliveries.plain_tasks", "plain") as plain,
    ):
        _run_deliveries(worker, owner, "record.unpublished", 50)
        _run_tasks(plain, 50)
        pairs = [
            (_run_deliveries(worker, owner, "record.unpublished", DELIVERIES), _run_tasks(plain, DELIVERIES))
            for _ in range(ROUNDS)
        ]
        waiting = [_run_deliveries(worker, owner, "record.published", DELIVERIES) for _ in range(ROUNDS)]
    deliveries, tasks = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    figures: dict[str, object] = {
        "noop_deliveries_per_second": round(_rate(deliveries)),
        "noop_delivery_cpu_ms": round(_cpu(deliveries), 2),
        "noop_celery_tasks_per_second": round(_rate(tasks)),
        "noop_celery_task_cpu_ms": round(_cpu(tasks), 2),
        "deliveries_to_tasks": round(statistics.median(t[0] / d[0] for d, t in pairs), 2),
        "waiting_100_ms_seconds": round(statistics.median(seconds for seconds, _ in waiting), 2),
        "waiting_100_ms_one_after_another_seconds": DELIVERIES * 0.1,
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(f"medians of {ROUNDS} rounds of {DELIVERIES}, taking turns; two pool processes each\n")
    print(
        f"no-op deliveries         {_rate(deliveries):8.0f} per second   {_cpu(deliveries):6.2f} ms CPU each"
    )
    print(f"no-op Celery tasks       {_rate(tasks):8.0f} per second   {_cpu(tasks):6.2f} ms CPU each")
    print(f"deliveries per task      {figures['deliveries_to_tasks']:8.2f}   goal: at least 1, better 2")
    print(
        f"hooks that wait 100 ms   {DELIVERIES} in {figures['waiting_100_ms_seconds']:.1f} s "
        f"(one after another: {DELIVERIES * 0.1:.0f} s; goal: at most {WAITING_GOAL_SECONDS:.0f} s)"
    )
    print(f"\nload average {figures['load_average']} on {os.cpu_count()} cores")
    return figures


def _rate(results: list[tuple[float, float]]) -> float:
    return statistics.median(DELIVERIES / seconds for seconds, _ in results)


def _cpu(results: list[tuple[float, float]]) -> float:
    return statistics.median(cpu / DELIVERIES * 1000 for _, cpu in results)


@contextlib.contextmanager
def _worker(log: Path, application: str, queue: str) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "celery", "-A", application, "worker", "-Q", queue, "--concurrency", "2")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle", "--loglevel", "WARNING"],
            cwd=PROJECT,
            env=os.environ | {"LOG_LEVEL": "WARNING"},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _run_deliveries(
    worker: subprocess.Popen[bytes], owner: Any, event_type: str, count: int
) -> tuple[float, float]:
    """Return seconds and CPU seconds (worker and servers) of that many deliveries."""
    from benchmarks.deliveries import rows

    rows.owe(owner, event_type, count)
    return _timed(worker, rows.make_due, rows.none_is_open)


def _run_tasks(worker: subprocess.Popen[bytes], count: int) -> tuple[float, float]:
    """Return the same of that many tasks; sending them is no part of it."""
    from benchmarks.deliveries.plain_tasks import nothing

    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    for _ in range(count):
        nothing.apply_async(queue="held")
    return _timed(
        worker,
        lambda: client.rename("plain-held", "plain-plain"),
        lambda: not client.llen("plain-plain") and not client.hlen("plain-unacked"),
    )


def _timed(
    worker: subprocess.Popen[bytes], begin: Callable[[], object], is_done: Callable[[], bool]
) -> tuple[float, float]:
    roots = [worker.pid, *_server_pids()]
    cpu = cpu_seconds(roots)
    started = time.perf_counter()
    begin()
    while not is_done():
        if time.perf_counter() - started > LIMIT_SECONDS:
            raise RuntimeError("the work was not done in time")
        time.sleep(0.01)
    return time.perf_counter() - started, cpu_seconds(roots) - cpu


def _server_pids() -> list[int]:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    names = {int(pid): Path(f"/proc/{pid}/comm").read_text().strip() for pid in children}
    return [pid for pid, name in names.items() if not name.startswith(("python", "[celery"))]
