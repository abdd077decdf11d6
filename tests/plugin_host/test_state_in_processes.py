"""A change of a plugin holds in every process at once, not only where it was made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin, save_config
from tenants.models import Tenant

PROJECT = Path(__file__).resolve().parents[2]

# Answers each line on standard input with the plugin's state and configuration as this process sees them.
OTHER_PROCESS = """
import json, sys
import django
django.setup()
from uuid import UUID
from core.stamps import _listener
from plugin_host.state import _cache, tenant_plugins

for line in sys.stdin:
    entry = tenant_plugins(UUID(line.strip()))["task-manager"]
    print(json.dumps([str(entry.status), dict(entry.config), _listener.is_hearing()]), flush=True)
"""


class OtherProcess:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def sees(self, tenant: Tenant) -> list[object]:
        """Return status and configuration of the task manager, and whether they may come from memory."""
        import json

        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{tenant.pk}\n")
        self._process.stdin.flush()
        found: list[object] = json.loads(self._process.stdout.readline())
        return found


@pytest.fixture
def other_process() -> Iterator[OtherProcess]:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS],
        cwd=PROJECT,
        env=dict(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield OtherProcess(process)
        assert process.stdin is not None
        process.stdin.close()


def wait_until(other: OtherProcess, tenant: Tenant, status: str) -> list[object]:
    """Ask until the notice has arrived; each answer takes a round trip, and a thousand are far more than enough."""
    for _ in range(1000):
        seen = other.sees(tenant)
        if seen[0] == status:
            return seen
    pytest.fail(f"the other process still sees {seen}")


def test_state_and_configuration_change_in_running_processes(
    tenant: Tenant, other_process: OtherProcess
) -> None:
    assert wait_until(other_process, tenant, "available")[1] == {}
    # From here on it answers from memory.
    while not other_process.sees(tenant)[2]:
        pass

    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        save_config("task-manager", {"max_tasks_per_user": 7})
        enable_plugin("task-manager")
        assert wait_until(other_process, tenant, "enabled")[1] == {"max_tasks_per_user": 7}
        pause_plugin("task-manager")
        wait_until(other_process, tenant, "paused")
        disable_plugin("task-manager")
        wait_until(other_process, tenant, "disabled")
