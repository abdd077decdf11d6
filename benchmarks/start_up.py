"""How long `make run` takes until the web server answers, on the first start and on later ones.

The goals: 60 s for the first (after the downloads), 8 s for the median of five later ones.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from cms_project.environment import PROJECT
from cms_project.supervisor.options import Options
from cms_project.supervisor.probe import WebProbe

LATER_STARTS: Final = 5
LIMIT_SECONDS: Final = 180.0
OWN_VARIABLES: Final = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "MASTER_KEYS")


def main() -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
    # Under root the servers run as another user, who has to get in.
    folder.chmod(0o755)
    try:
        first_start, first_stop = measure(folder)
        later = [measure(folder) for _ in range(LATER_STARTS)]
    finally:
        shutil.rmtree(folder)
    starts, stops = [start for start, _ in later], [stop for _, stop in later]
    print(f"first start, with migrations and demo   {first_start:6.1f} s   (goal: below 60)")
    print(
        f"later starts, median of {LATER_STARTS}               {statistics.median(starts):6.1f} s   (goal: below 8)"
    )
    print(f"   each                                 {', '.join(f'{start:.1f}' for start in starts)}")
    print(f"stop by Ctrl-C, median                  {statistics.median([first_stop, *stops]):6.1f} s")
    return {
        "first_start_seconds": round(first_start, 2),
        "later_start_seconds_median": round(statistics.median(starts), 2),
        "later_start_seconds": [round(start, 2) for start in starts],
        "stop_seconds_median": round(statistics.median([first_stop, *stops]), 2),
    }


def measure(folder: Path) -> tuple[float, float]:
    """Start once, wait for an answer, stop; return the seconds of both.

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
            process.kill()
            process.wait()
            raise RuntimeError(f"It does not start:\n{(folder / 'up.log').read_text()}")
        time.sleep(0.02)
    answered = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(LIMIT_SECONDS)
    return answered - began, time.monotonic() - answered


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
