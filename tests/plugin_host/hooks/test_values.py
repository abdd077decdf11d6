from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from plugin_host.context import EventType, HookContext, RecordEvent
from plugin_host.hooks.commands import Command
from plugin_host.hooks.health_monitor import (
    HealthCheckContext,
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskRetryDecision,
    TaskSchedule,
)
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern, SEOMetricsPayload

TENANT = "11111111-1111-1111-1111-111111111111"
HOURLY = TaskSchedule(interval_seconds=3600)


def made(cls: Any, *values: Any, **fields: Any) -> Callable[[], Any]:
    """Make a value when called, whatever a type checker thinks of it."""
    return lambda: cls(*values, **fields)


FIELDS: dict[type[Any], tuple[str, ...]] = {
    HookContext: (
        "tenant_id",
        "tenant_slug",
        "tenant_plan",
        "correlation_id",
        "causation_id",
        "timestamp",
        "metadata",
    ),
    TaskSchedule: ("cron_expression", "interval_seconds", "timezone"),
    ScheduledTaskDefinition: (
        "task_id",
        "name",
        "schedule",
        "description",
        "max_retries",
        "timeout_seconds",
        "enabled",
        "catch_up",  # ours
    ),
    TaskExecutionContext: (
        "task_id",
        "execution_id",
        "scheduled_time",
        "actual_time",
        "attempt",
        "tenant_id",
        "correlation_id",
    ),
    TaskResult: ("success", "data", "error_message"),
    TaskRetryDecision: ("retry", "delay_seconds", "reason"),
    HealthCheckDefinition: (
        "check_id",
        "name",
        "target",
        "severity",
        "description",
        "interval_seconds",
        "timeout_seconds",
    ),
    HealthCheckDetail: ("check_id", "status", "severity", "message", "response_time_ms"),
    HealthCheckResult: ("domain", "overall_status", "details"),
    HealthCheckContext: ("execution_id", "domain", "attempt", "scheduled_time"),
    PublishGateResult: ("allowed", "blockers", "warnings", "score"),
    SEOMetricsPayload: ("source", "domain", "data", "metadata", "received_at"),
    DiscoveredPattern: ("name", "confidence", "evidence"),
    AppliedLearning: ("pattern", "content_id", "change"),
    Command: ("name", "arguments"),
}


@pytest.mark.parametrize(("cls", "names"), FIELDS.items(), ids=lambda part: getattr(part, "__name__", ""))
def test_fields_are_in_the_guides_order(cls: Any, names: tuple[str, ...]) -> None:
    assert tuple(field.name for field in dataclasses.fields(cls)) == names


@pytest.mark.parametrize("cls", FIELDS, ids=lambda cls: cls.__name__)
def test_every_value_is_frozen(cls: Any) -> None:
    assert cls.__dataclass_params__.frozen


