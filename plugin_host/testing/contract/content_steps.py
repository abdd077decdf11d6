"""Content is made, changed, published and deleted the real way: through the services, with hooks and deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import connections

from core.errors import TenantryError
from core.models import Collection
from core.selectors.content_document import content_document
from core.selectors.content_state import state_of_record
from core.services.collections import create_collection
from core.services.publishing import publish_record, unpublish_record
from core.services.records import create_record, delete_record, update_record
from plugin_host.deliveries.claiming import ClaimedDelivery
from plugin_host.deliveries.execution import run_delivery
from plugin_host.deliveries.finishing import AttemptResult
from plugin_host.runner import HookOutcome
from plugin_host.testing import host
from plugin_host.testing.content import ARTICLE_SCHEMA
from plugin_host.testing.contract.account import Account, Repeat
from plugin_host.testing.contract.rows import kept_counts


def change_content(account: Account, *, twice: bool = False) -> None:
    """Do everything that can be done to content, and the actions after each step.

    Args:
        twice: Make each delivery twice, as when a process dies between the effect and the note of it.
    """
    example, mark = account.example, account.mark
    data: Mapping[str, Any] = example.data
    if example.collection_schema is None:
        data = {"summary": f"Summary of {mark}", "body": f"Text of {mark}.", **example.data}
    made: list[UUID] = []

    def collection() -> None:
        if not Collection.objects.filter(name=example.collection).exists():
            create_collection(name=example.collection, schema=example.collection_schema or ARTICLE_SCHEMA)

    def create() -> None:
        made.append(create_record(collection=example.collection, data=data, title=f"Title {mark}").pk)

    def publish() -> None:
        account.content = content_document(state_of_record(publish_record(record_id=made[-1])))

    def refused() -> None:
        # A use case that fails: there are hooks for that too.
        try:
            update_record(record_id=made[-1], title="Late", expected_version=10_000)
        except TenantryError as error:
            account.see("answer to a late change", str(error))

    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("making a collection", collection),
        ("creating content", create),
        ("changing content", lambda: update_record(record_id=made[-1], title=f"Changed {mark}")),
        ("changing content too late", refused),
        ("publishing content", publish),
        ("unpublishing content", lambda: unpublish_record(record_id=made[-1])),
        ("deleting content", lambda: delete_record(record_id=made.pop())),
        # Something has to be left to look at.
        ("creating more content", create),
        ("publishing more content", publish),
    )
    for what, do in steps:
        try:
            with account.inside():
                do()
        except TenantryError as error:
            faults = [f"{fault.pointer} {fault.message}" for fault in error.errors]
            account.see(f"answer to {what}", " ".join([error.message, *faults]))
            account.fail(what, f"was refused: {' '.join([error.message, *faults])}")
            return
        deliver(account, twice=twice)


def deliver(account: Account, *, twice: bool = False) -> None:
    """Run the actions that are due."""

    async def run_twice(delivery: ClaimedDelivery) -> AttemptResult:
        first = await run_delivery(delivery)
        if delivery.plugin != account.plugin.id:
            return first
        once = await asyncio.to_thread(_counted, account)
        second = await run_delivery(replace(delivery, attempt=delivery.attempt + 1))
        account.repeats.append(
            Repeat(
                hook=delivery.hook,
                event_type=delivery.event_type,
                outcomes=(_ending(first), _ending(second)),
                once=once,
                twice=await asyncio.to_thread(_counted, account),
            )
        )
        return second

    for run in host.deliver_with(account.tenant, run_twice if twice else run_delivery):
        is_late = any(
            other.outcome is HookOutcome.TIMED_OUT and other.hook == run.hook for other in account.runs
        )
        if run.plugin == account.plugin.id and run.ended not in ("done", "skipped") and not is_late:
            reason = run.error.partition("\n")[0] or "it logged an error"
            account.fail(run.hook, f"after {run.event_type}: {run.ended or 'failed'}: {reason}")


def _ending(result: AttemptResult) -> str:
    return (
        result.outcome.value if result.outcome is not None else f"failed: {result.error.partition('\n')[0]}"
    )


def _counted(account: Account) -> dict[str, int]:
    try:
        return kept_counts(account)
    finally:
        connections.close_all()
