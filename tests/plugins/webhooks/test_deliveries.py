"""The plugin inside the host: from a record to receivers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core.actors import system_actor
from core.errors import Invalid
from core.models import Event
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.publishing import publish_record, unpublish_record
from core.services.records import create_record, delete_record, update_record
from plugin_host.deliveries.replaying import replay_delivery
from plugin_host.models.schedule import RunReason, ScheduledRun
from plugin_host.models.settings import PluginSettings
from plugin_host.services import delete_secret, disable_plugin, enable_plugin, save_config
from plugin_host.state import forget_tenant_plugins, full_config, tenant_plugins
from plugin_host.testing.clock import Clock
from plugin_host.testing.host import DeliverAll, PluginEnabled
from plugin_host.testing.peer import HttpPeer
from plugin_host.testing.schedule import run_due, run_waiting
from plugin_host.testing.types import ClientFor, RunTask
from tenants.models import Tenant
from tests.plugins.webhooks.posts import (
    OTHER_SECRET,
    SECRET,
    SwitchOn,
    of_hook,
    publish,
    sending,
    state,
    statuses,
    tries,
)
from tests.plugins.webhooks.rough_peer import hang, rough_peer
from webhooks import WebhooksPlugin
from webhooks.models import Attempt, Message, Sending
from webhooks.queue import resume


@pytest.fixture
def receiving(http_peer: HttpPeer, switch_on: SwitchOn) -> HttpPeer:
    """The plugin is on and sends what is published to /crm."""
    switch_on(crm=http_peer.url("/crm"))
    return http_peer


def run_waiting_tasks(tenant: Tenant) -> None:
    """Do what a worker does with the runs that wait, whenever they are due."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        ScheduledRun.objects.filter(status="pending").update(next_attempt_at=Now())
    run_waiting(tenant)


def titles(peer: HttpPeer, path: str) -> list[str]:
    return [request.json()["data"]["record"]["title"] for request in peer.requests_to(path)]


def test_a_published_record_arrives_signed(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    record = publish()

    (run,) = of_hook(deliver_all(inside))

    assert (run.ended, run.attempt) == ("done", 1)
    (request,) = receiving.requests_to("/crm")
    event = Event.objects.get(type="record.published")
    assert request.headers["webhook-id"] == str(event.pk)
    message = Webhook(SECRET).verify(request.body, dict(request.headers))
    assert message["type"] == "record.published"
    assert (message["data"]["tenant"], message["data"]["event_id"]) == (inside.slug, str(event.pk))
    assert message["data"]["record"] | {"id": message["data"]["id"]} == message["data"]["record"] | {
        "id": str(record.pk),
        "collection": "posts",
        "title": "Slow food",
        "slug": "slow-food",
        "status": "published",
        "version": record.version,
        "data": {"body": "Hello"},
    }
    assert {"rendered_html", "text", "tenant_id"} & message["data"]["record"].keys() == set()


def test_each_change_of_a_record_is_an_event(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled, deliver_all: DeliverAll
) -> None:
    endpoints = [{"name": "crm", "url": http_peer.url("/crm")}]
    plugin_enabled("webhooks", inside, config={"endpoints": endpoints}, secrets={"signing_secret": SECRET})
    record = create_record(collection="posts", data={"body": "x"}, title="One")
    update_record(record_id=record.pk, data={"body": "y"})
    publish_record(record_id=record.pk)
    unpublish_record(record_id=record.pk)
    delete_record(record_id=record.pk)
    deliver_all(inside)

    assert [request.json()["type"] for request in http_peer.requests_to("/crm")] == [
        "record.created",
        "record.updated",
        "record.published",
        "record.unpublished",
        "record.deleted",
    ]


def test_each_endpoint_gets_what_it_wants_signed_with_its_own_secret(
    inside: Tenant, http_peer: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll
) -> None:
    create_collection(name="pages", schema={"type": "object", "properties": {"body": {"type": "string"}}})
    switch_on(
        crm=http_peer.url("/crm"),
        shop={"url": http_peer.url("/shop"), "collections": ["pages"], "secret": "shop-key"},
        drafts={"url": http_peer.url("/drafts"), "events": ["record.created"]},
        secrets={"shop-key": OTHER_SECRET},
    )
    publish("A post")
    publish("A page", collection="pages")
    deliver_all(inside)

    assert sorted(titles(http_peer, "/crm")) == ["A page", "A post"]
    assert titles(http_peer, "/shop") == ["A page"]
    assert {request.json()["type"] for request in http_peer.requests_to("/drafts")} == {"record.created"}
    (request,) = http_peer.requests_to("/shop")
    Webhook(OTHER_SECRET).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body, dict(request.headers))


