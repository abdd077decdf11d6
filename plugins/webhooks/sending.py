"""Sending what waits: in the hook what has just happened, by the clock whatever is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import httpx
from asgiref.sync import sync_to_async
from django.utils import timezone

from core.logging import get_logger
from plugin_host.base import Secrets
from plugin_host.errors import PluginError
from plugin_host.runtime import request_run

from . import queue
from .answers import Answer, Meaning
from .client import client, post
from .config import SEND_TASK, Endpoint
from .message import ping_body
from .models import Attempt
from .queue import Claim

# What one run by the clock takes on for an endpoint before it leaves the rest to the next one.
BUDGET_SECONDS: Final = 45.0
BATCH: Final = 10
# Between two runs, whatever is due.
LEAST_SECONDS: Final = 1.0
logger = get_logger(__name__)


async def send_now(
    endpoints: Sequence[Endpoint], secrets: Secrets, *, only: Collection[UUID], is_retry: bool
) -> int:
    """Try sendings at those of the endpoints that fare well, all at once; return how many were taken.

    An endpoint whose last try failed is left to the clock: waiting for it here would delay what comes after.

    Args:
        is_retry: The delivery was begun before, by somebody who has gone away.
    """
    now = timezone.now()
    names = [endpoint.name for endpoint in endpoints]
    good = await sync_to_async(queue.callable_endpoints)(names, now=now, healthy_only=True)
    async with client() as opened:
        answers = await asyncio.gather(
            *(
                _send_batch(opened, endpoint, secrets, limit=1, only=only, ignore_leases=is_retry)
                for endpoint in endpoints
                if endpoint.name in good
            )
        )
    return sum(answer.meaning is Meaning.DELIVERED for batch in answers for answer in batch)


async def send_waiting(endpoints: Sequence[Endpoint], secrets: Secrets) -> dict[str, int]:
    """Send what is due, each endpoint by itself; return how many messages were taken and how many tries failed."""
    names = [endpoint.name for endpoint in endpoints]
    callable_now = await sync_to_async(queue.callable_endpoints)(names, now=timezone.now())
    async with client() as opened:
        answers = await asyncio.gather(
            *(_drain(opened, endpoint, secrets) for endpoint in endpoints if endpoint.name in callable_now)
        )
    made = [answer for batch in answers for answer in batch]
    delivered = sum(answer.meaning is Meaning.DELIVERED for answer in made)
    return {"delivered": delivered, "failed": len(made) - delivered}


async def come_back_soon(endpoints: Sequence[Endpoint]) -> None:
    """Have the task run when the next message is due, where that is before its own time comes."""
    names = [endpoint.name for endpoint in endpoints]
    seconds = await sync_to_async(queue.due_in_seconds)(names, now=timezone.now())
    if seconds is not None:
        await sync_to_async(send_soon)(after_seconds=max(seconds, LEAST_SECONDS))


def send_soon(*, after_seconds: float = 0.0) -> None:
    """Ask for a run of the task that sends what waits."""
    try:
        request_run(SEND_TASK, after_seconds=after_seconds)
    except PluginError as error:
        # A moment after the plugin was switched on its tasks are not known yet. It will run within a minute anyway.
        logger.info("What waits is left to the clock: %s", error.message)


async def send_test(endpoint: Endpoint, secrets: Secrets) -> Attempt:
    """Send a signed `ping` to an endpoint, paused or not, and return the entry of the log."""
    now = timezone.now()
    request_id: UUID = Attempt().pk
    async with client() as opened:
        answer = await post(
            opened,
            endpoint,
            secrets=secrets,
            message_id=f"ping_{request_id.hex}",
            request_id=str(request_id),
            sent_at=time.time(),
            secret_names=endpoint.secret_names(now),
            body=ping_body(datetime.now(UTC)),
        )
    return await sync_to_async(queue.log_test)(endpoint.name, request_id, "ping", answer, now=now)


async def _drain(opened: httpx.AsyncClient, endpoint: Endpoint, secrets: Secrets) -> list[Answer]:
    """Send until nothing is due, a try fails, or the time is up. A failing endpoint gets one try."""
    made: list[Answer] = []
    until = time.monotonic() + BUDGET_SECONDS
    limit = 1 if await sync_to_async(queue.is_failing)(endpoint.name) else BATCH
    while time.monotonic() < until:
        batch = await _send_batch(opened, endpoint, secrets, limit=limit)
        made += batch
        if not batch or any(answer.meaning is not Meaning.DELIVERED for answer in batch):
            break
        limit = BATCH
    return made


async def _send_batch(
    opened: httpx.AsyncClient,
    endpoint: Endpoint,
    secrets: Secrets,
    *,
    limit: int,
    only: Collection[UUID] | None = None,
    ignore_leases: bool = False,
) -> list[Answer]:
    claims = await sync_to_async(queue.claim)(
        endpoint.name, limit=limit, now=timezone.now(), only=only, ignore_leases=ignore_leases
    )
    return list(await asyncio.gather(*(_send_one(opened, endpoint, secrets, one) for one in claims)))


async def _send_one(
    opened: httpx.AsyncClient, endpoint: Endpoint, secrets: Secrets, claimed: Claim
) -> Answer:
    answer = await post(
        opened,
        endpoint,
        secrets=secrets,
        message_id=str(claimed.message_id),
        request_id=str(claimed.request_id),
        sent_at=time.time(),
        secret_names=endpoint.secret_names(timezone.now()),
        body=claimed.body.encode(),
    )
    await sync_to_async(queue.settle)(endpoint.name, claimed, answer, now=timezone.now())
    return answer
