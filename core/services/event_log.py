"""The order of a tenant's log, in which nothing is skipped.

Neither the time nor the id of an event can be the order in which the log is read: both are made before the commit, so
a transaction that takes longer adds its events behind a reader who has gone past. Therefore committed events get
their `position` afterwards, when the log is read: under one lock per tenant, always behind all positions that are
given. An event that commits late gets a late position, whatever its time.

(An order by transaction ids would do without a second write; but they begin anew where a backup is restored into
another server, and readers would wait for the longest transaction of the whole server.)
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from core.errors import NotFound
from core.models import Event
from core.scope import require_tenant

BATCH: Final = 2000

# Clocks differ, so an event of a record counts as no earlier than those of its earlier versions.
_PLACE: Final = """
WITH waiting AS (
    SELECT id, created_at, record_id, record_version FROM core_event WHERE position IS NULL
    ORDER BY created_at, id LIMIT %(limit)s
), timed AS (
    SELECT id, record_version,
        max(created_at) OVER (PARTITION BY coalesce(record_id, id) ORDER BY record_version, id) AS at
    FROM waiting
), placed AS (
    SELECT id, row_number() OVER (ORDER BY at, record_version, id)
        + coalesce((SELECT max(position) FROM core_event), 0) AS position
    FROM timed
)
UPDATE core_event e SET position = placed.position FROM placed WHERE e.id = placed.id
"""


def place_events(*, limit: int = BATCH) -> bool:
    """Give committed events of the tenant in scope their places in the log, oldest first.

    Args:
        limit: How many at most.

    Returns:
        Whether all that were committed have one now.
    """
    tenant = require_tenant()
    digest = sha256(f"event-log:{tenant.tenant_id}".encode()).digest()[:8]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM core_event WHERE position IS NULL)")
        if not cursor.fetchone()[0]:
            return True
        # The statement after the lock sees what the former holder has placed.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest, "big", signed=True)])
        cursor.execute(_PLACE, {"limit": limit})
        return bool(cursor.rowcount < limit)


def position_of(event_id: UUID) -> int:
    """Return the place of an event in the log of the tenant in scope; it gets one where it has none.

    Raises:
        NotFound: There is no such event, or it is another tenant's.
    """
    while True:
        event = Event.objects.filter(pk=event_id).only("position").first()
        if event is None:
            raise NotFound(f"There is no event {event_id}.", code="event_not_found")
        if event.position is not None:
            return int(event.position)
        place_events()
