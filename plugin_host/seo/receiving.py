"""Search metrics on their way into the table."""

from __future__ import annotations

from django.db import connection

from core.scope import acting_as
from plugin_host.dispatch.binding import plugin_actor
from plugin_host.dispatch.operation import Occasion
from plugin_host.errors import PluginError
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.models.seo import SEOMetrics
from plugin_host.seo.discovering import search_metrics
from plugin_host.seo.filtering import filtered_payload, require_storable


def receive_metrics(plugin_id: str, payload: SEOMetricsPayload) -> SEOMetrics:
    """Take what a plugin feeds in past `dvp_seo_metrics_received`, store it, and search it for patterns.

    Raises:
        PluginError: It cannot be kept, or another plugin refuses it; nothing is stored.
    """
    if connection.in_atomic_block:
        raise PluginError(
            "Other plugins have their say about search metrics: feed them in outside of transaction.atomic().",
            code="in_transaction",
            permanent=True,
        )
    require_storable(payload)
    with acting_as(plugin_actor(plugin_id)):
        filtered = filtered_payload("dvp_seo_metrics_received", payload, plugin_id, Occasion())
        stored: SEOMetrics = SEOMetrics.objects.create(
            plugin=plugin_id,
            source=filtered.source,
            domain=filtered.domain,
            data=dict(filtered.data),
            metadata=dict(filtered.metadata),
            received_at=filtered.received_at,
        )
        return search_metrics(stored)
