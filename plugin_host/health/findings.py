"""What came of a run of a check: what the hook returned or raised, looked over and made storable.

A hook may return anything. What is no usable `HealthCheckResult` counts as unhealthy, with a message that says what is
wrong with it, as does whatever it raises; so a check can neither fail unseen nor put something into the tables that
breaks those who read them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from core.logging import redact
from plugin_host.errors import AuthFailed, HookTimeout, NotReady, PluginError
from plugin_host.hooks.health_monitor import (
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.models.health import HealthTrouble
from plugin_host.runner import ExecuteResult, HookOutcome

MAX_DETAILS: Final = 100
MAX_RESULT_BYTES: Final = 64 * 1024
MAX_MESSAGE_CHARACTERS: Final = 2_000

_WORST_FIRST: Final[Mapping[str, int]] = {
    HealthStatus.UNHEALTHY: 0,
    HealthStatus.DEGRADED: 1,
    HealthStatus.UNKNOWN: 2,
    HealthStatus.HEALTHY: 3,
}
_GRAVEST_FIRST: Final[Mapping[str, int]] = {
    HealthSeverity.CRITICAL: 0,
    HealthSeverity.WARNING: 1,
    HealthSeverity.INFO: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one run found; every part of it can be stored.

    Args:
        trouble: Why the run came to no verdict of its own; None where the hook gave one.
        message: The detail that decides, or what went wrong; secrets are masked.
        details: The findings as JSON.
        response_time_ms: The slowest that the check reports.
        duration_ms: How long the hook itself ran.
        retry_after_seconds: What `NotReady` asked for.
    """

    status: HealthStatus
    duration_ms: float
    trouble: HealthTrouble | None = None
    message: str = ""
    details: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    response_time_ms: float | None = None
    retry_after_seconds: float | None = None


class Unusable(ValueError):
    """What a hook returned cannot be used; the message says why."""


def finding_of(result: ExecuteResult, *, target: str = "") -> Finding | None:
    """Return what a run found; None where it did not run because the host had no room for it.

    Must run inside the plugin's surroundings, so that its secrets are masked.

    Args:
        target: What was to be checked; a result about another domain is none. Empty takes any.
    """
    run, error = result.run, result.error
    if run.outcome is HookOutcome.NOT_STARTED:
        return None
    if error is not None:
        return Finding(
            status=HealthStatus.UNHEALTHY,
            trouble=_trouble_of(error),
            message=storable(_said_by(error, run.error)),
            duration_ms=run.duration_ms,
            retry_after_seconds=_storable_seconds(run.retry_after_seconds),
        )
    try:
        return _read(result.value, run.duration_ms, target)
    except Unusable as fault:
        return Finding(
            status=HealthStatus.UNHEALTHY,
            trouble=HealthTrouble.BROKEN,
            message=storable(redact(f"The check returned a result that cannot be used: {fault}")),
            duration_ms=run.duration_ms,
        )


def storable(text: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Return a text as PostgreSQL takes it: neither NUL nor half a surrogate pair, and no longer than `limit`."""
    text = _characters(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _characters(text: str) -> str:
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _trouble_of(error: BaseException) -> HealthTrouble:
    if isinstance(error, NotReady):
        return HealthTrouble.NOT_READY
    if isinstance(error, AuthFailed):
        return HealthTrouble.AUTH_FAILED
    return HealthTrouble.BROKEN


def _said_by(error: BaseException, text: str) -> str:
    if isinstance(error, HookTimeout):
        return error.details.replace("it took", "The check took", 1)
    # What a plugin says in its own words stands for itself; of everything else the type says most.
    return error.message if isinstance(error, PluginError) and error.message else text


def _storable_seconds(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) else None


def _read(value: object, duration_ms: float, target: str) -> Finding:
    if not isinstance(value, HealthCheckResult):
        raise Unusable(f"it must be a HealthCheckResult, not {_shown(value)}.")
    status = _status(value.overall_status, "overall_status")
    if not isinstance(value.domain, str):
        raise Unusable(f"domain must be a text, not {_shown(value.domain)}.")
    if value.domain and target and _host(value.domain) != _host(target):
        raise Unusable(f"it is about {_shown(value.domain)}, but {_shown(target)} was to be checked.")
    details = _details(value.details)
    decides = min(
        details,
        key=lambda one: (_WORST_FIRST[one["status"]], _GRAVEST_FIRST[one["severity"]]),
        default=None,
    )
    times = [one["response_time_ms"] for one in details if one["response_time_ms"] is not None]
    return Finding(
        status=status,
        message=storable(decides["message"]) if decides is not None else "",
        details=details,
        response_time_ms=max(times, default=None),
        duration_ms=duration_ms,
    )


def _host(target: str) -> str:
    """Return the host of a target that may be an address, with a port or without, and what is no host as it is."""
    try:
        host = urlsplit(target if "//" in target else f"//{target}").hostname
    except ValueError:
        host = None
    return (host or target).casefold().rstrip(".")


def _details(given: object) -> list[dict[str, Any]]:
    if not isinstance(given, tuple):
        raise Unusable(f"details must be a sequence of HealthCheckDetail, not {_shown(given)}.")
    if len(given) > MAX_DETAILS:
        raise Unusable(f"it has {len(given)} details, {MAX_DETAILS} is the most.")
    details = [_detail(one, f"details[{place}]") for place, one in enumerate(given)]
    if (size := len(json.dumps(details))) > MAX_RESULT_BYTES:
        raise Unusable(f"its details are {size // 1024} KiB, {MAX_RESULT_BYTES // 1024} is the most.")
    return details


def _detail(given: object, where: str) -> dict[str, Any]:
    if not isinstance(given, HealthCheckDetail):
        raise Unusable(f"{where} must be a HealthCheckDetail, not {_shown(given)}.")
    for name in ("check_id", "message"):
        if not isinstance(getattr(given, name), str):
            raise Unusable(f"{where}.{name} must be a text, not {_shown(getattr(given, name))}.")
    return {
        "check_id": storable(given.check_id),
        "status": _status(given.status, f"{where}.status").value,
        "severity": _severity(given.severity, f"{where}.severity").value,
        "message": _characters(redact(given.message)),
        "response_time_ms": _milliseconds(given.response_time_ms, f"{where}.response_time_ms"),
    }


def _status(given: object, where: str) -> HealthStatus:
    if not isinstance(given, HealthStatus):
        raise Unusable(f"{where} must be a HealthStatus, not {_shown(given)}.")
    return given


def _severity(given: object, where: str) -> HealthSeverity:
    if not isinstance(given, HealthSeverity):
        raise Unusable(f"{where} must be a HealthSeverity, not {_shown(given)}.")
    return given


def _milliseconds(given: object, where: str) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise Unusable(f"{where} must be a number of milliseconds or None, not {_shown(given)}.")
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < 0:
        raise Unusable(f"{where} must be a number of milliseconds from 0 on, not {_shown(given)}.")
    return number


def _shown(value: object) -> str:
    """Return a value for a message; of objects the type alone, because their `repr` is a plugin's code."""
    if not isinstance(value, str | int | float | bytes | None):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
