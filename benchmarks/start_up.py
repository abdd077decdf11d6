"""How long `make run` takes until the web server answers, on the first start and on later ones.

The goals: 60 s for the first (after the downloads), 8 s for the median of five later ones.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measuring import cpu_seconds, free_port
from cms_project.environment import PROJECT
from cms_project.supervisor.options import Options
from cms_project.supervisor.probe import WebProbe

LATER_STARTS: Final = 5
LIMIT_SECONDS: Final = 180.0
OWN_VARIABLES: Final = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "MASTER_KEYS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start and its end.

    Args:
        cpu_seconds: Of all its processes until the answer; it holds also where others use the machine.
    """

    start_seconds: float
    cpu_seconds: float
    stop_seconds: float


def main() -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
    # Under root the servers run as another user, who has to get in.
    folder.chmod(0o755)
    try:
        first = measure(folder)
        later = [measure(folder) for _ in range(LATER_STARTS)]
    finally:
        shutil.rmtree(folder)
    return report(first, later)


def report(first: Run, later: Sequence[Run]) -> dict[str, object]:
    """Print the table; return it for JSON."""
    starts = [run.start_seconds for run in later]
    cpu = median(run.cpu_seconds for run in later)
    stop = median(run.stop_seconds for run in later)
    load = os.getloadavg()[0]
    rows = [
        ("first start, with migrations and demo", first.start_seconds, "goal: below 60"),
        ("later starts, median", median(starts), "goal: below 8"),
        ("  CPU time of all processes, median", cpu, "each start: " + ", ".join(f"{s:.1f}" for s in starts)),
        ("stop by Ctrl-C, median", stop, f"load average {load:.1f} on {os.cpu_count()} cores"),
    ]
    for name, seconds, note in rows:
        print(f"{name:<40}{seconds:7.1f} s   {note}")
    return {
        "first_start_seconds": round(first.start_seconds, 2),
        "later_start_seconds_median": round(median(starts), 2),
        "later_start_seconds": [round(seconds, 2) for seconds in starts],
        "later_start_cpu_seconds_median": round(cpu, 2),
        "stop_seconds_median": round(stop, 2),
        "load_average": round(load, 1),
    }


def measure(folder: Path) -> Run:
    """Start once, wait for an answer, stop.

    Raises:
        RuntimeError: It does not start, with its log.
    """
    options = Options(port=free_port())
    environment = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    environment.update({"TENANTRY_VAR_DIR": str(folder), "TENANTRY_ENV_FILE": "-"})
    began = time.monotonic()
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(options.port), "--no-reload"],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    probe = WebProbe(options)
    while not probe.answered():
        if process.poll() is not None or time.monotonic() - began > LIMIT_SECONDS:
            process.terminate()
            process.wait()
            raise RuntimeError(f"It does not start:\n{(folder / 'up.log').read_text()}")
        time.sleep(0.02)
    answered = time.monotonic()
    used = cpu_seconds([process.pid])
    process.send_signal(signal.SIGINT)
    process.wait(LIMIT_SECONDS)
    return Run(start_seconds=answered - began, cpu_seconds=used, stop_seconds=time.monotonic() - answered)
