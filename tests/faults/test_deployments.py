"""A worker that is killed between asking for a deployment and writing down that it was taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.scope import tenant_scope
from plugin_host.testing import MakeContent, PluginEnabled, Tenant
from tests.faults.installation import Installation, kill_group, wait_until
from tests.plugins.deployments.service import TOKEN
from tests.plugins.vercel_deployer.peer import VERCEL, VercelPeer
from vercel_deployer.models import Deployment


@pytest.fixture
def vercel(installation: Installation) -> Iterator[VercelPeer]:
    peer = VercelPeer()
    installation.extra |= {"OUTBOUND_ALLOW": f"127.0.0.1:{peer.port}", "SERVICE_URLS": f"vercel={peer.url}"}
    with peer.serving():
        yield peer


def kept(tenant: Tenant) -> list[tuple[str, str, int]]:
    """State, id at Vercel and number of changes of each deployment."""
    with tenant_scope(tenant.pk):
        return [(one.state, one.remote_id, one.changes.count()) for one in Deployment.objects.all()]


def test_a_worker_killed_in_the_middle_of_asking_makes_no_second_deployment(
    installation: Installation,
    tenant: Tenant,
    vercel: VercelPeer,
    plugin_enabled: PluginEnabled,
    make_content: MakeContent,
) -> None:
    vercel.add(VERCEL.own_project())
    taken = threading.Event()

    def take_and_say_nothing(handler: Any) -> None:
        if handler.command != "POST":  # a second look at the project; it is the next that is meant
            vercel.fail(take_and_say_nothing)
            handler.answer_well()
            return
        vercel.answer(handler.arrived)
        taken.set()
        vercel.hanging.wait(60)

    plugin_enabled(
        "vercel-deployer",
        tenant,
        config={"quiet_seconds": 1, "longest_wait_seconds": 5},
        secrets={**VERCEL.secret_hook, "token": TOKEN},
    )
    installation.start_beat()
    worker = installation.start_worker()
    wait_until(lambda: vercel.arrived, installation)  # its health is checked, so its tasks are known too
    vercel.fail(take_and_say_nothing)
    make_content(title="Slow food")
    wait_until(taken.is_set, installation)

    kill_group(worker)
    installation.start_worker()

    wait_until(lambda: kept(tenant) and kept(tenant)[0][0] == "ready", installation)
    assert kept(tenant) == [("ready", "dpl_1", 1)]
    assert len(vercel.starts()) == len(vercel.deployments) == 1