@pytest.mark.parametrize(("until", "signatures"), [("2026-06-01T00:00:00Z", 2), ("2026-05-01T00:00:00Z", 1)])
def test_while_secrets_change_over_both_sign(
    inside: Tenant,
    http_peer: HttpPeer,
    switch_on: SwitchOn,
    deliver_all: DeliverAll,
    clock: Clock,
    until: str,
    signatures: int,
) -> None:
    clock.move_to(datetime(2026, 5, 15, tzinfo=UTC))
    switch_on(
        crm={
            "url": http_peer.url("/crm"),
            "secret": "crm-2",
            "previous_secret": "signing_secret",
            "previous_until": until,
        },
        secrets={"crm-2": OTHER_SECRET},
    )
    publish()
    deliver_all(inside)

    (request,) = http_peer.requests_to("/crm")
    assert len(request.headers["webhook-signature"].split()) == signatures
    Webhook(OTHER_SECRET).verify(request.body, dict(request.headers))
    if signatures == 2:
        Webhook(SECRET).verify(request.body, dict(request.headers))


def test_tenants_with_endpoints_of_the_same_name_never_mix(
    inside: Tenant,
    other_tenant: Tenant,
    receiving: HttpPeer,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
    run_task: RunTask,
) -> None:
    receiving.answer("/crm", 503)
    plugin_enabled(
        "webhooks",
        other_tenant,
        config={"endpoints": [{"name": "crm", "url": receiving.url("/other")}]},
        secrets={"signing_secret": OTHER_SECRET},
    )
    publish("Ours")
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug, actor=system_actor("tests")):
        create_collection(name="posts", schema={"type": "object", "properties": {"body": {"type": "string"}}})
        publish("Theirs")
    deliver_all(inside)
    deliver_all(other_tenant, waiting=True)

    assert titles(receiving, "/crm") == ["Ours"]
    assert set(titles(receiving, "/other")) == {"Theirs"}
    for path, secret in (("/crm", SECRET), ("/other", OTHER_SECRET)):
        for request in receiving.requests_to(path):
            Webhook(secret).verify(request.body, dict(request.headers))
    assert state().failures == 1
    with tenant_scope(other_tenant.pk):
        assert state().failures == 0
        assert set(Attempt.objects.values_list("status", flat=True)) == {204}


