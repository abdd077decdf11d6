from __future__ import annotations

import os
import threading

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from plugin_host.deliveries.creation import create_deliveries
from plugin_host.deliveries.doorbell import Doorbell
from plugin_host.models.delivery import Delivery
from tenants.models import Tenant
from tests.plugin_host.deliveries.conftest import MakeDelivery


class Broker:
    """Counts messages; answers when it is told to."""

    def __init__(self) -> None:
        self.sent = 0
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.fails = 0

    def send(self) -> None:
        self.asked.set()
        self.answers.wait(30)
        if self.fails:
            self.fails -= 1
            raise OperationalError("full")
        self.sent += 1


def test_ringing_returns_while_the_broker_does_not_answer() -> None:
    broker = Broker()
    bell = Doorbell(broker.send)

    bell.ring()
    assert broker.asked.wait(30)
    bell.ring()

    assert broker.sent == 0
    broker.answers.set()


def test_rings_that_come_close_together_are_one_message() -> None:
    broker = Broker()
    bell = Doorbell(broker.send)
    bell.ring()
    assert broker.asked.wait(30)
    broker.asked.clear()
    for _ in range(50):
        bell.ring()

    broker.answers.set()
    assert broker.asked.wait(30)
    while broker.sent < 2:
        os.sched_yield()
    assert broker.sent == 2


def test_a_broker_that_refuses_costs_nothing_but_the_message(caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker()
    broker.fails = 1
    broker.answers.set()
    bell = Doorbell(broker.send)

    bell.ring()
    while broker.fails:
        os.sched_yield()
    bell.ring()
    while broker.sent < 1:
        os.sched_yield()

    assert "the sweep will find the work" in caplog.text


def test_the_bell_rings_after_the_commit_and_not_after_a_rollback(
    in_tenant: Tenant, make_delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = make_delivery(in_tenant).event
    rings: list[int] = []
    ring = "plugin_host.deliveries.creation.doorbell.ring"
    monkeypatch.setattr(ring, lambda: rings.append(Delivery.objects.count()))

    with transaction.atomic():
        create_deliveries(event, [("other", "dvp_content_published")])
        assert rings == []
    assert rings == [2]

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        create_deliveries(event, [("third", "dvp_content_published")])
        raise ZeroDivisionError
    assert rings == [2]
    assert Delivery.objects.count() == 2


def test_nothing_is_written_where_nobody_handles_it(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    event = make_delivery(in_tenant).event

    create_deliveries(event, [])

    assert Delivery.objects.count() == 1
