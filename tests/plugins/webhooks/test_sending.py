"""What receivers get, and what the plugin does with their answers; without database and host."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks.webhooks import Webhook
from werkzeug import Request, Response

from plugin_host import runtime
from plugin_host.base import Secrets
from plugin_host.context import HookContext
from plugin_host.errors import NotReady, PluginError
from plugin_host.runtime_state import PluginRun, plugin_run
from webhooks import WebhooksPlugin

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
TENANT = UUID("11111111-1111-1111-1111-111111111111")
CTX = HookContext(tenant_id=TENANT, tenant_slug="acme", tenant_plan="pro")
CONTENT = {
    "content_id": "0192aa00-0000-7000-8000-000000000001",
    "tenant_id": str(TENANT),
    "collection": "articles",
    "title": "Grüße",
    "version": 3,
    "data": {"title": "Grüße", "body": "Hello"},
    "rendered_html": "<html></html>",
    "text": "Hello",
}


class MemoryBackend:
    """The store of one plugin and tenant, in memory."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def once(self, run: PluginRun, key: str) -> bool:
        raise AssertionError("not used here")

    def progress(self, run: PluginRun, done: int, total: int | None) -> None:
        raise AssertionError("not used here")

    def emit_seo_metrics(self, run: PluginRun, payload: Any) -> None:
        raise AssertionError("not used here")

    def store_get(self, run: PluginRun, key: str) -> str | None:
        return self.values.get(key)

    def store_set(self, run: PluginRun, key: str, value: str) -> None:
        self.values[key] = value

    def store_delete(self, run: PluginRun, key: str) -> bool:
        return self.values.pop(key, None) is not None

    def store_keys(self, run: PluginRun, prefix: str) -> list[str]:
        return sorted(key for key in self.values if key.startswith(prefix))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    backend = MemoryBackend()
    monkeypatch.setattr(runtime, "_backend", backend)
    return backend.values


