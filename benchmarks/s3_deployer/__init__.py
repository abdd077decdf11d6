"""A thousand pages to S3: the whole deployment beside a bare boto3 loop with the same client.

Both run in this process and take turns. The other side is a sink in a process of its own that answers each request
after 4 ms, so that waiting is seen; it counts how many it had at once. CPU is that of this process alone: the
sink's and PostgreSQL's are not in it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from benchmarks.measuring import run_apart
from cms_project.environment import PROJECT

ROUNDS: Final = 5
PAGES: Final = 1_000
PARALLEL: Final = 8
GOAL: Final = 1.3
PLUGIN: Final = "s3-static-deployer"


def main() -> dict[str, object]:
    """Measure in a process of its own: Django can be configured once only."""
    return run_apart("benchmarks.s3_deployer")


def measure_here() -> dict[str, object]:
    """Print the table and return the figures."""
    # The suite's servers; they come before anything that reads the settings.
    from tests.servers import ensure_servers

    ensure_servers()
    with _sink() as address:
        return _measure(address)


def _measure(address: str) -> dict[str, object]:
    from benchmarks.s3_deployer.site import Site
    from plugin_host import content
    from plugin_host.http import use_services

    with use_services(s3=address):
        site = Site(PAGES, PARALLEL)
        files = site.files()

        def rendered_before(paths: Sequence[str]) -> tuple[content.SiteFile, ...]:
            return tuple(files[path] for path in paths)

        def upload_alone() -> None:
            with patch.object(content, "site_files", rendered_before):
                site.deploy()

        # Once beforehand, so that nobody pays for first connections and imports.
        site.store_barely(list(files.values())[:20])
        site.deploy()
        bare, alone, whole, unchanged, rendering, most = [], [], [], [], [], []
        for _ in range(ROUNDS):
            bare.append(_cpu_ms(lambda: site.store_barely(files.values())) / len(files))
            site.forget()
            alone.append(_cpu_ms(upload_alone) / len(files))
            most.append(_told(address)["most_at_once"])
            site.forget()
            whole.append(_cpu_ms(site.deploy) / len(files))
            unchanged.append(_cpu_ms(site.deploy) / len(files))
            rendering.append(_cpu_ms(site.files) / len(files))
    figures: dict[str, object] = {
        "pages": len(files),
        "bare_loop_cpu_ms": _median(bare),
        "upload_cpu_ms": _median(alone),
        "upload_to_bare_loop": round(statistics.median(a / b for a, b in zip(alone, bare, strict=True)), 2),
        "whole_deployment_cpu_ms": _median(whole),
        "rendering_cpu_ms": _median(rendering),
        "whole_to_bare_loop": round(statistics.median(a / b for a, b in zip(whole, bare, strict=True)), 2),
        "unchanged_cpu_ms": _median(unchanged),
        "most_uploads_at_once": max(most),
        "uploads_allowed_at_once": PARALLEL,
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(f"medians of {ROUNDS} rounds of {len(files)} files, taking turns; CPU of this process, each file\n")
    print(f"bare boto3 loop                {figures['bare_loop_cpu_ms']:8} ms")
    print(
        f"deployment, pages at hand      {figures['upload_cpu_ms']:8} ms   "
        f"{figures['upload_to_bare_loop']} times   goal: at most {GOAL}"
    )
    print(
        f"deployment with rendering      {figures['whole_deployment_cpu_ms']:8} ms   "
        f"{figures['whole_to_bare_loop']} times   rendering alone: {figures['rendering_cpu_ms']} ms"
    )
    print(f"again, nothing has changed     {figures['unchanged_cpu_ms']:8} ms")
    print(f"most uploads at once           {figures['most_uploads_at_once']:8}      allowed: {PARALLEL}")
    print(f"\nload average {figures['load_average']} on {os.cpu_count()} cores")
    return figures


def _cpu_ms(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def _told(address: str) -> Mapping[str, int]:
    """Ask the sink what it has counted; it counts anew from there."""
    with urllib.request.urlopen(f"{address}/counted") as answer:
        counted: dict[str, int] = json.load(answer)
    return counted


@contextmanager
def _sink() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.s3_deployer.sink"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # a pipe was asked for
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()
