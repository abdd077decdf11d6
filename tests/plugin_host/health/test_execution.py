"""One run of a check through the host: both forms, time limits, rubbish, trouble."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from core.errors import Conflict, NotFound
from core.ids import uuid7
from plugin_host.context import HookContext
from plugin_host.health.execution import CheckRun, execute_check
from plugin_host.health.findings import Finding
from plugin_host.hooks.health_monitor import (
    HealthCheckContext,
    HealthCheckDefinition,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.models.health import HealthTrouble
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin, set_secret
from tenants.models import Tenant
from tests.plugin_host.health.watchers import (
    RUBBISH,
    TROUBLE,
    Lister,
    NeverAnswers,
    TalksRubbish,
    Watcher,
    detail,
    result,
)
from tests.plugin_host.installing import Install

PING = HealthCheckDefinition("watcher.ping", "Ping", target="example.org")


def run_of(plugin_id: str = "watcher", check: HealthCheckDefinition = PING, **fields: Any) -> CheckRun:
    now = timezone.now()
    values = {"execution_id": uuid7(), "scheduled_for": now, "started_at": now, **fields}
    return CheckRun(plugin_id=plugin_id, check=check, **values)


def executed(plugin_id: str = "watcher", check: HealthCheckDefinition = PING) -> Finding:
    return execute_check(run_of(plugin_id, check))


@pytest.fixture
def watcher(in_tenant: Tenant, install: Install) -> Watcher:
    made = install(Watcher())
    assert isinstance(made, Watcher)
    return made


def test_the_first_form_gets_type_and_target(in_tenant: Tenant, watcher: Watcher) -> None:
    run = run_of()

    found = execute_check(run)

    assert (found.status, found.trouble, found.message) == (HealthStatus.HEALTHY, None, "")
    ((ctx, check_type, target),) = watcher.calls
    assert isinstance(ctx, HookContext)
    assert (ctx.tenant_id, ctx.tenant_slug, check_type, target) == (
        in_tenant.pk,
        in_tenant.slug,
        "ping",
        "example.org",
    )
    assert ctx.metadata["execution_id"] == str(run.execution_id)


def test_the_second_form_gets_definition_and_context(in_tenant: Tenant, install: Install) -> None:
    lister = install(Lister())
    assert isinstance(lister, Lister)
    check = replace(lister.checks[0], target="example.org")
    run = run_of("lister", check, attempt=2)

    found = execute_check(run)

    assert (found.status, found.response_time_ms) == (HealthStatus.HEALTHY, 12.5)
    ((given, ctx, execution),) = lister.calls
    assert given == check
    assert ctx.tenant_id == in_tenant.pk
    assert execution == HealthCheckContext(run.execution_id, "example.org", 2, run.scheduled_for)


def test_a_finding_says_what_decides(watcher: Watcher) -> None:
    watcher.answer = lambda: result(
        HealthStatus.DEGRADED,
        detail(message="DNS answers", ms=3),
        detail(HealthStatus.DEGRADED, "certificate ends in 5 days", 210, HealthSeverity.WARNING),
        detail(HealthStatus.DEGRADED, "slow", 180, HealthSeverity.CRITICAL),
    )

    found = executed()

    assert (found.status, found.message, found.response_time_ms) == (HealthStatus.DEGRADED, "slow", 210)
    assert [one["message"] for one in found.details] == ["DNS answers", "certificate ends in 5 days", "slow"]


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_is_unhealthy_and_says_why(in_tenant: Tenant, install: Install, rubbish: str) -> None:
    answer, said = RUBBISH[rubbish]
    plugin = install(TalksRubbish())
    assert isinstance(plugin, TalksRubbish)
    plugin.answer = answer

    found = executed("talks-rubbish", replace(PING, check_id="talks-rubbish.ping"))

    assert (found.status, found.trouble) == (HealthStatus.UNHEALTHY, HealthTrouble.BROKEN)
    assert "returned a result that cannot be used" in found.message
    assert said in found.message
    assert len(found.message) <= 2000


@pytest.mark.parametrize(
    ("target", "domain"),
    [
        ("example.org", "example.org"),
        ("example.org", "EXAMPLE.org."),
        ("https://example.org:8443/status", "example.org"),
        ("receivers", "receivers"),
        ("example.org", ""),
        ("", "example.org"),
        ("[", "["),
    ],
)
def test_a_result_may_name_its_target_in_any_form(watcher: Watcher, target: str, domain: str) -> None:
    watcher.answer = lambda: result(HealthStatus.HEALTHY, domain=domain)

    found = executed(check=replace(PING, target=target))

    assert (found.status, found.message) == (HealthStatus.HEALTHY, "")


@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_is_raised_tells_the_kind_of_trouble(watcher: Watcher, trouble: str) -> None:
    error, kind, said = TROUBLE[trouble]

    def fail() -> Any:
        raise error()

    watcher.answer = fail

    found = executed()

    assert (found.status, found.trouble) == (HealthStatus.UNHEALTHY, HealthTrouble(kind))
    assert found.message.startswith(said)
    assert found.retry_after_seconds == (90 if kind == "not_ready" else None)


@pytest.mark.parametrize("way", ["async", "thread"])
def test_a_check_that_hangs_ends_at_its_limit(in_tenant: Tenant, install: Install, way: str) -> None:
    plugin = install(NeverAnswers())
    assert isinstance(plugin, NeverAnswers)
    check = HealthCheckDefinition(f"never-answers.{way}", "Hangs", target="a", timeout_seconds=1)
    try:
        found = executed("never-answers", check)
    finally:
        plugin.release.set()

    assert (found.status, found.trouble) == (HealthStatus.UNHEALTHY, HealthTrouble.BROKEN)
    assert found.message == "The check took longer than 1 seconds."


def test_secrets_stand_in_no_finding(in_tenant: Tenant, watcher: Watcher) -> None:
    set_secret("watcher", "token", "open sesame")
    enable_plugin("watcher")

    def leak() -> Any:
        return result(HealthStatus.HEALTHY, detail(message="the token is open sesame"))

    def fail() -> Any:
        raise RuntimeError("open sesame was refused")

    def rubbish() -> Any:
        return "open sesame"

    messages = []
    for answer in (leak, fail, rubbish):
        watcher.answer = answer
        found = executed()
        messages += [found.message, *(one["message"] for one in found.details)]

    assert [text for text in messages if "sesame" in text] == []
    assert messages[0] == "the token is ***"


def test_text_that_cannot_be_stored_is_made_storable(watcher: Watcher) -> None:
    watcher.answer = lambda: result(HealthStatus.HEALTHY, detail(message="a\0b\ud83d"))

    assert executed().message == "a\\0b\\ud83d"


def test_off_means_off(in_tenant: Tenant, watcher: Watcher) -> None:
    enable_plugin("watcher")
    said = []
    for step in (pause_plugin, disable_plugin):
        step("watcher")
        with pytest.raises(Conflict) as caught:
            executed()
        said.append(caught.value.message)

    assert said == [
        "Plugin watcher is paused, so its checks do not run: resume it.",
        "Plugin watcher is off, so its checks do not run: switch it on.",
    ]
    assert watcher.calls == []


def test_no_plugin_no_check(in_tenant: Tenant, watcher: Watcher) -> None:
    with pytest.raises(NotFound, match="Did you mean 'watcher'"):
        executed("watchr")
