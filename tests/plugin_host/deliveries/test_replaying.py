from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from core.actors import Actor
from core.errors import Conflict, Forbidden, NotFound
from core.models import AuditEntry
from core.scope import acting_as, tenant_scope
from plugin_host.deliveries.claiming import ClaimedDelivery, claim_deliveries
from plugin_host.deliveries.finishing import AttemptResult, finish_attempts
from plugin_host.deliveries.replaying import ReplaySelection, replay_deliveries, replay_delivery
from plugin_host.deliveries.selectors import (
    deliveries,
    delivery_counts,
    delivery_with_attempts,
    oldest_due_seconds,
)
from plugin_host.models.delivery import AttemptOutcome, Delivery, DeliveryOutcome
from tenants.models import Tenant
from tests.plugin_host.deliveries.conftest import MakeDelivery


def end_all(
    outcome: DeliveryOutcome = DeliveryOutcome.DEAD, reason: str = "attempts"
) -> list[ClaimedDelivery]:
    claimed = claim_deliveries(100, worker="test", lease_seconds=60)
    finish_attempts(
        [
            AttemptResult(
                id=delivery.id,
                token=delivery.token,
                attempt_outcome=AttemptOutcome.FAILED,
                outcome=outcome,
                outcome_reason=reason,
                error="ValueError: no",
            )
            for delivery in claimed
        ]
    )
    return claimed


def test_replay_makes_a_new_row_for_the_same_event(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    dead = make_delivery(in_tenant)
    end_all()

    again = replay_delivery(delivery_id=dead.pk)

    assert again.pk != dead.pk
    assert (again.event_id, again.plugin, again.hook) == (dead.event_id, dead.plugin, dead.hook)
    assert (again.reason, again.replay_of) == ("replay", dead.pk)
    (claimed,) = claim_deliveries(1, worker="test", lease_seconds=60)
    assert (claimed.id, claimed.attempt, claimed.failures) == (again.pk, 1, 0)
    assert AuditEntry.objects.get().action == "delivery.replayed"


def test_replay_of_what_is_open_is_refused(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    open_delivery = make_delivery(in_tenant)
    with pytest.raises(Conflict):
        replay_delivery(delivery_id=open_delivery.pk)

    end_all()
    replay_delivery(delivery_id=open_delivery.pk)
    with pytest.raises(Conflict):
        replay_delivery(delivery_id=open_delivery.pk)
    assert Delivery.objects.count() == 1


def test_replay_finds_neither_other_plugins_nor_other_tenants_deliveries(
    in_tenant: Tenant, other_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    own, foreign = make_delivery(in_tenant), make_delivery(other_tenant)
    end_all()

    with pytest.raises(NotFound):
        replay_delivery(delivery_id=foreign.pk)
    with pytest.raises(NotFound):
        replay_delivery(delivery_id=own.pk, plugin="other")
    with tenant_scope(other_tenant.pk):
        assert [view.id for view in deliveries()] == [foreign.pk]


def test_replay_needs_the_right(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    dead = make_delivery(in_tenant)
    end_all()

    editor = Actor(kind="user", id="1", label="e@example.org", role="editor")
    with acting_as(editor), pytest.raises(Forbidden):
        replay_delivery(delivery_id=dead.pk)
    with acting_as(editor), pytest.raises(Forbidden):
        replay_deliveries(ReplaySelection(plugin="echo"))


def test_a_range_is_replayed_once(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    dead = [make_delivery(in_tenant) for _ in range(3)]
    make_delivery(in_tenant, plugin="other")
    end_all()

    made = replay_deliveries(ReplaySelection(plugin="echo"))
    assert [delivery.replay_of for delivery in made] == [delivery.pk for delivery in dead]
    assert replay_deliveries(ReplaySelection(plugin="echo")) == []

    end_all(DeliveryOutcome.DONE, "")
    assert replay_deliveries(ReplaySelection(plugin="echo")) == []


def test_a_range_has_ends(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    make_delivery(in_tenant)
    end_all()
    now = timezone.now()

    later = ReplaySelection(plugin="echo", since=now + timedelta(hours=1))
    earlier = ReplaySelection(plugin="echo", until=now - timedelta(hours=1))
    done = ReplaySelection(plugin="echo", outcomes=[DeliveryOutcome.DONE])
    assert [replay_deliveries(selection) for selection in (later, earlier, done)] == [[], [], []]
    assert len(replay_deliveries(ReplaySelection(plugin="echo", since=now - timedelta(hours=1)))) == 1


def test_the_list_shows_open_and_ended_newest_first(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    ended = make_delivery(in_tenant)
    end_all()
    waiting = make_delivery(in_tenant)
    other = make_delivery(in_tenant, plugin="other")

    assert [(view.id, view.state) for view in deliveries()] == [
        (other.pk, "pending"),
        (waiting.pk, "pending"),
        (ended.pk, "dead"),
    ]
    assert [view.id for view in deliveries(plugin="echo", limit=1)] == [waiting.pk]
    assert [view.id for view in deliveries(plugin="echo", before=waiting.pk)] == [ended.pk]
    assert [view.id for view in deliveries(states=["dead"])] == [ended.pk]
    assert [view.id for view in deliveries(states=["running"])] == []
    assert [view.id for view in deliveries(event_id=other.event_id)] == [other.pk]
    assert delivery_counts("echo") == {"pending": 1, "dead": 1}


def test_a_single_delivery_shows_its_attempts(
    in_tenant: Tenant, other_tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(in_tenant)
    foreign = make_delivery(other_tenant)
    end_all()

    view = delivery_with_attempts(delivery.pk)

    assert (view.state, view.state_reason, view.error, view.can_replay) == (
        "dead",
        "attempts",
        "ValueError: no",
        True,
    )
    (attempt,) = view.attempts
    assert (attempt.number, attempt.outcome, attempt.worker) == (1, "failed", "test")
    assert attempt.duration_ms is not None
    with pytest.raises(NotFound):
        delivery_with_attempts(foreign.pk)
    with pytest.raises(NotFound):
        delivery_with_attempts(delivery.pk, plugin="other")


def test_age_of_the_oldest_due_delivery(in_tenant: Tenant, make_delivery: MakeDelivery) -> None:
    assert oldest_due_seconds() == 0
    make_delivery(in_tenant)
    assert oldest_due_seconds() > 0
