"""Load and CPU time, measured from outside the servers.

These machines are noisy, so figures are CPU time per request (servers and PostgreSQL together, read from /proc) and
ratios within one run whose rounds take turns between the servers.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cms_project.environment import PROJECT

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def run_apart(module: str) -> dict[str, object]:
    """Run a measuring module in a process of its own, print its tables and return its figures.

    Args:
        module: Prints whatever is for people, then the figures as one line of JSON.
    """
    outcome = subprocess.run(
        [sys.executable, "-m", module], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
    )
    tables, _, figures = outcome.stdout.strip().rpartition("\n")
    print(tables)
    found: dict[str, object] = json.loads(figures)
    return found


def process_tree(root: int) -> list[int]:
    """Return `root` and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return user and system time used so far by the processes below `roots`, ended children included."""
    total = 0
    for root in roots:
        for pid in process_tree(root):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            total += int(fields[11]) + int(fields[12])
            if pid == root:
                total += int(fields[13]) + int(fields[14])
    return total / _TICKS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of requests to one server.

    Args:
        cpu_ms: CPU milliseconds per request, of server and database.
        per_second: Requests answered per second.
    """

    cpu_ms: float
    per_second: float


def run_round(
    port: int, requests: Sequence[bytes], *, count: int, connections: int, roots: Sequence[int]
) -> Round:
    """Send `count` requests over kept connections, in turn from `requests`, and measure the CPU they cost.

    Raises:
        RuntimeError: where an answer is not 200.
    """
    before = cpu_seconds(roots)
    started = time.perf_counter()
    failures: list[str] = []
    share = count // connections
    threads = [
        threading.Thread(target=_send, args=(port, requests, share, number * 7919, failures))
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if failures:
        raise RuntimeError(failures[0])
    done = share * connections
    return Round(cpu_ms=(cpu_seconds(roots) - before) / done * 1000, per_second=done / seconds)


def _send(port: int, requests: Sequence[bytes], count: int, offset: int, failures: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rb")
        for number in range(count):
            connection.sendall(requests[(offset + number) % len(requests)])
            status = stream.readline()
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = stream.read(length)
            if not status.startswith(b"HTTP/1.1 200"):
                failures.append(f"{status.decode().strip()}: {body[:300].decode(errors='replace')}")
                return


def get(path: str, *, host: str, headers: str = "") -> bytes:
    """Return the bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n{headers}\r\n".encode()


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, *, seconds: float = 60) -> None:
    """Wait until something listens on the port.

    Raises:
        TimeoutError: where nothing does within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on port {port} after {seconds:.0f} s") from None
            time.sleep(0.05)
        else:
            return


def median_round(rounds: Sequence[Round]) -> Round:
    """Return the medians of several rounds."""
    return Round(
        cpu_ms=statistics.median(one.cpu_ms for one in rounds),
        per_second=statistics.median(one.per_second for one in rounds),
    )
