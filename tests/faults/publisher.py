"""A process that publishes records, as a web process does: `python -m tests.faults.publisher TENANT_ID RECORD_ID…`."""

from __future__ import annotations

import sys
from uuid import UUID

import django


def main() -> None:
    django.setup()
    # Only now Django is ready.
    from core.actors import system_actor
    from core.scope import tenant_scope
    from core.services.publishing import publish_record

    tenant_id, *record_ids = sys.argv[1:]
    with tenant_scope(UUID(tenant_id), actor=system_actor("publisher")):
        for record_id in record_ids:
            publish_record(record_id=record_id)


if __name__ == "__main__":
    main()