def test_off_is_off_and_on_again_has_its_configuration(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    disable_plugin("webhooks")
    publish("While it was off")
    assert of_hook(deliver_all(inside)) == []

    enable_plugin("webhooks")
    publish("On again")
    assert [run.ended for run in of_hook(deliver_all(inside))] == ["done"]
    assert titles(receiving, "/crm") == ["On again"]
    entry = tenant_plugins(inside.pk)["webhooks"]
    assert full_config(None, entry)["endpoints"][0]["events"] == ["record.published"]


def test_what_failed_is_tried_again_under_the_same_id(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    receiving.answer("/crm", 503, 204)
    publish()
    deliver_all(inside)

    assert run_task("webhooks.send").data["delivered"] == 0  # too early
    clock.advance(seconds=6)
    assert run_task("webhooks.send").data["delivered"] == 1

    first, second = receiving.requests_to("/crm")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert tries() == [(1, 503, "answered 503"), (2, 204, "answered 204")]
    assert statuses() == ["delivered"]


def test_first_retries_come_after_seconds_and_not_with_the_next_minute(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, clock: Clock
) -> None:
    def asked_for() -> ScheduledRun:
        run: ScheduledRun = ScheduledRun.objects.get(reason=RunReason.PLUGIN, status="pending")
        return run

    run_due(inside)
    receiving.answer("/crm", 503, 503, 204)
    publish()
    deliver_all(inside)
    first, put_off = asked_for(), sending().next_try_at - timezone.now()
    assert timedelta(seconds=1) < put_off <= timedelta(seconds=5)
    assert first.slot < timezone.now() + timedelta(seconds=30)

    clock.advance(seconds=6)
    run_waiting_tasks(inside)
    assert asked_for().slot > first.slot + timedelta(seconds=10)
    clock.advance(seconds=31)
    run_waiting_tasks(inside)

    assert [number for number, _, _ in tries()] == [1, 2, 3]
    assert statuses() == ["delivered"]
    assert not ScheduledRun.objects.filter(reason=RunReason.PLUGIN, status="pending").exists()


def test_an_endpoint_that_stays_away_is_left_to_the_clock(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    run_due(inside)
    receiving.answer("/crm", 503)
    publish()
    deliver_all(inside)
    for _ in range(3):
        clock.advance(minutes=6)
        run_task("webhooks.send")

    assert not ScheduledRun.objects.filter(reason=RunReason.PLUGIN, status="pending").exists()
    publish("Another")
    deliver_all(inside)
    assert not ScheduledRun.objects.filter(reason=RunReason.PLUGIN, status="pending").exists()


def test_a_message_is_given_up_after_more_than_a_day(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    """By then the endpoint would be paused; one that takes other messages is not."""
    publish("Poison")
    publish("Fine")
    receiving.answer("/crm", 500)
    deliver_all(inside)
    Sending.objects.filter(message__body__contains="Fine").update(status="delivered")
    for hours in (1, 1, 1, 1, 3, 6, 11, 11):
        clock.advance(hours=hours)
        state_row = state()
        state_row.failures, state_row.failing_since = 0, None
        state_row.save()
        run_task("webhooks.send")

    assert sorted(statuses()) == ["delivered", "given_up"]
    assert len(receiving.requests_to("/crm")) in {9, 10}
    assert state().paused_at is None


def test_one_that_is_dead_or_slow_delays_no_other(
    inside: Tenant, http_peer: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    """Not even later versions of the same record, which the host sends in order."""
    http_peer.answer("/dead", 500)
    switch_on(dead=http_peer.url("/dead"), crm=http_peer.url("/crm"))
    record = publish("First")
    deliver_all(inside)
    for title in ("Second", "Third"):
        update_record(record_id=record.pk, data={"body": title}, title=title)
        publish_record(record_id=record.pk)
        deliver_all(inside)

    assert titles(http_peer, "/crm") == ["First", "Second", "Third"]
    assert len(http_peer.requests_to("/dead")) == 1  # in the hook; the rest is left to the clock
    assert statuses("dead") == ["waiting"] * 3


def test_one_that_hangs_is_waited_for_once(
    inside: Tenant,
    http_peer: HttpPeer,
    switch_on: SwitchOn,
    deliver_all: DeliverAll,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webhooks.client.TIMEOUT_SECONDS", 0.3)
    with rough_peer(hang) as url:
        switch_on(slow=url, crm=http_peer.url("/crm"))
        for number in range(4):
            publish(f"Post {number}")
        deliver_all(inside)

    assert len(titles(http_peer, "/crm")) == 4
    assert len(tries("slow")) == 1
    assert statuses("slow") == ["waiting"] * 4


def test_a_failing_endpoint_is_asked_once_a_minute_until_it_takes_something(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    receiving.answer("/crm", 500, 500, 204)
    for number in range(12):
        publish(f"Post {number}")
    deliver_all(inside)
    assert len(receiving.requests_to("/crm")) == 1

    clock.advance(minutes=1)
    run_task("webhooks.send")
    assert len(receiving.requests_to("/crm")) == 2
    clock.advance(minutes=6)
    assert run_task("webhooks.send").data == {"delivered": 12, "failed": 0, "cancelled": 0}
    assert state().failures == 0


def test_who_comes_back_gets_at_once_what_was_put_off(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    receiving.answer("/crm", 500)
    publish("First")
    deliver_all(inside)
    for _ in range(4):
        clock.advance(hours=1)
        run_task("webhooks.send")
    assert sending().next_try_at - timezone.now() > timedelta(hours=1)

    receiving.answer("/crm", 204)
    publish("Second")
    deliver_all(inside)
    clock.advance(minutes=1)
    assert run_task("webhooks.send").data["delivered"] == 2


def test_versions_of_a_record_come_in_order(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    receiving.answer("/crm", 500, 204)
    record = publish("First")
    deliver_all(inside)
    update_record(record_id=record.pk, data={"body": "2"}, title="Second")
    publish_record(record_id=record.pk)
    deliver_all(inside)

    clock.advance(minutes=2)
    run_task("webhooks.send")

    assert titles(receiving, "/crm") == ["First", "First", "Second"]


def test_gone_pauses_the_endpoint_and_its_messages_wait(
    inside: Tenant, http_peer: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    http_peer.answer("/crm", 410)
    switch_on(crm=http_peer.url("/crm"), shop=http_peer.url("/shop"))
    publish("First")
    deliver_all(inside)
    publish("Second")
    deliver_all(inside)
    run_task("webhooks.send")

    assert state().paused_reason == "It answered 410: it wants no more messages."
    assert (len(http_peer.requests_to("/crm")), statuses()) == (1, ["waiting"] * 2)
    assert titles(http_peer, "/shop") == ["First", "Second"]


def test_who_refuses_five_times_in_a_row_is_paused(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    receiving.answer("/crm", 401)
    for number in range(5):
        publish(f"Post {number}")
    deliver_all(inside)
    for _ in range(4):
        assert state().paused_at is None
        clock.advance(minutes=1)
        run_task("webhooks.send")

    assert "answered 401 5 times in a row" in state().paused_reason


def test_who_takes_nothing_for_a_day_is_paused_and_what_waits_comes_when_resumed(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_task: RunTask, clock: Clock
) -> None:
    receiving.answer("/crm", 503)
    for number in range(3):
        publish(f"Post {number}")
    deliver_all(inside)
    begun = timezone.now()
    while state().paused_at is None and timezone.now() - begun < timedelta(hours=48):
        clock.advance(hours=1)
        run_task("webhooks.send")
    assert timedelta(hours=24) <= timezone.now() - begun < timedelta(hours=36)
    asked = len(receiving.requests_to("/crm"))
    clock.advance(hours=12)
    run_task("webhooks.send")

    assert state().paused_reason.startswith("It has taken nothing since")
    assert state().paused_reason.endswith("last it answered 503.")
    assert len(receiving.requests_to("/crm")) == asked
    assert statuses() == ["waiting"] * 3

    receiving.answer("/crm", 204)
    assert resume("crm", now=timezone.now()) == 3
    assert run_task("webhooks.send").data["delivered"] == 3
    assert statuses() == ["delivered"] * 3


def test_a_secret_that_is_not_set_pauses_its_endpoint_and_nothing_leaves(
    inside: Tenant, http_peer: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll
) -> None:
    url = http_peer.url("/crm")
    switch_on(crm={"url": url, "previous_secret": "crm-1", "previous_until": "2999-01-01T00:00:00Z"})
    publish()
    deliver_all(inside)

    assert http_peer.requests_to("/crm") == []
    assert state().paused_reason == "It was not called: the secret 'crm-1' that signs for it is not set."


def test_where_each_endpoint_has_its_own_secret_there_need_be_no_common_one(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled, deliver_all: DeliverAll
) -> None:
    endpoints = [{"name": "crm", "url": http_peer.url("/crm"), "secret": "crm-key"}]
    plugin_enabled("webhooks", inside, config={"endpoints": endpoints}, secrets={"crm-key": OTHER_SECRET})
    publish()
    deliver_all(inside)

    for request in http_peer.requests_to("/crm"):
        Webhook(OTHER_SECRET).verify(request.body, dict(request.headers))
    assert statuses()[-1] == "delivered"


def test_an_endpoint_without_any_secret_is_found_before_anything_is_sent(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled
) -> None:
    own = {"name": "shop", "url": http_peer.url("/shop"), "secret": "shop-key"}
    bare = {"name": "crm", "url": http_peer.url("/crm")}
    with pytest.raises(Invalid) as caught:
        plugin_enabled(
            "webhooks", inside, config={"endpoints": [own, bare]}, secrets={"shop-key": OTHER_SECRET}
        )
    assert [(error.pointer, error.message) for error in caught.value.errors] == [
        (
            "/config/endpoints/1/secret",
            "The secret 'signing_secret' that this needs is not set: set it first, or name another one here.",
        )
    ]

    plugin_enabled("webhooks", inside, config={"endpoints": [own]}, secrets={"shop-key": OTHER_SECRET})
    with pytest.raises(Invalid) as caught:
        save_config("webhooks", {"endpoints": [own, bare]})
    assert [error.pointer for error in caught.value.errors] == ["/config/endpoints/1/secret"]
    with pytest.raises(Invalid) as caught:
        delete_secret("webhooks", "shop-key")
    assert [error.pointer for error in caught.value.errors] == ["/config/endpoints/0/secret"]


def test_the_same_delivery_once_more_sends_nothing_twice(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_hook: Any
) -> None:
    publish()
    (run,) = of_hook(deliver_all(inside))
    message = Message.objects.get()
    content = json.loads(message.body)["data"]["record"]
    metadata = {
        "event_id": str(message.pk),
        "delivery_id": str(run.id),
        "attempt": 2,
        "version": message.record_version,
        "occurred_at": "2026-01-01T12:00:00Z",
    }
    run_hook("webhooks", "dvp_content_published", str(message.record_id), content, metadata)

    assert len(receiving.requests_to("/crm")) == 1


def test_what_a_lost_process_had_taken_is_sent_by_the_delivery_that_follows(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll, run_hook: Any
) -> None:
    publish()
    (run,) = of_hook(deliver_all(inside))
    Sending.objects.update(status="waiting", lease_until=timezone.now() + timedelta(seconds=60))
    message = Message.objects.get()
    metadata = {
        "event_id": str(message.pk),
        "delivery_id": str(run.id),
        "attempt": 2,
        "version": message.record_version,
        "occurred_at": "2026-01-01T12:00:00Z",
    }
    content = json.loads(message.body)["data"]["record"]
    run_hook("webhooks", "dvp_content_published", str(message.record_id), content, metadata)

    first, second = receiving.requests_to("/crm")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert statuses() == ["delivered"]


def test_a_delivery_can_be_replayed(inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll) -> None:
    publish()
    (done,) = of_hook(deliver_all(inside))

    replay_delivery(delivery_id=done.id)
    (run,) = of_hook(deliver_all(inside))

    assert (done.ended, run.ended) == ("done", "done")
    first, second = receiving.requests_to("/crm")
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


def test_what_waits_for_an_endpoint_that_is_removed_ends_and_says_so(
    inside: Tenant, receiving: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    receiving.answer("/crm", 500)
    publish()
    deliver_all(inside)
    switch_on(shop=receiving.url("/shop"))

    assert run_task("webhooks.send").data["cancelled"] == 1
    assert (statuses(), sending().reason) == (
        ["cancelled"],
        "the endpoint is no longer in the configuration",
    )


def test_old_messages_go_but_nothing_that_waits(
    inside: Tenant,
    http_peer: HttpPeer,
    switch_on: SwitchOn,
    deliver_all: DeliverAll,
    run_task: RunTask,
    clock: Clock,
) -> None:
    switch_on(crm=http_peer.answer("/crm", 204, 410))
    publish("Taken")
    deliver_all(inside)
    publish("Waits")
    deliver_all(inside)
    clock.advance(days=29)
    assert run_task("webhooks.tidy-up").data == {"deleted": 0}
    clock.advance(days=2)

    assert run_task("webhooks.tidy-up").data == {"deleted": 1}
    assert statuses() == ["waiting"]


def test_configuration_of_the_first_version_is_brought_into_shape(inside: Tenant) -> None:
    old = {"urls": ["https://a.example.org/", "https://b.example.org/"], "events": ["record.published"]}

    assert WebhooksPlugin().migrate_config(1, old) == {
        "endpoints": [
            {"name": "endpoint-1", "url": "https://a.example.org/", "events": ["record.published"]},
            {"name": "endpoint-2", "url": "https://b.example.org/", "events": ["record.published"]},
        ]
    }


def test_a_stored_configuration_of_the_first_version_still_sends(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    old = {"urls": [receiving.url("/old")], "events": ["record.published"]}
    PluginSettings.objects.filter(plugin_id="webhooks").update(config=old, config_version=1)
    forget_tenant_plugins(inside.pk)
    publish()
    deliver_all(inside)

    assert titles(receiving, "/old") == ["Slow food"]
    assert statuses("endpoint-1") == ["delivered"]


def test_two_endpoints_of_one_name_are_refused_at_the_second(inside: Tenant, client_for: ClientFor) -> None:
    twins = [{"name": name, "url": "https://example.org/"} for name in ("crm", "shop", "crm")]

    answer = client_for(inside, role="admin").patch(
        "/api/v1/admin/plugins/webhooks/settings", {"endpoints": twins}, "application/json"
    )

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "/config/endpoints/2/name",
            "message": "'crm' stands here twice: give each its own.",
            "code": "repeated",
        }
    ]


def test_enabling_says_what_is_missing(inside: Tenant, plugin_enabled: PluginEnabled) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("webhooks", inside)
    assert [error.pointer for error in caught.value.errors] == ["/config/endpoints"]


@pytest.mark.parametrize("name", ["signing_secret", "crm-key"])
@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="])
def test_a_secret_that_is_none_is_refused(
    inside: Tenant, plugin_enabled: PluginEnabled, name: str, secret: str
) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("webhooks", inside, secrets={name: secret})

    assert [error.pointer for error in caught.value.errors] == [f"/secrets/{name}"]
    assert secret not in str(caught.value) + caught.value.errors[0].message


def endpoint(**fields: Any) -> dict[str, Any]:
    return {"endpoints": [{"name": "crm", "url": "https://example.org/", **fields}]}


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"endpoints": []}, "/config/endpoints"),
        (endpoint(url="ftp://example.org/"), "/config/endpoints/0/url"),
        (endpoint(name="My CRM"), "/config/endpoints/0/name"),
        (endpoint(events=["record.read"]), "/config/endpoints/0/events/0"),
        (endpoint(secret="whsec_AAAA"), "/config/endpoints/0/secret"),
        (endpoint(previous_until="tomorrow"), "/config/endpoints/0/previous_until"),
        (endpoint(event=[]), "/config/endpoints/0/event"),
        ({"urls": ["https://example.org/"]}, "/config/urls"),
        ({**endpoint(), "keep_days": 0}, "/config/keep_days"),
    ],
)
def test_wrong_configuration_is_refused_with_its_place(
    inside: Tenant, plugin_enabled: PluginEnabled, config: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("webhooks", inside, config=config)

    assert pointer in [error.pointer for error in caught.value.errors]


def test_ids_of_messages_are_those_of_the_log(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    """So a receiver finds what it missed in GET /api/v1/events."""
    publish()
    deliver_all(inside)

    (request,) = receiving.requests_to("/crm")
    assert UUID(request.headers["webhook-id"]) == Event.objects.get(type="record.published").pk
