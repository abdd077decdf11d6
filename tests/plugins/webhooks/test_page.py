"""The plugin's page in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from core.models import Record
from plugin_host.testing import people
from plugin_host.testing.host import DeliverAll
from plugin_host.testing.peer import HttpPeer, PeerAnswer
from plugin_host.testing.types import RunTask
from tenants.models import Tenant
from tests.plugins.webhooks.posts import SECRET, SwitchOn, publish, state, statuses
from webhooks.models import Attempt

PAGE = "/admin/plugins/webhooks/"


@pytest.fixture
def receiving(http_peer: HttpPeer, switch_on: SwitchOn) -> HttpPeer:
    switch_on(crm=http_peer.url("/crm"), shop=http_peer.url("/shop"))
    return http_peer


@pytest.fixture
def browser(receiving: HttpPeer, admin_client: Client) -> Client:
    return admin_client


def press(browser: Client, **fields: Any) -> str:
    answer = browser.post(PAGE, {"endpoint": "crm", **fields}, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def published(tenant: Tenant, deliver_all: DeliverAll) -> Record:
    record = publish()
    deliver_all(tenant)
    return record


def test_it_shows_endpoints_and_the_log(
    inside: Tenant, receiving: HttpPeer, browser: Client, deliver_all: DeliverAll
) -> None:
    said = b"<script>alert(1)</script>"
    receiving.answer("/crm", PeerAnswer(status=500, body=said))
    published(inside, deliver_all)

    page = browser.get(PAGE).content.decode()

    assert receiving.url("/crm") in page
    assert "Failing" in page
    assert "answered 500" in page
    assert "&lt;script&gt;alert(1)" in page
    assert said.decode() not in page
    assert str(Attempt.objects.get(endpoint="crm").pk) in page
    assert SECRET not in page
    only_shop = browser.get(f"{PAGE}?endpoint=shop").content.decode()
    assert "answered 204" in only_shop
    assert str(Attempt.objects.get(endpoint="crm").pk) not in only_shop


def test_pause_and_resume(
    inside: Tenant, receiving: HttpPeer, browser: Client, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    assert "crm is paused; its messages wait." in press(browser, do="pause")
    published(inside, deliver_all)
    assert (statuses(), receiving.requests_to("/crm")) == (["waiting"], [])

    assert "crm is called again; 1 message is due that waited." in press(browser, do="resume")
    run_task("webhooks.send")
    assert statuses() == ["delivered"]


@pytest.mark.parametrize(
    ("status", "shown"), [(204, "Test: crm answered 204"), (500, "Test: crm answered 500")]
)
def test_the_test_button_says_what_came_back(
    receiving: HttpPeer, browser: Client, status: int, shown: str
) -> None:
    receiving.answer("/crm", status)

    assert shown in press(browser, do="test")
    assert [request.json()["type"] for request in receiving.requests_to("/crm")] == ["ping"]


def test_send_again(
    inside: Tenant, receiving: HttpPeer, browser: Client, deliver_all: DeliverAll, run_task: RunTask
) -> None:
    published(inside, deliver_all)

    assert "1 message is due for crm once more." in press(browser, do="redeliver", span="1 hour")
    run_task("webhooks.send")

    assert [len(receiving.requests_to(path)) for path in ("/crm", "/shop")] == [2, 1]


@pytest.mark.parametrize(
    "fields",
    [{"do": "explode"}, {"do": "redeliver", "span": "a century"}, {"do": "pause", "endpoint": "nobody"}],
)
def test_buttons_that_are_not_there(browser: Client, fields: dict[str, str]) -> None:
    assert browser.post(PAGE, {"endpoint": "crm", **fields}).status_code == 404
    assert browser.get(f"{PAGE}?endpoint=nobody").status_code == 404


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_it_is_for_administrators(inside: Tenant, receiving: HttpPeer, role: str) -> None:
    client = people.signed_in_client(inside, role=role)

    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"endpoint": "crm", "do": "pause"}).status_code == 403


def test_a_press_needs_its_token(inside: Tenant, browser: Client, switch_on: SwitchOn) -> None:
    browser.handler.enforce_csrf_checks = True

    assert browser.post(PAGE, {"endpoint": "crm", "do": "pause"}).status_code == 403


def test_where_the_plugin_is_off_there_is_no_page(inside: Tenant, admin_client: Client) -> None:
    assert admin_client.get(PAGE).status_code == 404


def test_paused_by_itself_shows_the_reason(
    inside: Tenant, receiving: HttpPeer, browser: Client, deliver_all: DeliverAll
) -> None:
    receiving.answer("/crm", 410)
    published(inside, deliver_all)

    assert state().paused_reason in browser.get(PAGE).content.decode()
