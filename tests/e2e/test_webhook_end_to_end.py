"""From a request to the API of a real web server, through a real worker, to a receiver that checks the signature."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from cms_project.embedded.valkey import EmbeddedValkey
from core.actors import system_actor
from core.scope import tenant_scope
from core.services.collections import create_collection
from plugin_host.models import Delivery, DeliveryAttempt, DeliveryHistory
from plugin_host.testing.host import PluginEnabled, headers_of_new_member
from plugin_host.testing.peer import HttpPeer, PeerRequest
from tenants.models import Tenant
from tests.faults.installation import PROJECT, Installation, wait_until

SECRETS = {
    "/ours": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "/theirs": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


class Site:
    """One tenant's API at the web server."""

    def __init__(self, tenant: Tenant, port: int) -> None:
        self.tenant = tenant
        headers = headers_of_new_member(tenant, role="owner")
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={**headers, "host": f"{tenant.slug}.test"},
            timeout=30,
        )

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def publish(self, title: str) -> str:
        """Make and publish a post; return its id."""
        made = self._client.post(
            "/collections/posts/records", json={"title": title, "data": {"body": "Hello"}}
        )
        assert made.status_code == 201, made.text
        record_id: str = made.json()["id"]
        published = self._client.post(f"/collections/posts/records/{record_id}/publish")
        assert published.status_code == 200, published.text
        return record_id


def prepare(tenant: Tenant, path: str, peer: HttpPeer, plugin_enabled: PluginEnabled) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="posts", schema={"type": "object", "properties": {"body": {"type": "string"}}})
    plugin_enabled(
        "webhooks",
        tenant,
        config={"endpoints": [{"name": "crm", "url": peer.url(path), "events": ["record.published"]}]},
        secrets={"signing_secret": SECRETS[path]},
    )


def manage(installation: Installation, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=installation.environment,
        check=True,
        capture_output=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with EmbeddedValkey(tmp_path / "valkey", persistent=False) as valkey:
        installation = Installation(tmp_path, valkey)
        try:
            yield installation
        finally:
            installation.stop_all()


@pytest.fixture
def port(installation: Installation) -> int:
    """The port of a web server that answers; a worker runs beside it."""
    installation.start_worker()
    port = free_port()
    installation.start(
        *("-m", "granian", "cms_project.wsgi:application", "--interface", "wsgi", "--no-ws"),
        *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
    )

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/livez").is_success
        except httpx.TransportError:
            return False

    wait_until(answers, installation)
    return port


def test_a_publish_reaches_the_tenants_own_receiver_as_long_as_the_plugin_is_on(
    tenant: Tenant,
    other_tenant: Tenant,
    installation: Installation,
    port: int,
    http_peer: HttpPeer,
    plugin_enabled: PluginEnabled,
) -> None:
    prepare(tenant, "/ours", http_peer, plugin_enabled)
    prepare(other_tenant, "/theirs", http_peer, plugin_enabled)

    def arrived(count: int) -> list[PeerRequest]:
        wait_until(lambda: len(http_peer.requests_to("/ours")) >= count, installation)
        return http_peer.requests_to("/ours")

    with Site(tenant, port) as site:
        record_id = site.publish("First")
        (first,) = arrived(1)
        assert verified(first)["data"]["id"] == record_id

        # Off: the running web server owes the plugin nothing any more, so there is nothing that could still come.
        manage(installation, "plugin", "disable", "webhooks", "--tenant", tenant.slug)
        unheard = site.publish("While it was off")
        assert owed_for(tenant, unheard) == 0

        # On again, with its configuration and its secret.
        manage(installation, "plugin", "enable", "webhooks", "--tenant", tenant.slug)
        record_id = site.publish("On again")
        _, second = arrived(2)
        assert verified(second)["data"]["id"] == record_id

    assert http_peer.requests_to("/theirs") == []
    wait_until(lambda: ended(tenant) == 4, installation)
    assert {attempt_of(tenant, request) for request in (first, second)} == {1}


def verified(request: PeerRequest) -> dict[str, Any]:
    message: dict[str, Any] = Webhook(SECRETS["/ours"]).verify(request.body, dict(request.headers))
    return message


def owed_for(tenant: Tenant, record_id: str) -> int:
    with tenant_scope(tenant.pk):
        open_ones = Delivery.objects.filter(plugin="webhooks", record_id=record_id).count()
        return open_ones + DeliveryHistory.objects.filter(plugin="webhooks", record_id=record_id).count()


def ended(tenant: Tenant) -> int:
    with tenant_scope(tenant.pk):
        return DeliveryHistory.objects.filter(
            plugin="webhooks", record_id__isnull=False, outcome="done"
        ).count()


def attempt_of(tenant: Tenant, request: PeerRequest) -> int:
    with tenant_scope(tenant.pk):
        return DeliveryAttempt.objects.filter(
            delivery_id__in=DeliveryHistory.objects.filter(event_id=request.headers["webhook-id"]).values(
                "pk"
            )
        ).count()
