"""What is kept of domains: how each fares, from when on a change counts, and the changes themselves."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from plugin_host.hooks.health_monitor import HealthStatus

from .examination import Examination
from .models import StatusChange, WatchedDomain

CHANGES_ARE_KEPT: Final = timedelta(days=365)
_RANK: Final = {HealthStatus.HEALTHY: 0, HealthStatus.DEGRADED: 1, HealthStatus.UNHEALTHY: 2}


@transaction.atomic
def note_examination(found: Examination, *, look: str, confirmations: int) -> WatchedDomain:
    """Keep what a look found, and let its status count where enough looks in a row agree.

    Args:
        look: Names the look; one that is repeated after a crash counts once.
    """
    domain, _ = WatchedDomain.objects.get_or_create(host=found.host)
    domain = WatchedDomain.objects.select_for_update().get(pk=domain.pk)
    status, now = HealthStatus(domain.status), timezone.now()
    if look != domain.looked_for or not look:
        domain.disagreeing = _disagreeing(domain, found.status)
    if domain.disagreeing >= confirmations or (
        status is HealthStatus.UNKNOWN and found.status is HealthStatus.HEALTHY
    ):
        domain.status, domain.status_since, domain.disagreeing = found.status.value, now, 0
    domain.observed, domain.looked_for, domain.checked_at = found.status.value, look[:64], now
    domain.message = found.message
    domain.response_time_ms = found.response_time_ms
    domain.certificate_until = found.certificate_until
    domain.save()
    return domain


def forget_domains(*, keep: Collection[str]) -> None:
    """Drop what is known of domains that the tenant has no more; the changes stay for their time."""
    WatchedDomain.objects.exclude(host__in=keep).delete()


def note_change(
    event_id: UUID,
    host: str,
    previous: HealthStatus,
    current: HealthStatus,
    *,
    message: str,
    changed_at: datetime,
) -> StatusChange:
    """Keep a change; the same event again returns the same row."""
    change, is_new = StatusChange.objects.get_or_create(
        event_id=event_id,
        defaults={
            "host": host,
            "previous": previous.value,
            "current": current.value,
            "message": message,
            "changed_at": changed_at,
        },
    )
    if is_new:
        StatusChange.objects.filter(changed_at__lt=timezone.now() - CHANGES_ARE_KEPT).delete()
    return change


def _disagreeing(domain: WatchedDomain, found: HealthStatus) -> int:
    """Return how many looks in a row say that it is better, or worse, than what counts."""
    counts = HealthStatus(domain.status)
    side = _side(found, counts)
    if side == 0:
        return 0
    same = side == _side(HealthStatus(domain.observed), counts)
    return domain.disagreeing + 1 if same else 1


def _side(found: HealthStatus, counts: HealthStatus) -> int:
    """Return 1 where a status is worse than the one that counts, -1 where it is better, 0 where it is that one."""
    if counts is HealthStatus.UNKNOWN:
        return 0 if found is HealthStatus.UNKNOWN else 1
    worse = _RANK[found] - _RANK[counts]
    return (worse > 0) - (worse < 0)
