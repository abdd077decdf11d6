"""What is sent: the body of a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

# A page as HTML and the text made from it can be megabytes; both can be read at the record's `url`.
LEFT_OUT: Final = frozenset({"rendered_html", "text", "content_id", "tenant_id"})


def message_body(
    event_type: str,
    *,
    occurred_at: str,
    tenant: str,
    content_id: str,
    content: Mapping[str, Any],
    metadata: Mapping[str, Any],
) -> bytes:
    """Return the message as JSON; the same bytes for each try of a delivery.

    Source: the Standard Webhooks specification 1.0, section "Payload structure": `type`, `timestamp`, `data`.

    Args:
        occurred_at: When it happened, as ISO-8601 in UTC.
        tenant: The tenant's slug.
    """
    message = {
        "type": event_type,
        "timestamp": occurred_at,
        "data": {
            "id": content_id,
            "tenant": tenant,
            "event_id": str(metadata["event_id"]),
            "actor": metadata.get("actor"),
            "record": {key: value for key, value in content.items() if key not in LEFT_OUT},
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def ping_body(now: datetime) -> bytes:
    """Return the message by which an address is tried."""
    message = {"type": "ping", "timestamp": now.isoformat().replace("+00:00", "Z"), "data": {}}
    return json.dumps(message, separators=(",", ":")).encode()