class Receiver:
    """Addresses of a local server that note what they get and answer as they are told."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.got: dict[str, list[Request]] = {}
        self.answers: dict[str, list[Response]] = {}

    def url(self, name: str, *answers: int | Response) -> str:
        """Return an address that gives these answers in turn, and the last one from then on."""
        self.got[name] = []
        self.answers[name] = [
            entry if isinstance(entry, Response) else Response(status=entry) for entry in answers or (204,)
        ]
        self.server.expect_request(f"/{name}", method="POST").respond_with_handler(self._handle)
        return self.server.url_for(f"/{name}")

    def _handle(self, request: Request) -> Response:
        name = request.path.removeprefix("/")
        request.get_data()
        self.got[name].append(request)
        answers = self.answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def count(self, name: str) -> int:
        return len(self.got[name])


@pytest.fixture
def receiver(httpserver: HTTPServer) -> Receiver:
    return Receiver(httpserver)


async def publish(
    *urls: str,
    delivery_id: UUID | None = None,
    attempt: int = 1,
    hook: str = "dvp_content_published",
    **config: Any,
) -> str:
    delivery_id = delivery_id or uuid4()
    metadata = {
        "event_id": "0192aa00-0000-7000-8000-00000000000e",
        "delivery_id": str(delivery_id),
        "attempt": attempt,
        "actor": "user:1",
        "version": 3,
        "occurred_at": "2026-01-01T12:00:00Z",
    }
    run = PluginRun(
        plugin_id="webhooks",
        tenant_id=TENANT,
        config={"urls": list(urls), **config},
        secrets=Secrets("webhooks", {"signing_secret": SECRET}),
        delivery_id=delivery_id,
    )
    with plugin_run(run):
        await getattr(WebhooksPlugin(), hook)(CTX, CONTENT["content_id"], CONTENT, metadata)
    return str(delivery_id)


async def test_a_message_is_signed_and_says_what_happened(receiver: Receiver) -> None:
    delivery_id = await publish(receiver.url("hook"))

    request = receiver.got["hook"][0]
    headers = {name.lower(): value for name, value in request.headers}
    assert headers["webhook-id"] == delivery_id
    assert headers["content-type"] == "application/json"
    assert Webhook(SECRET).verify(request.get_data(), headers) == {
        "type": "record.published",
        "timestamp": "2026-01-01T12:00:00Z",
        "data": {
            "id": CONTENT["content_id"],
            "tenant": "acme",
            "event_id": "0192aa00-0000-7000-8000-00000000000e",
            "actor": "user:1",
            "record": {
                "collection": "articles",
                "title": "Grüße",
                "version": 3,
                "data": {"title": "Grüße", "body": "Hello"},
            },
        },
    }


@pytest.mark.parametrize(
    ("hook", "event"),
    [
        ("dvp_content_created", "record.created"),
        ("dvp_content_updated", "record.updated"),
        ("dvp_content_deleted", "record.deleted"),
        ("dvp_content_published", "record.published"),
        ("dvp_content_unpublished", "record.unpublished"),
    ],
)
async def test_each_hook_sends_its_event(receiver: Receiver, hook: str, event: str) -> None:
    await publish(receiver.url("hook"), hook=hook)

    assert json.loads(receiver.got["hook"][0].get_data())["type"] == event


async def test_events_that_are_not_wanted_are_not_sent(receiver: Receiver) -> None:
    await publish(receiver.url("hook"), hook="dvp_content_created", events=["record.published"])

    assert receiver.count("hook") == 0


async def test_a_retry_is_the_same_message_with_a_fresh_timestamp(
    receiver: Receiver, store: dict[str, str]
) -> None:
    url = receiver.url("hook", 500, 204)
    delivery_id = uuid4()
    with pytest.raises(PluginError, match="answered 500"):
        await publish(url, delivery_id=delivery_id)
    await publish(url, delivery_id=delivery_id, attempt=2)

    first, second = receiver.got["hook"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.get_data() == second.get_data()
    assert int(first.headers["webhook-timestamp"]) <= int(second.headers["webhook-timestamp"])
    assert store == {}


async def test_a_retry_goes_to_those_who_failed_only(receiver: Receiver, store: dict[str, str]) -> None:
    urls = [receiver.url("good"), receiver.url("bad", 503, 204), receiver.url("gone", 410)]
    delivery_id = uuid4()
    with pytest.raises(PluginError, match="2 of 3 addresses did not take the message"):
        await publish(*urls, delivery_id=delivery_id)
    with pytest.raises(PluginError, match="answered 410 before") as caught:
        await publish(*urls, delivery_id=delivery_id, attempt=2)

    assert [receiver.count(name) for name in ("good", "bad", "gone")] == [1, 2, 1]
    assert caught.value.permanent
    assert store == {}


async def test_other_deliveries_know_nothing_of_it(receiver: Receiver, store: dict[str, str]) -> None:
    urls = [receiver.url("good"), receiver.url("bad", 503)]
    for _ in range(2):
        with pytest.raises(PluginError, match="1 of 2"):
            await publish(*urls)

    assert receiver.count("good") == 2


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    target = receiver.url("target")
    with pytest.raises(PluginError, match="redirects are not followed"):
        await publish(receiver.url("hook", Response(status=307, headers={"location": target})))

    assert receiver.count("target") == 0


async def test_slow_down_says_how_long(receiver: Receiver) -> None:
    with pytest.raises(NotReady) as caught:
        await publish(receiver.url("hook", Response(status=429, headers={"retry-after": "7"})))

    assert caught.value.retry_after == 7.0


async def test_nobody_there_is_a_failure_that_is_tried_again() -> None:
    with pytest.raises(PluginError, match=r"could not be reached \(ConnectError") as caught:
        await publish("http://127.0.0.1:1/hook")

    assert not caught.value.permanent


async def test_an_inner_address_is_not_called() -> None:
    with pytest.raises(PluginError, match="OUTBOUND_ALLOW") as caught:
        await publish("http://10.0.0.1/hook")

    assert caught.value.permanent


async def test_a_missing_secret_is_said() -> None:
    run = PluginRun(plugin_id="webhooks", tenant_id=TENANT, config={"urls": ["https://example.org/"]})
    with plugin_run(run), pytest.raises(KeyError, match="Plugin webhooks needs the secret 'signing_secret'"):
        await WebhooksPlugin().dvp_content_published(
            CTX, "id", dict(CONTENT), {"delivery_id": "x", "attempt": 1}
        )
