from __future__ import annotations

from uuid import UUID

from django.db import connection

from core.ids import uuid7
from core.logging import LogLine
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.deliveries.claiming import ClaimedDelivery, claim_deliveries
from plugin_host.deliveries.finishing import (
    AttemptResult,
    count_due,
    finish_attempts,
    recover_lost_leases,
    renew_leases,
)
from plugin_host.models.delivery import AttemptOutcome, DeliveryOutcome
from tenants.models import Tenant
from tests.plugin_host.deliveries.conftest import MakeDelivery, attempts, ended, open_delivery


def claim_one(lease_seconds: float = 60) -> ClaimedDelivery:
    (claimed,) = claim_deliveries(1, worker="test", lease_seconds=lease_seconds)
    return claimed


def result(claimed: ClaimedDelivery, *, token: UUID | None = None, **values: object) -> AttemptResult:
    given = {"attempt_outcome": AttemptOutcome.DONE, "outcome": DeliveryOutcome.DONE} | values
    return AttemptResult(id=claimed.id, token=token or claimed.token, **given)  # type: ignore[arg-type]


def make_due() -> None:
    with platform_scope(PlatformWork.DELIVERY_SWEEP), connection.cursor() as cursor:
        cursor.execute("UPDATE plugin_host_delivery SET next_attempt_at = now()")


def test_done_moves_to_the_history_with_its_attempt(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant, record_id=uuid7(), record_version=4)
    claimed = claim_one()

    assert finish_attempts([result(claimed)]) == {delivery.pk}

    assert open_delivery(delivery) is None
    history = ended(delivery)
    assert history is not None
    assert (history.outcome, history.attempt, history.event_id) == ("done", 1, delivery.event_id)
    assert (history.tenant_id, history.record_version, history.created_at) == (
        tenant.pk,
        4,
        delivery.created_at,
    )
    (attempt,) = attempts(delivery)
    assert attempt.outcome == "done"
    assert attempt.finished_at is not None


def test_a_result_under_a_foreign_lease_is_refused(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    claimed = claim_one()

    assert finish_attempts([result(claimed, token=uuid7())]) == set()

    assert open_delivery(delivery) is not None
    assert attempts(delivery)[0].outcome == "running"


def test_a_late_result_is_refused_after_the_delivery_was_claimed_again(
    tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(tenant)
    frozen = claim_one(lease_seconds=-1)
    recover_lost_leases()
    again = claim_one()

    assert finish_attempts([result(frozen)]) == set()
    assert finish_attempts([result(again)]) == {delivery.pk}
    assert [attempt.outcome for attempt in attempts(delivery)] == ["lost", "done"]


def test_a_failed_attempt_waits_for_the_next(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    claimed = claim_one()

    failed = result(
        claimed,
        attempt_outcome=AttemptOutcome.FAILED,
        outcome=None,
        wait_seconds=3600.0,
        counts_as_failure=True,
        error="ValueError: no",
    )
    assert finish_attempts([failed]) == {delivery.pk}

    stored = open_delivery(delivery)
    assert stored is not None
    assert (stored.status, stored.failures, stored.error) == ("pending", 1, "ValueError: no")
    assert claim_deliveries(1, worker="test", lease_seconds=60) == []
    make_due()
    assert claim_one().attempt == 2


def test_an_attempt_given_back_counts_nothing(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    released = result(claim_one(), attempt_outcome=AttemptOutcome.RELEASED, outcome=None, error="stopped")

    finish_attempts([released])

    stored = open_delivery(delivery)
    assert stored is not None
    assert (stored.failures, stored.crashes) == (0, 0)
    assert claim_one().attempt == 2


def test_dead_and_skipped_say_why(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    dead, skipped = make_delivery(tenant), make_delivery(tenant)
    claimed = {item.id: item for item in claim_deliveries(2, worker="test", lease_seconds=60)}

    finish_attempts(
        [
            result(
                claimed[dead.pk],
                attempt_outcome=AttemptOutcome.FAILED,
                outcome=DeliveryOutcome.DEAD,
                outcome_reason="attempts",
                counts_as_failure=True,
                error="gone",
            ),
            result(
                claimed[skipped.pk],
                attempt_outcome=AttemptOutcome.SKIPPED,
                outcome=DeliveryOutcome.SKIPPED,
                outcome_reason="disabled",
            ),
        ]
    )

    ends = [ended(dead), ended(skipped)]
    assert [(end.outcome, end.outcome_reason, end.failures) for end in ends if end] == [
        ("dead", "attempts", 1),
        ("skipped", "disabled", 0),
    ]


def test_log_and_error_survive_what_postgresql_cannot_store(
    tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(tenant)
    claimed = claim_one()
    line = LogLine(at=delivery.created_at, level="ERROR", logger="plugins.echo", message="nul \0 half \ud800")

    finish_attempts([result(claimed, error="nul \0 half \ud800", log=[line])])

    (attempt,) = attempts(delivery)
    assert attempt.error == "nul \\0 half \\ud800"
    assert attempt.log == [
        {
            "at": delivery.created_at.isoformat(),
            "level": "ERROR",
            "logger": "plugins.echo",
            "message": "nul \\0 half \\ud800",
        }
    ]


def test_renewing_keeps_a_lease_and_tells_which_are_lost(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    make_delivery(tenant)
    claimed = claim_one(lease_seconds=-1)

    assert renew_leases([(claimed.id, claimed.token)], lease_seconds=60) == {claimed.id}
    assert recover_lost_leases() == []
    assert renew_leases([(claimed.id, uuid7())], lease_seconds=60) == set()


def test_a_lost_lease_makes_the_delivery_due_again(tenant: Tenant, make_delivery: MakeDelivery) -> None:
    delivery = make_delivery(tenant)
    claim_one(lease_seconds=-1)

    assert recover_lost_leases() == [delivery.pk]

    stored = open_delivery(delivery)
    assert stored is not None
    assert (stored.status, stored.crashes, stored.failures) == ("pending", 1, 0)
    assert count_due() == 1


def test_a_delivery_that_kills_its_process_three_times_is_dead(
    tenant: Tenant, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(tenant)
    for _ in range(3):
        claim_one(lease_seconds=-1)
        recover_lost_leases()

    history = ended(delivery)
    assert history is not None
    assert (history.outcome, history.outcome_reason, history.crashes) == ("dead", "crashes", 3)
    assert [attempt.outcome for attempt in attempts(delivery)] == ["lost", "lost", "lost"]
