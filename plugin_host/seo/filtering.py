"""The filters that search metrics pass, and what may be kept of them."""

from __future__ import annotations

from typing import Any, Final

from plugin_host.dispatch.binding import inline_handlers, plugin_actor
from plugin_host.dispatch.hook_runner import hook_runner
from plugin_host.dispatch.json_values import json_fault
from plugin_host.dispatch.operation import Occasion, operation_of
from plugin_host.errors import PluginError
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.models.seo import MAX_DOMAIN_LENGTH, MAX_SOURCE_LENGTH
from plugin_host.runner import Handler

MAX_ROWS: Final = 10_000
MAX_PAYLOAD_BYTES: Final = 2 * 1024 * 1024


def filtered_payload(
    hook: str, payload: SEOMetricsPayload, plugin_id: str, occasion: Occasion
) -> SEOMetricsPayload:
    """Pass a payload through the filters of a hook.

    Raises:
        PluginError: A plugin refuses it, or returns what is no such payload.
    """
    found = inline_handlers(hook)
    if not found.handlers:
        return payload
    operation = operation_of(occasion)
    context = operation.context(plugin_actor(plugin_id), source=payload.source, domain=payload.domain)
    return hook_runner.run_filter(
        found.handlers,
        payload,
        lambda handler, value: (context, value),
        accept=_accept,
        bind=found.bind,
        budget=operation.budget,
    ).value


def _accept(handler: Handler, before: SEOMetricsPayload, returned: Any) -> SEOMetricsPayload:
    if not isinstance(returned, SEOMetricsPayload):
        raise PluginError(
            f"it must return the payload, for example payload.with_metadata({{…}}), not {type(returned).__name__}."
        )
    for name in ("source", "domain", "received_at"):
        if getattr(returned, name) != getattr(before, name):
            raise PluginError(f"it changed {name!r}, but only data and metadata can be changed.")
    require_storable(returned)
    return returned


def require_storable(payload: object) -> None:
    if not isinstance(payload, SEOMetricsPayload):
        raise PluginError(f"Search metrics are an SEOMetricsPayload, not {type(payload).__name__}.")
    for name, most in (("source", MAX_SOURCE_LENGTH), ("domain", MAX_DOMAIN_LENGTH)):
        if len(getattr(payload, name)) > most or json_fault(getattr(payload, name)) is not None:
            raise PluginError(f"{name} of search metrics is a text of up to {most} characters.")
    for name in ("data", "metadata"):
        fault = json_fault(dict(getattr(payload, name)), at=f"/{name}", max_bytes=MAX_PAYLOAD_BYTES)
        if fault is not None:
            raise PluginError(f"{fault.pointer}: {fault.message}", errors=[fault])
    rows = payload.data.get("rows")
    if isinstance(rows, list) and len(rows) > MAX_ROWS:
        raise PluginError(
            f"/data/rows: It has {len(rows):,} rows; {MAX_ROWS:,} are the most: leave out those of little weight."
        )
