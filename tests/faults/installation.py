"""A worker, a clock and a broker of a test's own, as real processes over the test's database."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cms_project.embedded.valkey import EmbeddedValkey
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.models.delivery import Delivery

PROJECT = Path(__file__).resolve().parent.parent.parent
# Whoever is killed is missed after so long.
LEASE_SECONDS = 8
# Where nobody is killed: a process that the machine starves for seconds does not lose its work to another one.
LONG_LEASE_SECONDS = 60
# Nothing is measured by it: it ends what would never come to its end.
PATIENCE_SECONDS = 240


class Installation:
    """The processes; each in a process group of its own, so that all of it can be killed at once."""

    def __init__(self, folder: Path, valkey: EmbeddedValkey) -> None:
        self.folder = folder
        self.valkey = valkey
        self.extra: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "REDIS_URL": self.valkey.url(),
            "DELIVERY_LEASE_SECONDS": str(LEASE_SECONDS),
            **self.extra,
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a Python process; what it writes goes to a file of the folder."""
        with (self.folder / f"{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self.start(
            *("-m", "celery", "-A", "cms_project", "worker", "-Q", "default", "--concurrency", "2"),
            *("--without-gossip", "--without-mingle"),
        )

    def start_beat(self) -> subprocess.Popen[bytes]:
        scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
        return self.start("-m", "celery", "-A", "cms_project", "beat", "-S", scheduler, "--pidfile=")

    def replace_ended(self, worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Return the worker, or a new one where it has ended; whoever runs an installation does that."""
        return worker if worker.poll() is None else self.start_worker()

    def stop_all(self) -> None:
        for process in self._processes:
            kill_group(process)

    def keep_leases(self) -> None:
        """Let processes that are started from now on hold their work for long, however slow the machine is."""
        self.extra["DELIVERY_LEASE_SECONDS"] = str(LONG_LEASE_SECONDS)

    def keep_paused(self) -> None:
        """Let no process that is started from now on try what the breaker has paused, before the test has looked."""
        self.extra["BREAKER_FIRST_WAIT_SECONDS"] = "3600"

    def has_logged(self, text: str) -> bool:
        """Say whether any process wrote this."""
        return any(text in path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-4000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """kill -9 a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill_pool(worker: subprocess.Popen[bytes]) -> None:
    """kill -9 the pool processes of a worker; one may have ended by itself meanwhile."""
    for child in pool_children(worker):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def pool_children(worker: subprocess.Popen[bytes]) -> list[int]:
    """Return the pool processes of a worker."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    return [int(child) for child in children]


def wait_until(
    condition: Callable[[], Any], installation: Installation, *, seconds: float = PATIENCE_SECONDS
) -> Any:
    """Wait for a condition; what the processes wrote is in the failure."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (met := condition()):
        if time.monotonic() > deadline:
            pytest.fail(
                f"The condition was not met in {seconds:g} seconds.\n{installation.logs()}\nopen: {open_work()}"
            )
        pause.wait(0.05)
    return met


def open_work() -> list[dict[str, Any]]:
    """Return what has not ended, for the eyes of whoever reads a failure."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        rows = Delivery.objects.values(
            "hook", "status", "attempt", "failures", "crashes", "error", "next_attempt_at", "lease_until"
        )
        return [{**row, "error": row["error"][:300]} for row in rows[:10]]


def no_open_work() -> bool:
    """Say whether every delivery of every tenant has ended."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        return not Delivery.objects.exists()


class Receiver:
    """An HTTP server that keeps the message id of each request and answers 204 a little later."""

    def __init__(self, *, seconds: float) -> None:
        self.seen: list[str] = []
        seen = self.seen
        pause = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                seen.append(self.headers["webhook-id"])
                pause.wait(seconds)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # One request per slot may come at once.
        self._server.socket.listen(256)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def receiving(*, seconds: float = 0.02) -> Iterator[Receiver]:
    receiver = Receiver(seconds=seconds)
    try:
        yield receiver
    finally:
        receiver.close()
