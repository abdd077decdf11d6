"""The plugin inside the host: from a published record to a receiver, through deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from core.actors import system_actor
from core.errors import Invalid
from core.models import Record
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host.deliveries.replaying import replay_delivery
from plugin_host.services import disable_plugin, enable_plugin
from plugin_host.state import full_config, tenant_plugins
from plugin_host.testing.host import DeliverAll, DeliveryRun, PluginEnabled
from plugin_host.testing.peer import HttpPeer, PeerAnswer
from tenants.models import Tenant

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.fixture
def inside(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        create_collection(name="posts", schema={"type": "object", "properties": {"body": {"type": "string"}}})
        yield tenant


@pytest.fixture
def receiving(inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled) -> HttpPeer:
    """The plugin is on and sends what is published to /hook."""
    plugin_enabled(
        "webhooks",
        inside,
        config={"urls": [http_peer.url("/hook")], "events": ["record.published"]},
        secrets={"signing_secret": SECRET},
    )
    return http_peer


def publish(title: str = "Slow food") -> Record:
    return publish_record(record_id=create_record(collection="posts", data={"body": "Hello"}, title=title).pk)


def of_hook(runs: list[DeliveryRun], hook: str = "dvp_content_published") -> list[DeliveryRun]:
    return [run for run in runs if (run.plugin, run.hook) == ("webhooks", hook)]


def test_a_published_record_arrives_signed(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    record = publish()

    (run,) = of_hook(deliver_all(inside))

    assert (run.ended, run.attempt) == ("done", 1)
    (request,) = receiving.requests_to("/hook")
    assert request.headers["webhook-id"] == str(run.id)
    message = Webhook(SECRET).verify(request.body, dict(request.headers))
    assert message["type"] == "record.published"
    assert message["data"]["tenant"] == inside.slug
    assert message["data"]["record"] | {"id": message["data"]["id"]} == message["data"]["record"] | {
        "id": str(record.pk),
        "collection": "posts",
        "title": "Slow food",
        "slug": "slow-food",
        "status": "published",
        "version": record.version,
        "data": {"body": "Hello"},
    }


def test_other_tenants_hear_nothing(
    inside: Tenant,
    other_tenant: Tenant,
    receiving: HttpPeer,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
) -> None:
    plugin_enabled(
        "webhooks",
        other_tenant,
        config={"urls": [receiving.url("/other")]},
        secrets={"signing_secret": OTHER_SECRET},
    )
    publish()
    deliver_all(inside)
    deliver_all(other_tenant)

    assert len(receiving.requests_to("/hook")) == 1
    assert receiving.requests_to("/other") == []


def test_off_is_off_and_on_again_has_its_configuration(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    disable_plugin("webhooks")
    publish("While it was off")
    assert of_hook(deliver_all(inside)) == []

    enable_plugin("webhooks")
    publish("On again")
    assert [run.ended for run in of_hook(deliver_all(inside))] == ["done"]
    (request,) = receiving.requests_to("/hook")
    assert request.json()["data"]["record"]["title"] == "On again"
    entry = tenant_plugins(inside.pk)["webhooks"]
    assert full_config(None, entry)["events"] == ["record.published"]


def test_what_failed_is_tried_again_under_the_same_id(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    receiving.answer("/hook", 503, 204)
    publish()

    (first,) = of_hook(deliver_all(inside))
    (second,) = of_hook(deliver_all(inside, waiting=True))

    assert (first.ended, second.ended, second.attempt) == ("", "done", 2), second.error
    assert "answered 503" in first.error
    assert {request.headers["webhook-id"] for request in receiving.requests_to("/hook")} == {str(first.id)}


def test_a_retry_leaves_those_alone_who_have_it(
    inside: Tenant, receiving: HttpPeer, plugin_enabled: PluginEnabled, deliver_all: DeliverAll
) -> None:
    urls = [receiving.url("/hook"), receiving.answer("/second", 500, 204)]
    plugin_enabled("webhooks", inside, config={"urls": urls, "events": ["record.published"]})
    publish()

    deliver_all(inside)
    (run,) = of_hook(deliver_all(inside, waiting=True))

    assert run.ended == "done", run.error
    assert [len(receiving.requests_to(path)) for path in ("/hook", "/second")] == [1, 2]


@pytest.mark.parametrize(
    ("answer", "ended", "wait_seconds"),
    [
        (410, "dead", 0.0),
        (401, "dead", 0.0),
        (PeerAnswer(status=429, headers={"retry-after": "70"}), "", 70.0),
    ],
)
def test_answers_decide_what_follows(
    inside: Tenant,
    receiving: HttpPeer,
    deliver_all: DeliverAll,
    answer: int | PeerAnswer,
    ended: str,
    wait_seconds: float,
) -> None:
    receiving.answer("/hook", answer)
    publish()

    (run,) = of_hook(deliver_all(inside))

    assert run.ended == ended
    assert run.wait_seconds >= wait_seconds


def test_a_dead_delivery_can_be_replayed(
    inside: Tenant, receiving: HttpPeer, deliver_all: DeliverAll
) -> None:
    receiving.answer("/hook", 410, 204)
    publish()
    (dead,) = of_hook(deliver_all(inside))

    replay_delivery(delivery_id=dead.id)
    (run,) = of_hook(deliver_all(inside))

    assert (dead.ended, run.ended) == ("dead", "done")
    first, second = receiving.requests_to("/hook")
    assert first.body == second.body


def test_enabling_says_what_is_missing(inside: Tenant, plugin_enabled: PluginEnabled) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("webhooks", inside)
    assert [error.pointer for error in caught.value.errors] == ["/config/urls", "/secrets/signing_secret"]


@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="])
def test_a_secret_that_is_none_is_refused(inside: Tenant, plugin_enabled: PluginEnabled, secret: str) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("webhooks", inside, secrets={"signing_secret": secret})

    assert [error.pointer for error in caught.value.errors] == ["/secrets/signing_secret"]
    assert secret not in str(caught.value) + caught.value.errors[0].message


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"urls": []}, "/config/urls"),
        ({"urls": ["ftp://example.org/"]}, "/config/urls/0"),
        ({"urls": ["https://example.org/"], "events": ["record.read"]}, "/config/events/0"),
        ({"urls": ["https://example.org/"], "event": []}, "/config/event"),
    ],
)
def test_wrong_configuration_is_refused_with_its_place(
    inside: Tenant, plugin_enabled: PluginEnabled, config: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("webhooks", inside, config=config)

    assert [error.pointer for error in caught.value.errors] == [pointer]
