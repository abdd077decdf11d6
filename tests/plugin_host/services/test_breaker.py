"""Counting trouble, pausing because of it, trying again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.actors import system_actor
from core.models import AuditEntry
from core.scope import tenant_scope
from plugin_host.breaker.conduct import Conduct, PluginOutcome
from plugin_host.breaker.probes import release_probe, take_probe
from plugin_host.models import PluginBreaker, PluginSettings, PluginState
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin, resume_plugin, save_config
from plugin_host.services.breaker import BreakerStep, note_outcome, note_outcomes
from plugin_host.signals import breaker_changed
from plugin_host.state import PluginStatus, TenantPlugin, forget_tenant_plugins, tenant_plugins
from tenants.models import Tenant

pytestmark = pytest.mark.usefixtures("plugins")


@pytest.fixture
def plain(in_tenant: Tenant) -> Tenant:
    """A tenant that has the plugin on."""
    enable_plugin("plain")
    return in_tenant


@pytest.fixture
def steps() -> Iterator[list[BreakerStep]]:
    """What the breaker tells others."""
    seen: list[BreakerStep] = []

    def keep(step: BreakerStep, **kwargs: Any) -> None:
        seen.append(step)

    breaker_changed.connect(keep)
    yield seen
    breaker_changed.disconnect(keep)


def note(tenant: Tenant, *conducts: Conduct, plugin: str = "plain", error: str = "", **more: Any) -> None:
    for conduct in conducts:
        note_outcome(
            tenant_id=tenant.pk,
            plugin_id=plugin,
            what="dvp_content_published",
            conduct=conduct,
            error=error,
            **more,
        )


def entry(tenant: Tenant, plugin: str = "plain") -> TenantPlugin:
    return tenant_plugins(tenant.pk)[plugin]


def counts() -> list[tuple[int, int, int, int]]:
    return list(PluginBreaker.objects.values_list("failures", "timeouts", "slow_runs", "crashes"))


def pause_by_breaker(tenant: Tenant) -> None:
    note(tenant, *[Conduct.FAILED] * 5, error="ConnectionError: refused")


def let_the_pause_pass(tenant: Tenant) -> None:
    PluginSettings.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    forget_tenant_plugins(tenant.pk)


@pytest.mark.parametrize(
    ("conduct", "count", "reason"),
    [
        (Conduct.FAILED, 5, "5 runs in a row failed, the last of dvp_content_published: Trouble: no"),
        (
            Conduct.TIMED_OUT,
            3,
            "3 runs in a row took longer than allowed, the last of dvp_content_published: Trouble: no",
        ),
        (
            Conduct.SLOW,
            20,
            "20 runs in a row took more than 80% of the time allowed, the last of dvp_content_published",
        ),
        (
            Conduct.CRASHED,
            2,
            "2 deliveries in a row, the last one of dvp_content_published, killed the processes that ran them",
        ),
        (Conduct.BLOCKED, 1, "Trouble: no"),
    ],
)
def test_so_many_in_a_row_pause_the_plugin_and_say_why(
    plain: Tenant, conduct: Conduct, count: int, reason: str
) -> None:
    before = timezone.now()
    note(plain, *[conduct] * (count - 1), error="Trouble: no")
    assert entry(plain).status is PluginStatus.ENABLED

    note(plain, conduct, error="Trouble: no")

    paused = entry(plain)
    assert (paused.status, paused.paused_reason, paused.paused_by) == (
        PluginStatus.PAUSED,
        reason,
        "breaker",
    )
    assert paused.paused_at is not None
    assert paused.paused_until is not None
    assert timedelta(seconds=26) < paused.paused_until - before < timedelta(seconds=60)
    audit = AuditEntry.objects.get(action="plugin.paused")
    assert (audit.actor, audit.target_id, audit.detail["reason"]) == ("system:breaker", "plain", reason)


def test_a_success_ends_the_row(plain: Tenant) -> None:
    note(plain, *[Conduct.FAILED] * 4, *[Conduct.TIMED_OUT] * 2)
    assert counts() == [(4, 2, 0, 0)]

    note(plain, Conduct.GOOD)
    assert counts() == []

    note(plain, *[Conduct.FAILED] * 4)
    assert entry(plain).status is PluginStatus.ENABLED


def test_a_slow_success_ends_the_row_of_failures_alone(plain: Tenant) -> None:
    note(plain, Conduct.FAILED, Conduct.SLOW, Conduct.SLOW)

    assert counts() == [(0, 0, 2, 0)]


def test_counts_of_many_runs_at_once_follow_their_order(plain: Tenant) -> None:
    note_outcomes(
        PluginOutcome(tenant_id=plain.pk, plugin_id="plain", what="hook", conduct=conduct)
        for conduct in [*[Conduct.FAILED] * 4, Conduct.GOOD, Conduct.FAILED]
    )

    assert counts() == [(1, 0, 0, 0)]


def test_a_healthy_run_writes_nothing(plain: Tenant) -> None:
    with CaptureQueriesContext(connection) as queries:
        note(plain, Conduct.GOOD, Conduct.UNKNOWN, Conduct.LOST)

    written = [one["sql"] for one in queries if not one["sql"].lstrip().startswith(("SELECT", "SET"))]
    assert written == []


def test_other_tenants_and_other_plugins_go_on(plain: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug, actor=system_actor("tests")):
        enable_plugin("plain")

    pause_by_breaker(plain)

    assert entry(plain).status is PluginStatus.PAUSED
    assert entry(other_tenant).status is PluginStatus.ENABLED
    with tenant_scope(other_tenant.pk):
        assert counts() == []


def test_pauses_grow_until_a_probe_goes_well(plain: Tenant, steps: list[BreakerStep]) -> None:
    pause_by_breaker(plain)
    since = entry(plain).paused_at
    waits = []

    for _ in range(3):
        let_the_pause_pass(plain)
        assert take_probe("plain", hold_seconds=60)
        began = timezone.now()
        note(plain, Conduct.FAILED, error="ConnectionError: refused", is_probe=True)
        until = entry(plain).paused_until
        assert until is not None
        waits.append(until - began)

    assert timedelta(seconds=54) <= waits[0] < timedelta(seconds=70)
    assert timedelta(seconds=108) <= waits[1] < timedelta(seconds=140)
    assert timedelta(seconds=216) <= waits[2] < timedelta(seconds=280)
    assert entry(plain).paused_at == since
    assert entry(plain).paused_reason == (
        "It was tried again with dvp_content_published, which failed: ConnectionError: refused"
    )

    let_the_pause_pass(plain)
    assert take_probe("plain", hold_seconds=60)
    note(plain, Conduct.GOOD, is_probe=True)

    after = entry(plain)
    assert (after.status, after.state) == (PluginStatus.ENABLED, PluginState.ENABLED)
    assert (after.paused_reason, after.paused_until, after.paused_by) == ("", None, "")
    assert counts() == []
    assert [(step.state, step.openings) for step in steps] == [
        ("open", 1),
        ("open", 2),
        ("open", 3),
        ("open", 4),
        ("closed", 4),
    ]
    actions = (
        AuditEntry.objects.filter(actor="system:breaker").order_by("id").values_list("action", flat=True)
    )
    assert list(actions) == ["plugin.paused"] * 4 + ["plugin.resumed"]


def test_one_probe_at_a_time_among_all_that_ask(plain: Tenant) -> None:
    pause_by_breaker(plain)
    assert not take_probe("plain", hold_seconds=60)
    let_the_pause_pass(plain)
    assert entry(plain).is_half_open
    answers: list[bool] = []
    together = threading.Barrier(8)

    def ask() -> None:
        with tenant_scope(plain.pk):
            together.wait()
            answers.append(take_probe("plain", hold_seconds=60))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [False] * 7 + [True]


def test_a_probe_that_says_nothing_gives_the_turn_away(plain: Tenant) -> None:
    pause_by_breaker(plain)
    let_the_pause_pass(plain)
    assert take_probe("plain", hold_seconds=60)

    release_probe("plain")

    assert take_probe("plain", hold_seconds=60)


def test_a_probe_whose_process_died_gives_the_turn_away_after_a_while(plain: Tenant) -> None:
    pause_by_breaker(plain)
    let_the_pause_pass(plain)
    assert take_probe("plain", hold_seconds=60)

    later = timezone.now() + timedelta(seconds=61)
    assert take_probe("plain", hold_seconds=60, now=later)


def test_a_run_that_began_before_the_pause_does_not_end_it(plain: Tenant) -> None:
    pause_by_breaker(plain)
    let_the_pause_pass(plain)

    note_outcomes(
        [
            PluginOutcome(
                tenant_id=plain.pk,
                plugin_id="plain",
                what="hook",
                conduct=Conduct.GOOD,
                started_at=timezone.now() - timedelta(minutes=2),
            )
        ]
    )

    assert PluginSettings.objects.get().state == PluginState.PAUSED


def test_a_slow_probe_closes_unless_slowness_was_the_trouble(plain: Tenant) -> None:
    pause_by_breaker(plain)
    let_the_pause_pass(plain)
    note(plain, Conduct.SLOW, is_probe=True)
    assert entry(plain).state is PluginState.ENABLED

    note(plain, *[Conduct.SLOW] * 20)
    let_the_pause_pass(plain)
    note(plain, Conduct.SLOW, is_probe=True)
    assert entry(plain).status is PluginStatus.PAUSED
    assert entry(plain).paused_reason.endswith("which failed: it was slow again.")


def test_a_lost_probe_keeps_the_plugin_paused(plain: Tenant) -> None:
    pause_by_breaker(plain)
    let_the_pause_pass(plain)
    take_probe("plain", hold_seconds=60)

    note(plain, Conduct.LOST, error="The process went away.")

    assert entry(plain).status is PluginStatus.PAUSED
    assert PluginBreaker.objects.get().openings == 2


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda: pause_plugin("plain", reason="mine"), PluginState.PAUSED),
        (lambda: disable_plugin("plain"), PluginState.DISABLED),
    ],
)
def test_what_a_person_paused_or_switched_off_stays_so(
    plain: Tenant, change: Callable[[], object], state: PluginState
) -> None:
    change()
    before = PluginSettings.objects.get()

    note(plain, *[Conduct.FAILED] * 9)
    note(plain, Conduct.GOOD, is_probe=True)

    after = PluginSettings.objects.get()
    assert (after.state, after.revision, after.paused_reason) == (
        state,
        before.revision,
        before.paused_reason,
    )
    assert counts() == []


def test_a_persons_pause_takes_the_place_of_the_breakers(plain: Tenant) -> None:
    pause_by_breaker(plain)

    pause_plugin("plain", reason="mine")

    paused = entry(plain)
    assert (paused.paused_reason, paused.paused_until, paused.paused_by_breaker) == ("mine", None, False)
    assert not take_probe("plain", hold_seconds=60)
    note(plain, Conduct.GOOD, is_probe=True)
    assert entry(plain).paused_reason == "mine"


def test_resuming_closes_the_breaker_and_counts_anew(plain: Tenant) -> None:
    pause_by_breaker(plain)
    let_the_pause_pass(plain)
    note(plain, Conduct.FAILED, is_probe=True)

    resume_plugin("plain")

    assert entry(plain).status is PluginStatus.ENABLED
    assert counts() == []
    note(plain, *[Conduct.FAILED] * 4)
    assert entry(plain).status is PluginStatus.ENABLED
    note(plain, Conduct.FAILED)
    assert PluginBreaker.objects.get().openings == 1


def test_a_changed_configuration_is_tried_at_once(plain: Tenant) -> None:
    pause_by_breaker(plain)

    save_config("plain", {"address": "another"})

    assert entry(plain).is_half_open


def test_limits_come_from_the_settings(plain: Tenant, settings: Any) -> None:
    settings.BREAKER_FAILURES = 0
    settings.BREAKER_TIMEOUTS = 1
    settings.BREAKER_FIRST_WAIT_SECONDS = 600

    note(plain, *[Conduct.FAILED] * 50)
    assert entry(plain).status is PluginStatus.ENABLED
    note(plain, Conduct.TIMED_OUT)

    until = entry(plain).paused_until
    assert until is not None
    assert until > timezone.now() + timedelta(seconds=500)


def test_a_plugin_that_is_not_on_here_is_none_of_its_business(in_tenant: Tenant) -> None:
    note(in_tenant, *[Conduct.FAILED] * 9)
    note(in_tenant, *[Conduct.FAILED] * 9, plugin="nobody")

    assert not PluginSettings.objects.exists()
    assert counts() == []


def test_opening_trying_and_closing_are_logged(plain: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="plugin_host")
    pause_by_breaker(plain)
    let_the_pause_pass(plain)
    take_probe("plain", hold_seconds=60)
    note(plain, Conduct.GOOD, is_probe=True)

    fields = [getattr(record, "breaker", None) for record in caplog.records if hasattr(record, "breaker")]
    assert [(one["state"], one["plugin"], one["tenant"]) for one in fields if one] == [
        ("open", "plain", plain.pk),
        ("half_open", "plain", plain.pk),
        ("closed", "plain", plain.pk),
    ]


def test_a_listener_that_raises_changes_nothing(plain: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    def fail(step: BreakerStep, **kwargs: Any) -> None:
        raise RuntimeError("the pager is off")

    breaker_changed.connect(fail)
    try:
        pause_by_breaker(plain)
    finally:
        breaker_changed.disconnect(fail)

    assert entry(plain).status is PluginStatus.PAUSED
    assert "could not be told of the breaker" in caplog.text


def test_failures_noted_at_the_same_time_are_all_counted(plain: Tenant, settings: Any) -> None:
    settings.BREAKER_FAILURES = 1000
    together = threading.Barrier(8)

    def fail(tenant_id: UUID) -> None:
        together.wait()
        for _ in range(5):
            note_outcome(tenant_id=tenant_id, plugin_id="plain", what="hook", conduct=Conduct.FAILED)
        connections.close_all()

    threads = [threading.Thread(target=fail, args=(plain.pk,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts() == [(40, 0, 0, 0)]
