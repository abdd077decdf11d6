"""What the plugin does when something happens to a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from core.logging import get_logger
from plugin_host import http

if TYPE_CHECKING:
    from plugin_host.context import PluginContext, RecordEvent

logger = get_logger(__name__)


def deletion_handler(ctx: PluginContext) -> Callable[[RecordEvent], Awaitable[None]]:
    """Return the handler of deleted records. It keeps `ctx`, because settings are read when the handler runs."""

    async def on_record_deleted(event: RecordEvent) -> None:
        """Log whenever any record is deleted; its tasks went with it, in the same transaction."""
        logger.info(f"[task-manager] Record deleted: {event.collection_name}/{event.record_id}")
        if url := ctx.get_setting("webhook_url", default=""):
            await _announce(url, event)

    return on_record_deleted


async def _announce(url: str, event: RecordEvent) -> None:
    message = {
        "type": str(event.type),
        "collection": event.collection_name,
        "record_id": event.record_id,
        "timestamp": event.timestamp,
    }
    async with http.client() as client:
        response = await client.post(url, json=message)
    # Raising makes the delivery be tried again.
    response.raise_for_status()
