"""What the clock does about search metrics: searches what was left over, and takes away what is too old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.models.seo import SEOLearning, SEOMetrics, SEOPattern
from plugin_host.seo.discovering import search_metrics
from tenants.models.tenant import TenantStatus

# Whoever stored them searches them at once; what is older was left by a process that ended.
_LEFT_OVER_SECONDS: Final = 600
_MAX_SEARCHED: Final = 100
_CHUNK: Final = 1000
MAX_PAYLOADS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """How much was done."""

    searched: int
    deleted: int


def tend_metrics(*, now: datetime | None = None) -> Tended:
    """Search metrics of all tenants that nobody searched, and delete what is too old, or too much.

    Too old is what came in more than `SEO_METRICS_DAYS` ago, too much what comes after the newest thousand payloads of
    a source and domain. Safe to repeat and to run twice at once.
    """
    now = now or timezone.now()
    return Tended(searched=_search_left_over(now), deleted=_delete_old(now))


def _search_left_over(now: datetime) -> int:
    with platform_scope(PlatformWork.SEO_METRICS):
        left = SEOMetrics.objects.filter(
            searched_at=None,
            stored_at__lt=now - timedelta(seconds=_LEFT_OVER_SECONDS),
            tenant__status=TenantStatus.ACTIVE,
        ).order_by("stored_at")
        rows = list(left.values_list("pk", "tenant", "tenant__slug")[:_MAX_SEARCHED])
    for pk, tenant_id, slug in rows:
        with tenant_scope(tenant_id, slug=slug, actor=system_actor("clock")):
            metrics = SEOMetrics.objects.filter(pk=pk, searched_at=None).first()
            if metrics is not None:
                search_metrics(metrics)
    return len(rows)


def _delete_old(now: datetime) -> int:
    limit = now - timedelta(days=settings.SEO_METRICS_DAYS)
    with platform_scope(PlatformWork.SEO_METRICS):
        deleted = 0
        for model, condition in (
            (SEOMetrics, {"received_at__lt": limit}),
            (SEOPattern, {"seen_at__lt": limit}),
            (SEOLearning, {"applied_at__lt": limit}),
        ):
            deleted += _delete(model, condition)
        return deleted + _delete_surplus()


def _delete(model: Any, condition: dict[str, Any]) -> int:
    """Delete in chunks, so that no statement holds many locks."""
    deleted = 0
    while keys := list(model.objects.filter(**condition).values_list("pk", flat=True)[:_CHUNK]):
        model.objects.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted


def _delete_surplus() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM plugin_host_seometrics WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
            "(PARTITION BY tenant_id, source, domain ORDER BY received_at DESC, id DESC) AS place "
            "FROM plugin_host_seometrics) numbered WHERE place > %s)",
            [MAX_PAYLOADS],
        )
        return int(cursor.rowcount)
