"""The check of the receivers, through the host and against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.models import HealthVerdict
from plugin_host.services import disable_plugin
from plugin_host.testing.host import PluginEnabled
from plugin_host.testing.peer import HttpPeer, PeerAnswer
from plugin_host.testing.schedule import run_due
from tenants.models import Tenant
from webhooks.models import EndpointState
from webhooks.queue import pause

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def inside(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        yield tenant


def checked(tenant: Tenant, plugin_enabled: PluginEnabled, *urls: str) -> HealthVerdict:
    endpoints = [{"name": f"to-{number}", "url": url} for number, url in enumerate(urls)]
    plugin_enabled("webhooks", tenant, config={"endpoints": endpoints}, secrets={"signing_secret": SECRET})
    runs = [run for run in run_due(tenant) if run.kind == "check"]
    assert [run.item_id for run in runs] == ["webhooks.receivers"]
    verdict: HealthVerdict = HealthVerdict.objects.get(plugin="webhooks")
    return verdict


@pytest.mark.parametrize("status", [200, 204, 401, 404, 405])
def test_any_answer_shows_that_somebody_is_there(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled, status: int
) -> None:
    verdict = checked(inside, plugin_enabled, http_peer.answer("/hook", status))

    assert (verdict.status, verdict.trouble) == ("healthy", "")
    assert verdict.response_time_ms is not None
    assert verdict.message == f"{http_peer.url('/hook')} answered {status}"
    (request,) = http_peer.requests_to("/hook")
    assert (request.method, "webhook-signature" in request.headers) == ("HEAD", False)


def test_some_that_fail_degrade_it_and_all_that_fail_break_it(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled
) -> None:
    good, nobody = http_peer.answer("/good", 204), "http://127.0.0.1:9/nobody"

    some = checked(inside, plugin_enabled, good, nobody)
    assert some.status == "degraded"
    assert some.message.startswith("http://127.0.0.1:9/nobody could not be reached")
    assert [one["status"] for one in some.details] == ["healthy", "unhealthy"]
    assert checked(inside, plugin_enabled, nobody).status == "unhealthy"


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (PeerAnswer(status=503), "degraded", "answered 503"),
        (PeerAnswer(status=301, headers={"location": "/x"}), "degraded", "redirects are not followed"),
        (PeerAnswer(status=410), "unhealthy", "it wants no more messages"),
    ],
)
def test_answers_that_need_somebody(
    inside: Tenant,
    http_peer: HttpPeer,
    plugin_enabled: PluginEnabled,
    answer: PeerAnswer,
    status: str,
    said: str,
) -> None:
    good = http_peer.answer("/good", 204)

    verdict = checked(inside, plugin_enabled, http_peer.answer("/hook", answer))

    assert verdict.status == status
    assert said in verdict.message
    assert checked(inside, plugin_enabled, good).status == "healthy"


def test_addresses_are_shown_without_what_may_be_a_key(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled
) -> None:
    verdict = checked(inside, plugin_enabled, http_peer.url("/hook?key=open-sesame"))

    assert "sesame" not in verdict.message + str(verdict.details)


@pytest.mark.parametrize(("failures", "status"), [(2, "healthy"), (3, "degraded")])
def test_an_endpoint_that_answers_and_takes_no_messages_is_told(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled, failures: int, status: str
) -> None:
    url = http_peer.answer("/hook", 405)
    since = datetime(2026, 1, 1, 12, tzinfo=UTC)
    EndpointState.objects.create(
        name="to-0", failures=failures, failing_since=since, last_problem="It answered 500."
    )

    verdict = checked(inside, plugin_enabled, url)

    assert verdict.status == status
    if status == "degraded":
        assert verdict.message == (
            "to-0 takes no messages since 2026-01-01 12:00 UTC and 0 wait: It answered 500."
        )


def test_where_the_plugin_is_off_nobody_is_asked(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled
) -> None:
    checked(inside, plugin_enabled, http_peer.answer("/hook", 204))
    disable_plugin("webhooks")

    assert run_due(inside) == []
    assert len(http_peer.requests_to("/hook")) == 1


@pytest.mark.parametrize(("by", "status"), [("", "unhealthy"), ("ann@example.org", "degraded")])
def test_a_paused_endpoint_is_not_asked_and_its_reason_is_shown(
    inside: Tenant, http_peer: HttpPeer, plugin_enabled: PluginEnabled, by: str, status: str
) -> None:
    url = http_peer.answer("/hook", 204)
    pause("to-0", reason="It answered 410.", by=by, now=datetime(2026, 1, 1, 12, tzinfo=UTC))

    verdict = checked(inside, plugin_enabled, url)

    assert verdict.status == status
    assert (
        verdict.message == "to-0 is paused since 2026-01-01 12:00 UTC and 0 messages wait: It answered 410."
    )
    assert http_peer.requests_to("/hook") == []
