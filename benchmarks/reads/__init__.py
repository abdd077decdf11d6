"""Reading published content: CPU per request against a floor and against plain Django REST framework.

Three servers under the same granian, one PostgreSQL, 100 tenants of which one has 100,000 published items. Rounds take
turns; what is shown are medians. CPU is that of the server's processes and PostgreSQL's together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Round, free_port, get, median_round, run_round, wait_for_port
from benchmarks.reads.seed import BIG_TENANT, CATEGORIES, ITEMS, ITEMS_ELSEWHERE, seed
from cms_project.embedded.postgres import EmbeddedPostgres
from cms_project.embedded.valkey import EmbeddedValkey

PROJECT = Path(__file__).resolve().parent.parent.parent
ROUNDS = 7
CONNECTIONS = 4
ITEM_GOAL, PAGE_GOAL = 1.5, 2.0
_SERVERS = {
    "floor": "benchmarks.reads.floor:application",
    "tenantry": "cms_project.wsgi:application",
    "plain DRF": "benchmarks.reads.plain_drf:application",
}


def main() -> dict[str, Any]:
    """Print the table and return the figures."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantry-bench-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        valkey = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        environment = _environment(postgres, valkey, folder)
        _migrate(environment)
        seed(environment["DATABASE_OWNER_URL"])
        environment |= _floor_environment(environment)
        postgres_pid = postgres.pid
        assert postgres_pid is not None
        ports: dict[str, int] = {}
        roots: dict[str, list[int]] = {}
        for name, application in _SERVERS.items():
            ports[name], pid = stack.enter_context(_server(application, environment))
            roots[name] = [pid, postgres_pid]
        figures = {case: _measure(requests, ports, roots) for case, requests in _cases().items()}
    _print(figures)
    return figures


def _cases() -> dict[str, dict[str, Sequence[bytes]]]:
    """case -> server -> requests; plain DRF knows no tenants, so it has no case with a switch."""
    big = [f"{BIG_TENANT}.test"]
    switching = [f"bench{number:03}.test" for number in range(100)]

    def items(hosts: Sequence[str], prefix: str, suffix: str, highest: int) -> list[bytes]:
        return [
            get(f"{prefix}item-{1 + number * 997 % highest}{suffix}", host=hosts[number % len(hosts)])
            for number in range(1000)
        ]

    def pages(hosts: Sequence[str], path: str, among: int) -> list[bytes]:
        return [
            get(f"{path}?category=c{number * 7 % among}", host=hosts[number % len(hosts)])
            for number in range(1000)
        ]

    ours = "/api/v1/content/articles"
    cases: dict[str, dict[str, Sequence[bytes]]] = {
        "one item": {
            "floor": items(big, f"{ours}/", "", ITEMS),
            "tenantry": items(big, f"{ours}/", "", ITEMS),
            "plain DRF": items(big, "/api/articles/", "/", ITEMS),
        },
        f"page of 20 of {ITEMS:,}, filtered": {
            "floor": pages(big, ours, CATEGORIES),
            "tenantry": pages(big, ours, CATEGORIES),
            "plain DRF": pages(big, "/api/articles/", CATEGORIES),
        },
        "one item, another tenant each time": {
            "floor": items(switching, f"{ours}/", "", ITEMS_ELSEWHERE),
            "tenantry": items(switching, f"{ours}/", "", ITEMS_ELSEWHERE),
        },
        "page, another tenant each time": {
            "floor": pages(switching, ours, ITEMS_ELSEWHERE),
            "tenantry": pages(switching, ours, ITEMS_ELSEWHERE),
        },
    }
    return cases