def test_hook_context_takes_a_string_and_needs_three_fields() -> None:
    ctx = HookContext(tenant_id=TENANT, tenant_slug="acme", tenant_plan="pro")  # type: ignore[arg-type]  # as the guide
    assert ctx.tenant_id == UUID(TENANT)
    assert ctx.timestamp.tzinfo is UTC
    assert (ctx.correlation_id, ctx.causation_id, ctx.metadata) == (None, None, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        ctx.tenant_slug = "other"  # type: ignore[misc]  # the mistake that is tested


def test_values_of_the_guide_can_be_made() -> None:
    task = ScheduledTaskDefinition(
        task_id="my-plugin.daily-sync",
        name="Daily Data Sync",
        schedule=TaskSchedule(cron_expression="0 6 * * *"),
        description="Syncs data from external API daily",
        max_retries=3,
        timeout_seconds=600,
    )
    assert task.enabled
    assert TaskSchedule(interval_seconds=300).timezone is None
    assert TaskResult(success=True, data={"items_processed": 150}).error_message is None
    assert TaskResult(success=False, error_message="API rate limit exceeded").data == {}
    now = datetime.now(UTC)
    assert TaskExecutionContext("my-plugin.daily-sync", uuid4(), now, now, 1).tenant_id is None


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (made(HookContext, "acme", "acme", "pro"), "badly formed"),
        (made(HookContext, 3, "acme", "pro"), "must be a UUID"),
        (made(TaskSchedule), "exactly one of the two"),
        (made(TaskSchedule, "0 6 * * *", 300), "exactly one of the two"),
        (made(TaskSchedule, "every day"), "five fields"),
        (made(TaskSchedule, "0 6 * * * *"), "five fields"),
        (made(TaskSchedule, "99 6 * * *"), "is not valid"),
        (made(TaskSchedule, interval_seconds=0), "at least 1"),
        (made(TaskSchedule, interval_seconds=1.5), "whole number"),
        (made(TaskSchedule, interval_seconds=True), "whole number"),
        (made(TaskSchedule, interval_seconds=10**9), "a year"),
        (made(TaskSchedule, "0 0 30 2 *"), "names a day that no month has"),
        (made(TaskSchedule, "0 0 31 4,6,9,11 *"), "names a day that no month has"),
        (made(TaskSchedule, ["0", "6", "*", "*", "*"]), "five fields"),
        (made(TaskSchedule, "0 6 * * " + ",".join(["1"] * 200)), "200 characters"),
        (made(TaskSchedule, "0 6 * * *", timezone="Vienna"), "no known time zone"),
        (made(TaskSchedule, "0 6 * * *", timezone="../UTC"), "no known time zone"),
        (made(TaskSchedule, "0 6 * * *", timezone=1), "no known time zone"),
        (made(ScheduledTaskDefinition, "sync", "Sync", HOURLY), "a dot and a name"),
        (made(ScheduledTaskDefinition, "my-plugin.", "Sync", HOURLY), "a dot and a name"),
        (made(ScheduledTaskDefinition, "my-plugin.sync", "", HOURLY), "needs a name"),
        (made(ScheduledTaskDefinition, "my-plugin.sync", 5, HOURLY), "needs a name"),
        (made(ScheduledTaskDefinition, "my-plugin.sync", "Sync", "hourly"), "must be a TaskSchedule"),
        (made(ScheduledTaskDefinition, "a.b", "Sync", HOURLY, description=5), "must be a text"),
        (made(ScheduledTaskDefinition, "a.b", "Sync", HOURLY, enabled="no"), "must be True or False"),
        (made(ScheduledTaskDefinition, "a.b", "Sync", HOURLY, max_retries=-1), "between 0 and"),
        (made(ScheduledTaskDefinition, "a.b", "Sync", HOURLY, max_retries="3"), "between 0 and"),
        (made(ScheduledTaskDefinition, "a.b", "Sync", HOURLY, timeout_seconds=1.5), "between 1 and"),
        (made(ScheduledTaskDefinition, "a.b", "Sync", HOURLY, timeout_seconds=0), "between 1 and"),
        (made(TaskResult, "yes"), "must be True or False"),
        (made(TaskResult, True, data=[1]), "must be a dictionary"),
        (made(TaskResult, True, data={"at": datetime.now(UTC)}), "must be JSON"),
        (made(TaskResult, True, data={"n": float("nan")}), "must be JSON"),
        (made(TaskRetryDecision, True, delay_seconds=-1), "0 or more"),
        (made(TaskRetryDecision, "yes"), "must be True or False"),
        (made(TaskRetryDecision, True, delay_seconds="soon"), "must be a number"),
        (made(TaskRetryDecision, True, delay_seconds=float("inf")), "must be a number"),
        (made(HealthCheckDefinition, "ping", "Ping"), "a dot and a name"),
        (made(HealthCheckDefinition, "uptime.ping", ""), "needs a name"),
        (made(HealthCheckDefinition, "uptime.ping", "Ping", severity="bad"), "not a valid HealthSeverity"),
        (made(HealthCheckDefinition, "uptime.ping", "Ping", interval_seconds=0), "at least 1"),
        (made(HealthCheckResult, "example.com", "fine"), "not a valid HealthStatus"),
        (made(HealthCheckResult, "example.com", "healthy", ["x"]), "takes HealthCheckDetail"),
        (made(PublishGateResult, True, ["No image."]), "must say allowed=False"),
        (made(PublishGateResult, None), "must be True or False"),
        (made(PublishGateResult, False, "No image."), "not one string"),
        (made(PublishGateResult, False, [1]), "takes strings"),
        (made(SEOMetricsPayload, "", "example.com", {}), "where the metrics come from"),
        (made(SEOMetricsPayload, "gsc", "", {}), "host name"),
        (made(SEOMetricsPayload, "gsc", "example.com", []), "dictionary of metrics"),
        (made(SEOMetricsPayload, "gsc", "a.b", {}, {}, datetime(2026, 1, 1)), "needs a time zone"),  # noqa: DTZ001
        (made(SEOMetricsPayload, "gsc", "a.b", {}, []), "metadata must be a dictionary"),
        (made(SEOMetricsPayload, "gsc", "a.b", {}, {}, "now"), "must be a datetime"),
        (made(DiscoveredPattern, "p", 1.1), "between 0 and 1"),
        (made(DiscoveredPattern, "p", float("nan")), "between 0 and 1"),
        (made(DiscoveredPattern, "p", True), "a number from 0 to 1"),
        (made(DiscoveredPattern, "", 0.5), "needs a name"),
        (made(DiscoveredPattern, "p", 0.5, []), "dictionary of figures"),
        (made(AppliedLearning, "", "1"), "names the pattern"),
        (made(AppliedLearning, "p", None), "names the pattern"),
        (made(AppliedLearning, "p", "1", []), "dictionary of fields"),
        (made(Command, ""), "needs a name"),
        (made(Command, "x", []), "must be a mapping"),
        (made(RecordEvent, "record.moved", "posts", "1", {}, ""), "not a valid EventType"),
    ],
)
def test_wrong_values_are_refused_where_they_are_made(make: Callable[[], Any], told: str) -> None:
    with pytest.raises((ValueError, TypeError), match=told):
        make()


