"""What comes of every way in which a receiver can answer, or not."""

from __future__ import annotations

import pytest

import webhooks.client
from plugin_host.testing.clock import Clock
from plugin_host.testing.host import DeliverAll
from plugin_host.testing.peer import HttpPeer, PeerAnswer
from plugin_host.testing.types import RunTask
from tenants.models import Tenant
from tests.plugins.webhooks.posts import (
    SECRET,
    SwitchOn,
    of_hook,
    publish,
    sending,
    state,
    statuses,
    tries,
)
from tests.plugins.webhooks.rough_peer import (
    Behaviour,
    close,
    cut_after_error,
    cut_within_body,
    endless,
    hang,
    rough_peer,
    rubbish,
)
from webhooks.models import Attempt, Sending


@pytest.mark.parametrize(
    ("answer", "status", "is_paused", "reason"),
    [
        (200, "delivered", False, "answered 200"),
        (204, "delivered", False, "answered 204"),
        (301, "waiting", False, "answered 301, and redirects are not followed: write the final address"),
        (401, "waiting", False, "answered 401"),
        (403, "waiting", False, "answered 403"),
        (404, "waiting", False, "answered 404"),
        (409, "waiting", False, "answered 409"),
        (410, "waiting", True, "answered 410"),
        (429, "waiting", False, "answered 429"),
        (500, "waiting", False, "answered 500"),
    ],
)
def test_each_status(
    inside: Tenant,
    http_peer: HttpPeer,
    switch_on: SwitchOn,
    deliver_all: DeliverAll,
    answer: int,
    status: str,
    is_paused: bool,
    reason: str,
) -> None:
    switch_on(crm=http_peer.answer("/crm", answer))
    publish()

    (run,) = of_hook(deliver_all(inside))

    assert run.ended == "done"  # the host owes the plugin nothing more: what is left is the plugin's own
    assert (statuses(), tries()) == ([status], [(1, answer, reason)])
    assert (state().paused_at is not None) == is_paused


@pytest.mark.parametrize(
    ("behave", "status", "code", "reason"),
    [
        (rubbish, "waiting", None, "could not be reached (RemoteProtocolError"),
        (close, "waiting", None, "could not be reached (RemoteProtocolError"),
        (hang, "waiting", None, "did not answer within 0.5 seconds"),
        (cut_within_body, "delivered", 200, "answered 200"),
        (cut_after_error, "waiting", 500, "answered 500"),
        (endless, "delivered", 200, "answered 200"),
    ],
)
def test_each_way_of_behaving_badly(
    inside: Tenant,
    switch_on: SwitchOn,
    deliver_all: DeliverAll,
    monkeypatch: pytest.MonkeyPatch,
    behave: Behaviour,
    status: str,
    code: int | None,
    reason: str,
) -> None:
    monkeypatch.setattr(webhooks.client, "TIMEOUT_SECONDS", 0.5)
    with rough_peer(behave) as url:
        switch_on(crm=url)
        publish()
        (run,) = of_hook(deliver_all(inside))

    assert run.ended == "done"
    ((number, said, why),) = tries()
    assert (statuses(), number, said) == ([status], 1, code)
    assert why.startswith(reason)


def test_nobody_there_is_tried_again(
    inside: Tenant, switch_on: SwitchOn, deliver_all: DeliverAll, http_peer: HttpPeer
) -> None:
    switch_on(crm="http://127.0.0.1:9/hook")
    publish()

    deliver_all(inside)

    assert statuses() == ["waiting"]
    assert "could not be reached (ConnectError" in sending().reason


def test_an_inner_address_is_not_called_and_says_who_can_change_that(
    inside: Tenant, switch_on: SwitchOn, deliver_all: DeliverAll
) -> None:
    switch_on(crm="http://10.0.0.1/hook")
    publish()

    deliver_all(inside)

    assert statuses() == ["waiting"]
    assert "OUTBOUND_ALLOW" in state().paused_reason


def test_a_redirect_is_not_followed(
    inside: Tenant, http_peer: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll
) -> None:
    location = {"location": http_peer.url("/target")}
    switch_on(crm=http_peer.answer("/crm", PeerAnswer(status=307, headers=location)))
    publish()

    deliver_all(inside)

    assert http_peer.requests_to("/target") == []


def test_who_asks_to_slow_down_is_left_alone_until_then(
    inside: Tenant,
    http_peer: HttpPeer,
    switch_on: SwitchOn,
    deliver_all: DeliverAll,
    run_task: RunTask,
    clock: Clock,
) -> None:
    slow_down = PeerAnswer(status=429, headers={"retry-after": "600"})
    switch_on(crm=http_peer.answer("/crm", slow_down, 204))
    publish()
    deliver_all(inside)
    publish("Second")
    deliver_all(inside)

    clock.advance(minutes=9)
    assert run_task("webhooks.send").data == {"delivered": 0, "failed": 0, "cancelled": 0}
    clock.advance(minutes=2)
    assert run_task("webhooks.send").data == {"delivered": 2, "failed": 0, "cancelled": 0}
    assert set(Sending.objects.values_list("failures", flat=True)) == {0}


def test_what_it_said_is_kept_short_and_without_secrets(
    inside: Tenant, http_peer: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll
) -> None:
    said = f"bad  signature,\n\x00 wanted {SECRET} not {SECRET.removeprefix('whsec_')} {'x' * 9000}".encode()
    switch_on(crm=http_peer.answer("/crm", PeerAnswer(status=400, body=said)))
    publish()

    deliver_all(inside)

    excerpt = Attempt.objects.get().excerpt
    assert excerpt.startswith("bad signature, wanted *** not *** xxx")
    assert len(excerpt) == 501


def test_the_request_id_is_the_one_in_the_log(
    inside: Tenant, http_peer: HttpPeer, switch_on: SwitchOn, deliver_all: DeliverAll
) -> None:
    switch_on(crm=http_peer.answer("/crm", 204))
    publish()
    deliver_all(inside)

    (request,) = http_peer.requests_to("/crm")
    attempt = Attempt.objects.get()
    assert request.headers["x-request-id"] == str(attempt.pk)
    assert attempt.duration_ms > 0
