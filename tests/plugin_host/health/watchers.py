"""Plugins with health checks: sound ones, and those that do everything wrong that a check can do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import AuthFailed, NotReady, PluginError
from plugin_host.hooks.health_monitor import (
    HealthCheckContext,
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)


def detail(
    status: HealthStatus = HealthStatus.HEALTHY,
    message: str = "fine",
    ms: Any = None,
    severity: HealthSeverity = HealthSeverity.WARNING,
) -> HealthCheckDetail:
    return HealthCheckDetail("part", status, severity, message, ms)


def result(status: HealthStatus, *details: HealthCheckDetail, domain: str = "") -> HealthCheckResult:
    return HealthCheckResult(domain, status, details)


class Watcher(Plugin):
    """Owns the check that every watcher has, and answers what the test told it to."""

    name = "watcher"
    version = "1.0.0"
    SECRETS_SCHEMA = {"type": "object", "properties": {"token": {"type": "string"}}}

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.told: list[tuple[Any, ...]] = []
        self.answer: Callable[[], Any] = lambda: result(HealthStatus.HEALTHY)

    async def dvp_execute_health_check(self, ctx: HookContext, check_type: str, target: str) -> Any:
        self.calls.append((ctx, check_type, target))
        return self.answer()

    async def dvp_health_status_changed(
        self,
        ctx: HookContext,
        check: HealthCheckDefinition,
        previous: HealthStatus,
        current: HealthStatus,
    ) -> None:
        self.told.append((ctx, check, previous, current))


class Lister(Plugin):
    """Registers checks, takes them in the second form, and as plain `def`."""

    name = "lister"
    version = "1.0.0"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.checks: Any = [
            HealthCheckDefinition("lister.ping", "Ping", severity=HealthSeverity.CRITICAL),
            HealthCheckDefinition("lister.api", "API", target="api.example.org", timeout_seconds=5),
        ]
        self.before: Callable[[], object] = lambda: None

    def dvp_register_health_checks(self, ctx: HookContext) -> Any:
        if isinstance(self.checks, Exception):
            raise self.checks
        return self.checks

    def dvp_execute_health_check(
        self, check: HealthCheckDefinition, ctx: HookContext, execution_ctx: HealthCheckContext
    ) -> HealthCheckResult:
        self.calls.append((check, ctx, execution_ctx))
        self.before()
        return result(HealthStatus.HEALTHY, detail(ms=12.5))


class NeverAnswers(Plugin):
    """Waits for good, in one of the two ways to do so."""

    name = "never-answers"
    version = "1.0.0"

    def __init__(self) -> None:
        self.release = threading.Event()

    def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        return [
            HealthCheckDefinition("never-answers.async", "Waits", target="a", timeout_seconds=1),
            HealthCheckDefinition("never-answers.thread", "Blocks its thread", target="b", timeout_seconds=1),
        ]

    def dvp_execute_health_check(self, ctx: HookContext, check_type: str, target: str) -> Any:
        if check_type == "async":
            return asyncio.sleep(3600)
        self.release.wait(60)
        return result(HealthStatus.HEALTHY)


class TalksRubbish(Watcher):
    """Returns what no host expects."""

    name = "talks-rubbish"


class Unrepresentable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr today")


def forged(value: Any, field: str, wrong: Any) -> Any:
    """Return a value with a field that its constructor would not take."""
    object.__setattr__(value, field, wrong)
    return value


HEALTHY = HealthStatus.HEALTHY
# What the hook answers: a part of the message.
RUBBISH: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (lambda: None, "it must be a HealthCheckResult, not None"),
    "a text": (lambda: "healthy", "not 'healthy'"),
    "a status": (lambda: HEALTHY, "it must be a HealthCheckResult"),
    "an object that has no repr": (Unrepresentable, "not a Unrepresentable"),
    "a status of its own": (lambda: forged(result(HEALTHY), "overall_status", "splendid"), "overall_status"),
    "a domain that is no text": (
        lambda: forged(result(HEALTHY), "domain", 5),
        "domain must be a text, not 5",
    ),
    "a result about another domain": (
        lambda: result(HEALTHY, domain="other.example"),
        "it is about 'other.example', but 'example.org' was to be checked",
    ),
    "details that are none": (lambda: forged(result(HEALTHY), "details", "all fine"), "details must be"),
    "a detail that is none": (lambda: forged(result(HEALTHY), "details", ({},)), "details[0] must be"),
    "a detail of unknown status": (
        lambda: result(HEALTHY, forged(detail(), "status", None)),
        "details[0].status must be a HealthStatus, not None",
    ),
    "a detail of unknown severity": (
        lambda: result(HEALTHY, forged(detail(), "severity", "dire")),
        "details[0].severity must be a HealthSeverity, not 'dire'",
    ),
    "a message that is no text": (
        lambda: result(HEALTHY, forged(detail(), "message", Unrepresentable())),
        "details[0].message must be a text, not a Unrepresentable",
    ),
    "a time that is no number": (
        lambda: result(HEALTHY, detail(ms=float("nan"))),
        "details[0].response_time_ms must be a number of milliseconds from 0 on, not nan",
    ),
    "a time without end": (lambda: result(HEALTHY, detail(ms=float("inf"))), "not inf"),
    "a time too large": (lambda: result(HEALTHY, detail(ms=10**400)), "from 0 on"),
    "a time below nothing": (lambda: result(HEALTHY, detail(ms=-1)), "not -1"),
    "a time in words": (lambda: result(HEALTHY, detail(ms="fast")), "not 'fast'"),
    "too many details": (lambda: result(HEALTHY, *[detail()] * 101), "it has 101 details, 100 is the most"),
    "too much text": (lambda: result(HEALTHY, detail(message="x" * 70_000)), "its details are 68 KiB"),
}


def no_status() -> Exception:
    """Fail as a plugin does that makes up a status."""
    HealthStatus("splendid")
    raise NotImplementedError


# What the hook raises: kind of trouble, message.
TROUBLE: dict[str, tuple[Callable[[], Exception], str, str]] = {
    "not ready": (lambda: NotReady("Starting up.", retry_after=90), "not_ready", "Starting up."),
    "credentials": (lambda: AuthFailed("The token is refused."), "auth_failed", "The token is refused."),
    "a plugin's own": (lambda: PluginError("The queue is stuck."), "broken", "The queue is stuck."),
    "anything": (lambda: ZeroDivisionError("by zero"), "broken", "ZeroDivisionError: by zero"),
    "without words": (TimeoutError, "broken", "TimeoutError"),
    "a status of its own": (no_status, "broken", "ValueError: 'splendid' is not a valid HealthStatus"),
}
