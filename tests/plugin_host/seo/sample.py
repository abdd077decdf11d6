"""A plugin that feeds in search metrics, and others that take part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.scope import require_tenant
from plugin_host import runtime
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern, SEOMetricsPayload
from plugin_host.hookspec import SEOMetricsHooks
from plugin_host.runtime_state import plugin_run
from plugin_host.state import tenant_plugins

DOMAIN = "www.example.org"
START = datetime(2026, 5, 1, tzinfo=UTC)


class Watching(Plugin, SEOMetricsHooks):
    """Feeds metrics in and keeps what its hooks get; does with it what a test says."""

    name = "watching"
    version = "1.0.0"

    def __init__(self) -> None:
        super().__init__()
        self.on_received: Any = lambda payload: payload
        self.before_extraction: Any = lambda payload: payload
        self.on_pattern: Any = lambda pattern: None
        self.received: list[SEOMetricsPayload] = []
        self.extracted: list[SEOMetricsPayload] = []
        self.patterns: list[DiscoveredPattern] = []
        self.learnings: list[AppliedLearning] = []
        self.contexts: list[HookContext] = []

    async def dvp_seo_metrics_received(
        self, ctx: HookContext, payload: SEOMetricsPayload
    ) -> SEOMetricsPayload:
        self.contexts.append(ctx)
        self.received.append(payload)
        return self.on_received(payload)  # type: ignore[no-any-return]

    def dvp_before_pattern_extraction(
        self, ctx: HookContext, payload: SEOMetricsPayload
    ) -> SEOMetricsPayload:
        self.extracted.append(payload)
        return self.before_extraction(payload)  # type: ignore[no-any-return]

    def dvp_pattern_discovered(self, ctx: HookContext, pattern: DiscoveredPattern) -> None:
        self.contexts.append(ctx)
        self.patterns.append(pattern)
        self.on_pattern(pattern)

    async def dvp_learning_applied(self, ctx: HookContext, learning: AppliedLearning) -> None:
        self.contexts.append(ctx)
        self.learnings.append(learning)


def payload(
    rows: Mapping[str, tuple[float, float, float]] | None = None, *, day: int = 0, **data: Any
) -> SEOMetricsPayload:
    """Return a payload of rows: page -> (clicks, impressions, position)."""
    return SEOMetricsPayload(
        source=data.pop("source", "gsc"),
        domain=data.pop("domain", DOMAIN),
        data=data
        | {
            "rows": [
                {"page": page, "clicks": clicks, "impressions": impressions, "position": position}
                for page, (clicks, impressions, position) in (rows or {}).items()
            ]
        },
        received_at=START + timedelta(days=day),
    )


def usual_rows(**others: tuple[float, float, float]) -> dict[str, tuple[float, float, float]]:
    """Return six pages at place 3 with click rates about 5 %, and others: name -> figures."""
    rows: dict[str, tuple[float, float, float]] = {
        f"https://{DOMAIN}/posts/usual-{number}": (45 + 2 * number, 1000, 3) for number in range(6)
    }
    return rows | {f"https://{DOMAIN}/posts/{name}": figures for name, figures in others.items()}


def emit(metrics: SEOMetricsPayload, *, plugin: str = "watching") -> None:
    """Feed metrics in as a plugin does from a hook, a route or a task."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None
    with plugin_run(tenant_plugins(tenant_id)[plugin].run(hook="test")):
        runtime.emit_seo_metrics(metrics)


def learn(*arguments: Any, plugin: str = "watching", **named: Any) -> AppliedLearning:
    """Apply a learning as a plugin does."""
    tenant_id = require_tenant().tenant_id
    assert tenant_id is not None
    with plugin_run(tenant_plugins(tenant_id)[plugin].run(hook="test")):
        return runtime.apply_learning(*arguments, **named)
