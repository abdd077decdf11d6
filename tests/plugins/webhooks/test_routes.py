"""The plugin's addresses: what endpoints do, pause, resume, test, send again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from core.models import Event
from plugin_host.testing.host import DeliverAll, PluginEnabled
from plugin_host.testing.peer import HttpPeer, PeerAnswer
from plugin_host.testing.types import ClientFor, RunTask
from tenants.models import Tenant
from tests.plugins.webhooks.posts import OTHER_SECRET, SECRET, SwitchOn, publish, state, statuses

ENDPOINTS = "/api/v1/plugins/webhooks/endpoints"
CRM = f"{ENDPOINTS}/crm"
JSON = "application/json"


@pytest.fixture
def receiving(http_peer: HttpPeer, switch_on: SwitchOn) -> HttpPeer:
    switch_on(crm=http_peer.url("/crm?key=open-sesame"), shop=http_peer.url("/shop"))
    return http_peer


@pytest.fixture
def api(inside: Tenant, receiving: HttpPeer, client_for: ClientFor) -> Client:
    return client_for(inside, role="admin")


def event_ids() -> list[str]:
    return [str(event.pk) for event in Event.objects.filter(type="record.published").order_by("pk")]


def test_endpoints_are_listed_with_how_they_fare(
    inside: Tenant, api: Client, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    receiving.answer("/crm?key=open-sesame", 500)
    publish()
    deliver_all(inside)

    crm, shop = api.get(ENDPOINTS).json()["data"]

    assert (
        crm
        | {
            "name": "crm",
            "url": receiving.url("/crm"),
            "events": ["record.published"],
            "collections": [],
            "state": "failing",
            "paused": None,
            "waiting": 1,
            "failures": 1,
            "last_problem": "answered 500",
            "last_success_at": None,
        }
        == crm
    )
    assert (shop["state"], shop["waiting"], shop["failures"]) == ("active", 0, 0)
    assert shop["last_success_at"] is not None
    assert api.get(CRM).json() == crm
    assert "sesame" not in api.get(ENDPOINTS).text


def test_paused_messages_wait_and_come_when_it_is_resumed(
    inside: Tenant, api: Client, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    paused = api.post(f"{CRM}/pause", {"reason": "moving house"}, JSON).json()
    assert (paused["state"], paused["paused"]["reason"]) == ("paused", "moving house")
    assert paused["paused"]["by"] != ""
    publish("First")
    publish("Second")
    deliver_all(inside)
    run_task("webhooks.send")
    assert receiving.requests_to("/crm?key=open-sesame") == []
    assert len(receiving.requests_to("/shop")) == 2
    assert api.get(CRM).json()["waiting"] == 2

    resumed = api.post(f"{CRM}/resume", {}, JSON).json()
    assert (resumed["state"], resumed["paused"]) == ("active", None)
    run_task("webhooks.send")

    assert statuses() == ["delivered"] * 2
    assert len(receiving.requests_to("/crm?key=open-sesame")) == 2


def test_pausing_twice_keeps_the_first_reason(api: Client) -> None:
    api.post(f"{CRM}/pause", {"reason": "first"}, JSON)

    assert api.post(f"{CRM}/pause", {"reason": "second"}, JSON).json()["paused"]["reason"] == "first"


def test_a_test_is_signed_sent_at_once_and_logged_even_while_paused(
    inside: Tenant, api: Client, receiving: HttpPeer
) -> None:
    receiving.answer("/crm?key=open-sesame", PeerAnswer(status=418, body=b"short and stout"))
    api.post(f"{CRM}/pause", {}, JSON)

    answer = api.post(f"{CRM}/test", {}, JSON).json()

    assert (
        answer
        | {
            "message_id": None,
            "type": "ping",
            "number": 1,
            "status": 418,
            "delivered": False,
            "reason": "answered 418",
            "excerpt": "short and stout",
        }
        == answer
    )
    (request,) = receiving.requests_to("/crm?key=open-sesame")
    assert Webhook(SECRET).verify(request.body, dict(request.headers))["type"] == "ping"
    assert request.headers["x-request-id"] == answer["request_id"]
    assert api.get(f"{CRM}/attempts").json()["data"] == [answer]
    assert (state().failures, state().paused_at is None) == (0, False)


def test_the_log_and_the_messages_are_read_page_by_page(
    inside: Tenant, api: Client, deliver_all: DeliverAll
) -> None:
    for number in range(5):
        publish(f"Post {number}")
    deliver_all(inside)

    for address, key in ((f"{CRM}/attempts", "request_id"), (f"{CRM}/messages", "message_id")):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.get(address, {"limit": "2", **cursor}).json()
            found += [one[key] for one in page["data"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert len(set(found)) == len(found) == 5, address

    message = api.get(f"{CRM}/messages", {"status": "delivered"}).json()["data"][0]
    assert (message["type"], message["collection"], message["tries"]) == ("record.published", "posts", 1)
    assert (message["status"], message["next_try_at"]) == ("delivered", None)
    assert api.get(f"{CRM}/messages", {"status": "waiting"}).json() == {"data": [], "next": None}


def test_one_event_is_sent_again(
    inside: Tenant, api: Client, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    publish("First")
    publish("Second")
    deliver_all(inside)
    first, _ = receiving.requests_to("/shop")

    answer = api.post(f"{ENDPOINTS}/shop/redeliver", {"events": [event_ids()[0], str(uuid4())]}, JSON)
    run_task("webhooks.send")

    assert (answer.status_code, answer.json()) == (200, {"due": 1})
    again = receiving.requests_to("/shop")[2:]
    assert [(request.headers["webhook-id"], request.body) for request in again] == [
        (first.headers["webhook-id"], first.body)
    ]
    assert len(receiving.requests_to("/crm?key=open-sesame")) == 2


def test_a_time_is_sent_again_also_to_an_endpoint_that_is_new(
    inside: Tenant,
    api: Client,
    receiving: HttpPeer,
    switch_on: SwitchOn,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    begun = timezone.now()
    publish("First")
    publish("Second")
    deliver_all(inside)
    switch_on(
        crm=receiving.url("/crm?key=open-sesame"),
        new=receiving.url("/new"),
        drafts={"url": receiving.url("/drafts"), "events": ["record.created"]},
    )
    until = begun + timedelta(hours=1)

    def again(endpoint: str, **fields: Any) -> Any:
        return api.post(f"{ENDPOINTS}/{endpoint}/redeliver", fields, JSON).json()

    assert again("new", since=begun.isoformat(), until=until.isoformat()) == {"due": 2}
    assert again("new", since=until.isoformat()) == {"due": 0}
    assert again("drafts", since=begun.isoformat()) == {"due": 0}
    run_task("webhooks.send")

    assert len(receiving.requests_to("/new")) == 2


def test_too_many_at_once_are_refused(
    api: Client, inside: Tenant, deliver_all: DeliverAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.queue.MAX_AGAIN", 1)
    begun = timezone.now()
    publish("First")
    publish("Second")
    deliver_all(inside)

    answer = api.post(f"{CRM}/redeliver", {"since": begun.isoformat()}, JSON)

    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_messages")
    assert statuses() == ["delivered"] * 2


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("post", f"{CRM}/redeliver", {}),
        ("post", f"{CRM}/redeliver", {"until": "2026-01-01T00:00:00Z"}),
        ("post", f"{CRM}/redeliver", {"events": ["x"]}),
        ("post", f"{CRM}/redeliver", {"events": []}),
        ("post", f"{CRM}/redeliver", {"events": [str(uuid4())], "since": "2026-01-01T00:00:00Z"}),
        ("post", f"{CRM}/redeliver", {"since": "yesterday"}),
        ("post", f"{CRM}/pause", {"reason": "x" * 301}),
        ("get", f"{CRM}/messages?status=lost", None),
        ("get", f"{CRM}/messages?limit=1000", None),
        ("get", f"{CRM}/attempts?cursor=x", None),
    ],
)
def test_what_makes_no_sense_is_refused(api: Client, method: str, address: str, body: Any) -> None:
    answer = api.get(address) if method == "get" else api.post(address, body, JSON)

    assert answer.status_code in {400, 422}
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("step", ["", "/pause", "/resume", "/test", "/redeliver", "/messages", "/attempts"])
def test_an_endpoint_that_is_not_there_is_not_found(api: Client, step: str) -> None:
    address = f"{ENDPOINTS}/nobody{step}"
    reads = step in {"", "/messages", "/attempts"}
    answer = api.get(address) if reads else api.post(address, {}, JSON)

    assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_not_found")


@pytest.mark.parametrize("role", ["editor", "author", "viewer"])
def test_it_is_for_administrators(
    inside: Tenant, receiving: HttpPeer, client_for: ClientFor, role: str
) -> None:
    client = client_for(inside, role=role)

    assert client.get(ENDPOINTS).status_code == 403
    assert client.post(f"{CRM}/pause", {}, JSON).status_code == 403


def test_another_tenant_sees_and_moves_its_own_alone(
    inside: Tenant,
    other_tenant: Tenant,
    api: Client,
    receiving: HttpPeer,
    client_for: ClientFor,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
) -> None:
    plugin_enabled(
        "webhooks",
        other_tenant,
        config={"endpoints": [{"name": "crm", "url": receiving.url("/theirs")}]},
        secrets={"signing_secret": OTHER_SECRET},
    )
    publish()
    deliver_all(inside)
    theirs = client_for(other_tenant, role="admin")

    assert theirs.get(f"{CRM}/attempts").json()["data"] == []
    assert theirs.post(f"{CRM}/redeliver", {"events": event_ids()}, JSON).json() == {"due": 0}
    theirs.post(f"{CRM}/pause", {}, JSON)
    assert api.get(CRM).json()["state"] == "active"
    assert theirs.get(f"{ENDPOINTS}/shop").status_code == 404


def test_the_document_describes_the_routes(inside: Tenant, api: Client) -> None:
    paths = api.get("/api/schema").json()["paths"]

    redeliver = paths[f"{ENDPOINTS}/{{name}}/redeliver"]["post"]
    assert redeliver["summary"] == "Make messages due once more: events, or a time"
    assert redeliver["tags"] == ["Webhooks"]
    assert "get" in paths[f"{ENDPOINTS}/{{name}}/attempts"]
