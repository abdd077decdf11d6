"""Search metrics from the plugin that feeds them in to the plugins that are told of patterns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from core.models import Collection, Event
from core.services.collections import update_collection
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host import runtime
from plugin_host.base import Plugin
from plugin_host.context import HookContext, PluginContext
from plugin_host.errors import HookError, PluginError
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.models import Delivery, SEOMetrics, SEOPattern
from plugin_host.testing.host import DeliverAll
from tenants.models import Domain, Tenant
from tests.plugin_host.installing import Install
from tests.plugin_host.seo.sample import DOMAIN, START, Watching, emit, payload, usual_rows


@pytest.fixture
def watching(posts: Collection, install: Install) -> Watching:
    plugin = Watching()
    install(plugin)
    return plugin


POOR = usual_rows(poor=(8, 1000, 3))


def test_the_whole_way(watching: Watching, tenant: Tenant, deliver_all: DeliverAll) -> None:
    watching.on_received = lambda one: one.with_metadata({"ctr": 0.04, "enriched_by": "watching"})

    emit(payload(POOR))

    (metrics,) = SEOMetrics.objects.all()
    assert (metrics.plugin, metrics.source, metrics.domain, metrics.received_at) == (
        "watching",
        "gsc",
        DOMAIN,
        START,
    )
    assert metrics.metadata == {"ctr": 0.04, "enriched_by": "watching"}
    assert len(metrics.data["rows"]) == 7
    assert metrics.searched_at is not None
    assert watching.extracted[0].metadata == metrics.metadata
    (row,) = SEOPattern.objects.all()
    assert (row.name, row.subject, row.metrics) == ("low_click_rate", f"https://{DOMAIN}/posts/poor", metrics)
    event = Event.objects.get(type="seo.pattern_discovered")
    assert (event.payload["pattern_id"], event.actor) == (str(row.pk), "plugin:watching")

    (run,) = deliver_all(tenant)

    assert (run.hook, run.ended) == ("dvp_pattern_discovered", "done")
    (pattern,) = watching.patterns
    assert (pattern.name, pattern.is_high_confidence) == ("low_click_rate", True)
    assert pattern.evidence == row.evidence
    assert pattern.evidence["page"] == f"https://{DOMAIN}/posts/poor"
    assert pattern.evidence["content_id"] is None
    received, told = watching.contexts
    assert received.metadata == {"actor": "plugin:watching", "source": "gsc", "domain": DOMAIN}
    assert (told.causation_id, told.correlation_id) == (event.pk, event.correlation_id)


def test_a_plugin_feeds_metrics_in_from_an_async_hook(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    class Feeding(Plugin):
        name = "feeding"
        version = "1.0.0"

        async def dvp_content_created(
            self, ctx: HookContext, content_id: str, content: Any, metadata: Any = None
        ) -> None:
            await runtime.aemit_seo_metrics(payload(POOR))
            await asyncio.sleep(0)

    plugin = Watching()
    install(plugin)
    install(Feeding())
    create_record(collection=posts, data={"title": "Hello"})

    runs = deliver_all(tenant)

    assert [(run.hook, run.ended) for run in runs] == [
        ("dvp_content_created", "done"),
        ("dvp_pattern_discovered", "done"),
    ]
    assert len(plugin.received) == len(plugin.patterns) == 1
    assert SEOMetrics.objects.get().plugin == "feeding"


def test_a_page_is_known_as_its_record(watching: Watching, posts: Collection, tenant: Tenant) -> None:
    Domain.objects.create(tenant=tenant, host=f"www.{tenant.slug}.test")
    update_collection(name="posts", has_pages=True)
    record = publish_record(record_id=create_record(collection=posts, data={"title": "Poor"}).pk)

    for number, (host, expected) in enumerate(
        [
            (f"www.{tenant.slug}.test", record.pk),
            (f"{tenant.slug}.test", record.pk),
            ("rival.example", None),
        ]
    ):
        rows = {page.replace(DOMAIN, host): own for page, own in POOR.items()}
        emit(payload(rows, domain=f"{tenant.slug}.test", source=f"source{number}"))
        row = SEOPattern.objects.get(source=f"source{number}")
        assert (row.record_id, row.evidence["content_id"]) == (expected, str(expected) if expected else None)
    rows = {page.replace(f"https://{DOMAIN}", ""): own for page, own in POOR.items()}
    emit(payload(rows, domain="rival.example", source="paths"))
    assert SEOPattern.objects.get(source="paths").record_id is None


def test_a_pattern_that_is_found_again_is_told_once(
    watching: Watching, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    emit(payload(POOR))
    emit(payload(usual_rows(poor=(4, 1000, 3)), day=1))
    deliver_all(tenant)

    (row,) = SEOPattern.objects.all()
    assert (row.times_seen, row.evidence["clicks"], row.metrics.received_at.day) == (2, 4, 2)
    assert row.evidence["pattern_id"] == str(row.pk)
    assert len(watching.patterns) == 1


def test_falling_clicks_are_held_against_the_period_before(watching: Watching) -> None:
    may = {"start": "2026-05-01", "end": "2026-05-28"}
    june = {"start": "2026-05-29", "end": "2026-06-25"}
    emit(payload({}, clicks=1000, period=may))
    emit(payload({}, day=1, clicks=10, period={"start": "2026-05-28", "end": "2026-05-28"}))
    emit(payload({}, day=2, clicks=5, period=may, source="other"))
    assert not SEOPattern.objects.exists()

    emit(payload({}, day=28, clicks=500, period=june))

    (row,) = SEOPattern.objects.all()
    assert (row.name, row.subject, row.evidence["earlier_clicks"], row.evidence["days"]) == (
        "falling_clicks",
        "",
        1000,
        28,
    )


def test_a_plugin_refuses_metrics(watching: Watching) -> None:
    def refuse(one: SEOMetricsPayload) -> SEOMetricsPayload:
        raise PluginError("Not from there.", code="unwanted")

    watching.on_received = refuse

    with pytest.raises(PluginError, match=r"^Not from there\.$") as refusal:
        emit(payload(POOR))

    assert (refusal.value.plugin, refusal.value.code) == ("watching", "unwanted")
    assert not SEOMetrics.objects.exists()


def test_a_plugin_keeps_metrics_from_being_searched(watching: Watching) -> None:
    def refuse(one: SEOMetricsPayload) -> SEOMetricsPayload:
        raise PluginError("Too few days.")

    watching.before_extraction = refuse

    emit(payload(POOR))

    (metrics,) = SEOMetrics.objects.all()
    assert metrics.note == "Left out by watching: Too few days."
    assert metrics.searched_at is not None
    assert not SEOPattern.objects.exists()


def test_what_is_searched_may_differ_from_what_is_stored(watching: Watching) -> None:
    watching.before_extraction = lambda one: replace(one, data={"rows": one.data["rows"][:-1]})

    emit(payload(POOR))

    assert len(SEOMetrics.objects.get().data["rows"]) == 7
    assert not SEOPattern.objects.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: None, "returned None but filter hooks must return a value"),
        (lambda one: {"data": {}}, "must return the payload"),
        (lambda one: replace(one, source="mine"), "changed 'source'"),
        (lambda one: replace(one, domain="rival.example"), "changed 'domain'"),
        (lambda one: replace(one, received_at=datetime.now(UTC)), "changed 'received_at'"),
        (lambda one: one.with_metadata({"at": START}), "/metadata/at: A datetime is no JSON value"),
        (lambda one: replace(one, data={"rate": float("nan")}), "/data/rate: JSON knows no nan"),
    ],
)
def test_a_plugin_that_returns_no_such_payload_refuses(
    watching: Watching, change: Callable[[SEOMetricsPayload], Any], said: str
) -> None:
    watching.on_received = change

    with pytest.raises(HookError) as refusal:
        emit(payload(POOR))

    assert said in refusal.value.message
    assert "plugin watching" in refusal.value.message
    assert not SEOMetrics.objects.exists()


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"rows": []}, "are an SEOMetricsPayload, not dict"),
        (SEOMetricsPayload("gsc", DOMAIN, {"at": START}), "/data/at: A datetime is no JSON value"),
        (SEOMetricsPayload("gsc", DOMAIN, {"x": "y" * 2_200_000}), "/data: It has 2,200,009 bytes"),
        (SEOMetricsPayload("gsc", DOMAIN, {"rows": [1] * 10_001}), "10,000 are the most"),
        (SEOMetricsPayload("g" * 61, DOMAIN, {}), "up to 60 characters"),
        (SEOMetricsPayload("gsc", "d" * 254, {}), "up to 253 characters"),
        (SEOMetricsPayload("gsc", "a\0b", {}), "domain of search metrics is a text"),
    ],
)
def test_what_cannot_be_kept_is_refused(watching: Watching, metrics: Any, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        emit(metrics)

    assert not SEOMetrics.objects.exists()


def test_metrics_are_not_fed_in_inside_a_transaction(watching: Watching) -> None:
    with transaction.atomic(), pytest.raises(PluginError, match=r"outside of transaction\.atomic"):
        emit(payload(POOR))


def test_unread_rows_are_told(watching: Watching) -> None:
    emit(SEOMetricsPayload("gsc", DOMAIN, {"rows": [{"page": "/a"}, None]}))

    assert SEOMetrics.objects.get().note == "2 rows have no page or no sound numbers."


def test_an_event_filter_keeps_a_pattern_out(watching: Watching, install: Install) -> None:
    class Guard(Plugin):
        name = "guard"
        version = "1.0.0"

        def dvp_before_event_publish(self, ctx: HookContext, event: Any) -> Any:
            if event["payload"]["evidence"]["clicks"] == 8:
                raise PluginError("Known already.")
            return event | {"payload": event["payload"] | {"seen_by": "guard"}}

    install(Guard())

    emit(payload(usual_rows(poor=(8, 1000, 3), other=(7, 1000, 3))))

    (row,) = SEOPattern.objects.all()
    assert row.evidence["clicks"] == 7
    assert Event.objects.get(type="seo.pattern_discovered").payload["seen_by"] == "guard"
    assert SEOMetrics.objects.get().note == (
        f"low_click_rate https://{DOMAIN}/posts/poor was refused by guard: Known already."
    )


def test_without_handlers_metrics_are_kept_all_the_same(posts: Collection, install: Install) -> None:
    class Feeding(Plugin):
        name = "feeding"
        version = "1.0.0"

    install(Feeding())

    emit(payload(POOR), plugin="feeding")

    assert SEOPattern.objects.count() == 1
    assert not Delivery.objects.exists()


def test_function_style_takes_part(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    seen: list[Any] = []

    class Functions(Plugin):
        name = "functions"
        version = "1.0.0"

        def register(self, ctx: PluginContext) -> None:
            ctx.on(
                "dvp_seo_metrics_received", lambda ctx, one: one.with_metadata({"by": "late"}), priority=900
            )
            ctx.on(
                "dvp_seo_metrics_received", lambda ctx, one: one.with_metadata({"by": "early"}), priority=1
            )
            ctx.on("dvp_before_pattern_extraction", lambda ctx, one: one, time_limit=1)
            ctx.on("dvp_pattern_discovered", lambda ctx, pattern: seen.append(pattern.name), time_limit=300)
            ctx.on("dvp_learning_applied", lambda ctx, learning: seen.append(learning))

    install(Functions())

    emit(payload(POOR), plugin="functions")
    deliver_all(tenant)

    assert SEOMetrics.objects.get().metadata == {"by": "late"}
    assert seen == ["low_click_rate"]