def test_texts_become_the_enumerations() -> None:
    check = HealthCheckDefinition("uptime.http-ping", "Ping", severity="critical")  # type: ignore[arg-type]  # lenient
    assert check.severity is HealthSeverity.CRITICAL
    assert check.check_type == "http-ping"
    result = HealthCheckResult("example.com", "degraded")  # type: ignore[arg-type]  # lenient
    assert result.overall_status is HealthStatus.DEGRADED
    event = RecordEvent("record.created", "posts", "1", {}, "")  # type: ignore[arg-type]  # lenient
    assert event.type is EventType.RECORD_CREATED


def test_lists_become_tuples() -> None:
    detail = HealthCheckDetail("uptime.ping", HealthStatus.HEALTHY, HealthSeverity.INFO, "200", 12.5)
    assert HealthCheckResult("example.com", HealthStatus.HEALTHY, [detail]).details == (detail,)
    gate = PublishGateResult(False, ["No image."], ["Long title."])
    assert (gate.blockers, gate.warnings) == (("No image.",), ("Long title.",))


def test_payload_with_metadata_is_a_new_one() -> None:
    payload = SEOMetricsPayload("gsc", "example.com", {"clicks": 3}, {"a": 1})
    enriched = payload.with_metadata({"ctr": 0.1})
    assert (payload.metadata, enriched.metadata) == ({"a": 1}, {"a": 1, "ctr": 0.1})
    assert enriched.received_at == payload.received_at


def test_pattern_knows_when_it_is_sure() -> None:
    assert DiscoveredPattern("p", 0.8).is_high_confidence
    assert not DiscoveredPattern("p", 0.79).is_high_confidence


def test_command_with_other_arguments_is_a_new_one() -> None:
    command = Command("create_record", {"slug": "a", "title": "A"})
    assert command.with_arguments(slug="b") == Command("create_record", {"slug": "b", "title": "A"})
    assert command.arguments == {"slug": "a", "title": "A"}
