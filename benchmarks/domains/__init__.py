"""200 domains of a tenant, 20 of which hang: how long one look at all of them takes.

Every domain has a name at a name server and a web server with TLS at an address of its own, all on loopback. Ten of the
hanging ones take the connection and say nothing, ten send one header after another without an end, which takes longest
to give up. All are looked at side by side inside the plugin, and through the host: made due at once, run by one worker
process. `SCHEDULE_SLOTS` in the environment says how many it runs beside each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measuring import cpu_seconds, run_apart
from cms_project.environment import PROJECT

if TYPE_CHECKING:
    from tenants.models import Tenant

DOMAINS: Final = 200
HANGING: Final = 20
ROUNDS: Final = 3
GOAL_SECONDS: Final = 60.0
LIMIT_SECONDS: Final = 400.0
PLUGIN: Final = "domain-health-monitor"
SIDE_BY_SIDE: Final = 32
# Servers and clients share the machine, so a good answer may be slow here.
CONFIG: Final = {"confirmations": 1, "interval_seconds": 3600, "slow_ms": 8000}


def main() -> dict[str, object]:
    """Measure in a process of its own: Django can be configured once only."""
    return run_apart("benchmarks.domains")


def measure_here() -> dict[str, object]:
    """Print the table and return the figures."""
    # The suite's servers; they come before anything that reads the settings.
    from tests.servers import ensure_servers

    ensure_servers()
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as folder, _internet(Path(folder)) as hosts:
        inside = [_inside(hosts) for _ in range(ROUNDS)]
        through, worker_cpu = _through_the_host(hosts, Path(folder))
    from django.conf import settings

    figures: dict[str, object] = {
        "slots": settings.SCHEDULE_SLOTS,
        "domains": DOMAINS,
        "hanging": HANGING,
        "inside_the_plugin_seconds": round(statistics.median(inside), 1),
        "through_one_worker_process_seconds": round(statistics.median(through), 1),
        "slowest_round_seconds": round(max(through), 1),
        "worker_cpu_ms_per_domain": round(worker_cpu / DOMAINS * 1000, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }
    print(
        f"{DOMAINS} domains, {HANGING} of them hanging; medians of {ROUNDS} rounds; {figures['slots']} slots\n"
    )
    print(f"inside the plugin, 32 side by side    {figures['inside_the_plugin_seconds']:6.1f} s")
    print(
        f"through one worker process            {figures['through_one_worker_process_seconds']:6.1f} s   "
        f"(slowest {figures['slowest_round_seconds']:.1f} s; goal: below {GOAL_SECONDS:.0f} s)"
    )
    print(
        f"CPU of the worker process             {figures['worker_cpu_ms_per_domain']:6.1f} ms for each domain"
    )
    print(f"\nload average {figures['load_average']} on {os.cpu_count()} cores")
    return figures


@contextlib.contextmanager
def _internet(folder: Path) -> Iterator[list[str]]:
    """Have name server and web servers; yields the hosts, and sets what the operator sets."""
    from tests.plugins.domain_health_monitor.authority import root
    from tests.plugins.domain_health_monitor.names import NameServer
    from tests.plugins.domain_health_monitor.sites import (
        SECURE_HEADERS,
        Sites,
        answering,
        drips_headers,
        reads_and_waits,
        redirecting,
    )

    trusted = folder / "authority.pem"
    trusted.write_bytes(root().pem)
    hosts = [f"shop-{number:03}.test" for number in range(DOMAINS)]
    context = root().sign("*.test", *hosts).context(folder)
    hanging = set(range(0, DOMAINS, DOMAINS // HANGING))
    with NameServer() as names, Sites() as sites:
        for number, host in enumerate(hosts):
            to_https = redirecting(f"https://{host}:{sites.https_port}/")
            if number not in hanging:
                site = sites.open(https=answering(headers=SECURE_HEADERS), context=context, http=to_https)
            elif number % (2 * DOMAINS // HANGING):
                site = sites.open(https=drips_headers, context=context, http=to_https)
            else:
                site = sites.open(https=reads_and_waits, http=to_https)
            names.add(host, site.address)
        os.environ |= {
            "DOMAIN_HEALTH_RESOLVERS": names.address,
            "DOMAIN_HEALTH_CA_FILE": str(trusted),
            "DOMAIN_HEALTH_HTTPS_PORT": str(sites.https_port),
            "DOMAIN_HEALTH_HTTP_PORT": str(sites.http_port),
            "OUTBOUND_ALLOW": "127.0.0.0/8:*",
        }
        yield hosts


def _inside(hosts: list[str]) -> float:
    """Return the seconds that it takes to look at all domains without the host."""
    from domain_health_monitor.config import MonitorConfig
    from domain_health_monitor.examination import examine
    from plugin_host import http

    http.configure(os.environ["OUTBOUND_ALLOW"])
    config = MonitorConfig.from_dict(CONFIG)

    async def all_of_them() -> Counter[str]:
        places = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(host: str) -> str:
            async with places:
                return (await examine(host, config)).status.value

        return Counter(await asyncio.gather(*(one(host) for host in hosts)))

    begun = time.perf_counter()
    _check(asyncio.run(all_of_them()))
    return time.perf_counter() - begun


def _through_the_host(hosts: list[str], folder: Path) -> tuple[list[float], float]:
    """Return the seconds of each round, and the CPU seconds of the worker in one."""
    from plugin_host.testing.host import enable_plugin, make_tenant
    from plugin_host.testing.schedule import learn_definitions

    tenant = make_tenant()
    _replace_domains(tenant, hosts)
    enable_plugin(PLUGIN, tenant, config=CONFIG)
    learn_definitions(tenant)
    with _worker(folder / "worker.log") as worker:
        rounds = []
        for _ in range(ROUNDS):
            cpu = cpu_seconds([worker.pid])
            rounds.append(_round(tenant))
            cpu = cpu_seconds([worker.pid]) - cpu
    return rounds, cpu


def _replace_domains(tenant: Tenant, hosts: list[str]) -> None:
    from core.actors import system_actor
    from core.scope import tenant_scope
    from tenants.models import Domain

    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("bench")):
        Domain.objects.all().delete()
        Domain.objects.bulk_create(
            Domain(tenant=tenant, host=host, is_primary=host == hosts[0]) for host in hosts
        )


def _round(tenant: Tenant) -> float:
    """Make all checks due, wait until none is open, and return the seconds."""
    from django.db.models.functions import Now

    from core.platform_work import PlatformWork
    from core.scope import platform_scope, tenant_scope
    from plugin_host.deliveries.doorbell import doorbell
    from plugin_host.models.health import HealthVerdict
    from plugin_host.models.schedule import RunStatus, ScheduledItem, ScheduledRun
    from plugin_host.scheduling.due import make_due

    with tenant_scope(tenant.pk, slug=tenant.slug):
        ScheduledItem.objects.filter(kind="check", plugin=PLUGIN).update(next_run_at=Now())
    with platform_scope(PlatformWork.SCHEDULES):
        begun = time.perf_counter()
        made: Any = make_due()
    doorbell.ring()
    if made.runs != DOMAINS:
        raise RuntimeError(f"{made.runs} checks came due, not {DOMAINS}")
    with tenant_scope(tenant.pk, slug=tenant.slug):
        while ScheduledRun.objects.exclude(status=RunStatus.ENDED).exists():
            if time.perf_counter() - begun > LIMIT_SECONDS:
                raise RuntimeError("the checks were not done in time")
            time.sleep(0.05)
        took = time.perf_counter() - begun
        _check(Counter(HealthVerdict.objects.filter(plugin=PLUGIN).values_list("status", flat=True)))
    return took


def _check(found: Counter[str]) -> None:
    if found != Counter(healthy=DOMAINS - HANGING, unhealthy=HANGING):
        raise RuntimeError(f"the domains are not as they were made: {dict(found)}")


@contextlib.contextmanager
def _worker(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "celery", "-A", "cms_project", "worker", "-Q", "default")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"],
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
