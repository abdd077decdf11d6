"""What the clock does about search metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.models import Collection
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host import tasks
from plugin_host.models import SEOLearning, SEOMetrics, SEOPattern
from plugin_host.schedules import SCHEDULES
from plugin_host.seo import tending
from plugin_host.seo.tending import tend_metrics
from tenants.models import Tenant
from tests.plugin_host.installing import Install
from tests.plugin_host.seo.sample import DOMAIN, Watching, payload, usual_rows


def stored(**fields: Any) -> SEOMetrics:
    values = {
        "plugin": "watching",
        "source": "gsc",
        "domain": DOMAIN,
        "data": {},
        "received_at": timezone.now(),
        "searched_at": timezone.now(),
    }
    made: SEOMetrics = SEOMetrics.objects.create(**values | fields)
    return made


def test_what_a_process_left_over_is_searched(posts: Collection, install: Install, tenant: Tenant) -> None:
    plugin = Watching()
    install(plugin)
    left = payload(usual_rows(poor=(8, 1000, 3)))
    before = timezone.now() - timedelta(hours=1)
    old = stored(data=left.data, searched_at=None, stored_at=before)
    fresh = stored(data={}, searched_at=None)

    tasks.tend_seo_metrics()

    old.refresh_from_db()
    fresh.refresh_from_db()
    assert old.searched_at is not None
    assert fresh.searched_at is None
    assert (SEOPattern.objects.count(), len(plugin.extracted)) == (1, 1)
    assert tend_metrics().searched == 0


def test_what_is_too_old_goes(in_tenant: Tenant, other_tenant: Tenant, settings: Any) -> None:
    settings.SEO_METRICS_DAYS = 30
    now = datetime(2026, 6, 1, tzinfo=UTC)
    old, new = now - timedelta(days=31), now - timedelta(days=29)
    metrics = stored(received_at=old)
    kept = stored(received_at=new)
    # Seen again, so it stays although what it was seen in goes.
    seen = SEOPattern.objects.create(
        name="a", source="gsc", domain=DOMAIN, confidence=1, metrics=metrics, seen_at=new
    )
    SEOPattern.objects.create(name="b", source="gsc", domain=DOMAIN, confidence=1, metrics=kept, seen_at=old)
    learning = {"plugin": "x", "pattern_name": "a", "record_id": metrics.pk, "record_version": 1}
    SEOLearning.objects.create(**learning, applied_at=old)
    later = SEOLearning.objects.create(**learning, applied_at=new, pattern=seen)
    with tenant_scope(other_tenant.pk):
        theirs = stored(received_at=old)

    assert tend_metrics(now=now).deleted >= 4

    assert list(SEOMetrics.objects.all()) == [kept]
    seen.refresh_from_db()
    assert (list(SEOPattern.objects.all()), seen.metrics) == ([seen], None)
    assert list(SEOLearning.objects.all()) == [later]
    with tenant_scope(other_tenant.pk):
        assert not SEOMetrics.objects.filter(pk=theirs.pk).exists()


def test_no_source_may_fill_the_table(in_tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tending, "MAX_PAYLOADS", 2)
    now = timezone.now()
    of_one = [stored(received_at=now - timedelta(days=day)) for day in range(4)]
    other = stored(domain="other.example", received_at=now - timedelta(days=9))

    with platform_scope(PlatformWork.SEO_METRICS):
        tend_metrics(now=now)

    assert set(SEOMetrics.objects.all()) == {of_one[0], of_one[1], other}


def test_the_clock_sends_it() -> None:
    assert "plugin_host.tasks.tend_seo_metrics" in {schedule.task for schedule in SCHEDULES}
