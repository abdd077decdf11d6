"""Findings become results and verdicts; a change of a verdict becomes an event, in the same transaction.

What counts as a change: a status other than the one that held before, at once and without smoothing, so a check that
flaps tells each turn. Before its first result a check is unknown; that it turns out healthy is what everybody expects
and is not told, anything else is. A change of trouble or message alone is none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from core.models import Event
from core.scope import current_actor, require_tenant
from core.signals import event_recorded
from plugin_host.health.documents import definition_document
from plugin_host.health.execution import CheckRun
from plugin_host.health.findings import Finding
from plugin_host.health.verdicts import announce_verdict_change
from plugin_host.hooks.health_monitor import HealthStatus
from plugin_host.models.health import HealthResult, HealthVerdict

HEALTH_CHANGED: Final = "health.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was written.

    Args:
        previous: The status that held before.
        is_told: Whether plugins are told of a change.
    """

    result: HealthResult
    previous: HealthStatus
    is_told: bool = False


@transaction.atomic
def record_finding(run: CheckRun, finding: Finding) -> Recorded:
    """Store what a run found, and the verdict that it changes, for the tenant in scope."""
    values = _values(run, finding)
    result = HealthResult.objects.create(id=run.execution_id, reason=run.reason, **values)
    verdict = _locked_verdict(run, values)
    previous = HealthStatus(verdict.status)
    if verdict.checked_at > run.started_at:
        # A run that began later has spoken already.
        return Recorded(result=result, previous=previous)
    is_changed = finding.status is not previous
    is_told = is_changed and not (finding.status is HealthStatus.HEALTHY and verdict.changes == 0)
    if is_changed:
        verdict.status_since = run.started_at
    if is_changed or verdict.severity != values["severity"] or verdict.result_id == result.pk:
        announce_verdict_change()
    for name, value in values.items():
        setattr(verdict, name, value)
    verdict.definition, verdict.result_id = definition_document(run.check), result.pk
    verdict.changes += int(is_told)
    verdict.save()
    if is_told:
        _tell(run, result, previous)
    return Recorded(result=result, previous=previous, is_told=is_told)


@transaction.atomic
def forget_verdicts(plugin_id: str, *, keep: Collection[tuple[str, str]]) -> int:
    """Drop the verdicts of checks that a plugin has no more, for the tenant in scope; results stay for their time.

    Args:
        keep: Check id and target of each that there is.
    """
    gone = [
        row.pk
        for row in HealthVerdict.objects.filter(plugin=plugin_id).only("check_id", "target")
        if (row.check_id, row.target) not in keep
    ]
    if not gone:
        return 0
    deleted, _ = HealthVerdict.objects.filter(pk__in=gone).delete()
    announce_verdict_change()
    return int(deleted)


def _values(run: CheckRun, finding: Finding) -> dict[str, Any]:
    return {
        "plugin": run.plugin_id,
        "check_id": run.check.check_id,
        "target": run.check.target,
        "status": finding.status.value,
        "severity": run.check.severity.value,
        "trouble": finding.trouble.value if finding.trouble is not None else "",
        "message": finding.message,
        "details": list(finding.details),
        "response_time_ms": finding.response_time_ms,
        "duration_ms": finding.duration_ms,
        "retry_after_seconds": finding.retry_after_seconds,
        "checked_at": run.started_at,
    }


def _locked_verdict(run: CheckRun, values: dict[str, Any]) -> HealthVerdict:
    """Return the row of the verdict, locked; that of a new check says unknown."""
    unknown = HealthVerdict(
        **{**values, "status": HealthStatus.UNKNOWN.value},
        result_id=run.execution_id,
        status_since=run.started_at,
    )
    HealthVerdict.objects.bulk_create([unknown], ignore_conflicts=True)
    found: HealthVerdict = HealthVerdict.objects.select_for_update().get(
        plugin=run.plugin_id, check_id=run.check.check_id, target=run.check.target
    )
    return found


def _tell(run: CheckRun, result: HealthResult, previous: HealthStatus) -> None:
    scope, actor = require_tenant(), current_actor()
    event = Event.objects.create(
        type=HEALTH_CHANGED,
        payload={
            "plugin": run.plugin_id,
            "check": definition_document(run.check),
            "target": run.check.target,
            "previous": previous.value,
            "current": result.status,
            "trouble": result.trouble,
            "message": result.message,
            "result_id": str(result.pk),
            "checked_at": run.started_at.isoformat(),
        },
        actor=actor.reference[:120],
        actor_label=actor.label[:254],
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        depth=scope.depth,
    )
    event_recorded.send(sender=Event, event=event)