def _measure(
    requests: dict[str, Sequence[bytes]], ports: dict[str, int], roots: dict[str, list[int]]
) -> dict[str, Any]:
    counts = {"floor": 2000, "tenantry": 2000, "plain DRF": 400}
    rounds: dict[str, list[Round]] = {name: [] for name in requests}
    for number in range(ROUNDS + 1):
        for name, own in requests.items():
            one = run_round(ports[name], own, count=counts[name], connections=CONNECTIONS, roots=roots[name])
            if number:  # the first round warms caches and connections
                rounds[name].append(one)
    medians = {name: median_round(own) for name, own in rounds.items()}
    ratios = [
        ours.cpu_ms / floor.cpu_ms for ours, floor in zip(rounds["tenantry"], rounds["floor"], strict=True)
    ]
    return {
        "times_the_floor": round(sorted(ratios)[len(ratios) // 2], 2),
        **{
            name: {"cpu_ms": round(median.cpu_ms, 3), "per_second": round(median.per_second)}
            for name, median in medians.items()
        },
    }


@contextmanager
def _server(application: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", application, "--interface", "wsgi", "--no-ws", "--workers", "1"),
        *("--blocking-threads", "2", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
    ]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment)
    try:
        wait_for_port(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _environment(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        **postgres.env("tenantry"),
        "REDIS_URL": valkey.url(),
        "TENANTRY_ENV_FILE": "-",
        "TENANTRY_VAR_DIR": str(folder / "var"),
        "SECRET_KEY": "a key for measurements only, long enough to be accepted",
        "MASTER_KEYS": "bench:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "PLATFORM_HOSTS": "platform.test",
        "SECURE_SSL_REDIRECT": "false",
        "DJANGO_SETTINGS_MODULE": "cms_project.settings",
        "LOG_LEVEL": "WARNING",
    }


def _migrate(environment: dict[str, str]) -> None:
    script = (
        "import django; django.setup(); from django.core.management import call_command as call; "
        "call('db_roles'); call('migrate', verbosity=0)"
    )
    owner = {**environment, "TENANTRY_DB_ROLE": "owner"}
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=owner, check=True)


def _floor_environment(environment: dict[str, str]) -> dict[str, str]:
    """Give the floor the product's own SQL, taken from its code by a process that has it set up."""
    script = (
        "import django, json; django.setup(); from uuid import UUID\n"
        "from core.api.delivery import ITEM_BY_SLUG\n"
        "from core.selectors.collection_shapes import CollectionShape, IndexedField\n"
        "from core.selectors.published import page_statement, parse_page_request\n"
        "field = IndexedField(name='category', kind='text', is_list=False, is_required=False, is_boolean=False)\n"
        "shape = CollectionShape(collection_id=UUID(int=0), name='articles', is_public=True,"
        " indexed={'category': field}, fields=frozenset(['category']))\n"
        "request = parse_page_request(shape, {'category': 'c1'})\n"
        "print(json.dumps([ITEM_BY_SLUG, page_statement(request)[0]]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    item_sql, page_sql = json.loads(answer.stdout.splitlines()[-1])
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        rows = connection.execute(
            "SELECT d.host, d.tenant_id::text, c.id::text FROM tenants_domain d "
            "JOIN core_collection c ON c.tenant_id = d.tenant_id"
        ).fetchall()
    return {
        "FLOOR_ITEM_SQL": item_sql,
        "FLOOR_PAGE_SQL": page_sql,
        "FLOOR_DSN": environment["DATABASE_URL"],
        "FLOOR_TENANTS": json.dumps(
            {host: {"tenant": tenant, "collection": own} for host, tenant, own in rows}
        ),
    }


def _print(figures: dict[str, Any]) -> None:
    table = Table(title="Reads: CPU ms per request (requests per second), server and PostgreSQL together")
    for column in ("case", "floor", "tenantry", "times the floor", "goal", "plain DRF"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case, own in figures.items():
        cells = [
            f"{own[name]['cpu_ms']:.2f} ({own[name]['per_second']})" if name in own else ""
            for name in ("floor", "tenantry", "plain DRF")
        ]
        goal = ITEM_GOAL if "item" in case else PAGE_GOAL
        table.add_row(case, cells[0], cells[1], f"{own['times_the_floor']:.2f}", f"≤ {goal}", cells[2])
    Console(width=120).print(table)
