"""What becomes of leased deliveries: outcomes, renewed leases, leases given back, leases that ran out.

Each is one statement that names the lease: a result under an old lease is refused, however late it comes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection

from core.logging import LogLine
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.breaker.conduct import Conduct, PluginOutcome
from plugin_host.deliveries.backoff import MAX_CRASHES
from plugin_host.deliveries.claiming import ClaimedDelivery
from plugin_host.models.delivery import AttemptOutcome, DeliveryOutcome
from plugin_host.services.breaker import note_outcomes

_GONE: Final = "The process that ran it went away: it was killed, crashed or lost the database."
MAX_ERROR_CHARACTERS = 8_000
MAX_LINE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """How one attempt ended.

    Args:
        outcome: How the delivery ended; None where it is to be tried again.
        outcome_reason: Why it was skipped or is dead, as a code.
        wait_seconds: When it is tried again, from now; only without `outcome`.
        counts_as_failure: Whether it uses up one of the delivery's attempts.
        error: What went wrong, for people; secrets are masked already.
        log: The lines written meanwhile.
        conduct: What the attempt says of the plugin, for the breaker.
        is_probe: Whether it was let through to see whether a paused plugin works again.
    """

    id: UUID
    token: UUID
    attempt_outcome: AttemptOutcome
    outcome: DeliveryOutcome | None = None
    outcome_reason: str = ""
    wait_seconds: float = 0.0
    counts_as_failure: bool = False
    error: str = ""
    log: Sequence[LogLine] = field(default_factory=tuple)
    conduct: Conduct = Conduct.UNKNOWN
    is_probe: bool = False


def given_back(delivery: ClaimedDelivery, why: str, *, wait_seconds: float = 0.0) -> AttemptResult:
    """Return the result of an attempt that says nothing about the plugin: it is due again and nothing is counted."""
    return AttemptResult(
        id=delivery.id,
        token=delivery.token,
        attempt_outcome=AttemptOutcome.RELEASED,
        wait_seconds=wait_seconds,
        error=why,
    )


def finish_attempts(results: Sequence[AttemptResult]) -> set[UUID]:
    """Write how attempts ended; return the ids of the deliveries whose result was taken.

    A final outcome moves the delivery to the history. Whoever's lease is no longer the valid one is left out.
    """
    if not results:
        return set()
    tokens = [result.token for result in results]
    parameters: dict[str, Any] = {
        "ids": [result.id for result in results],
        "tokens": tokens,
        "first": min(tokens),
        "last": max(tokens),
        "attempt_outcomes": [result.attempt_outcome.value for result in results],
        "outcomes": [result.outcome.value if result.outcome else None for result in results],
        "reasons": [result.outcome_reason for result in results],
        "waits": [result.wait_seconds for result in results],
        "failures": [int(result.counts_as_failure) for result in results],
        "errors": [storable(result.error) for result in results],
        "logs": [log_text(result.log) for result in results],
    }
    with platform_scope(PlatformWork.DELIVERY_DISPATCH), connection.cursor() as cursor:
        cursor.execute(_FINISH, parameters)
        taken = {row[0]: row[1:] for row in cursor.fetchall()}
    _note_outcomes(results, taken)
    return set(taken)


def _note_outcomes(
    results: Sequence[AttemptResult], taken: Mapping[UUID, tuple[UUID, str, str, bool]]
) -> None:
    """Tell the breaker what is of interest to it; where all is in order that is nothing."""
    outcomes = [
        PluginOutcome(
            tenant_id=taken[result.id][0],
            plugin_id=taken[result.id][1],
            what=taken[result.id][2],
            conduct=result.conduct,
            error=result.error,
            is_probe=result.is_probe,
        )
        for result in results
        if result.id in taken
    ]
    note_outcomes(
        outcomes, troubled={(tenant, plugin) for tenant, plugin, _, troubled in taken.values() if troubled}
    )


def renew_leases(leases: Iterable[tuple[UUID, UUID]], *, lease_seconds: float) -> set[UUID]:
    """Keep leases, given as (delivery, token); return the ids of the deliveries that are still held."""
    held = list(leases)
    if not held:
        return set()
    with platform_scope(PlatformWork.DELIVERY_DISPATCH), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE plugin_host_delivery d SET lease_until = now() + make_interval(secs => %(lease)s) "
            "FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[]) AS held(id, token) "
            "WHERE d.id = held.id AND d.lease_token = held.token RETURNING d.id",
            {"lease": lease_seconds, "ids": [item[0] for item in held], "tokens": [item[1] for item in held]},
        )
        return {row[0] for row in cursor.fetchall()}


def recover_lost_leases() -> list[UUID]:
    """Make deliveries due again whose process went away under them; return their ids.

    One that took its process with it three times is dead: it would take the next as well. The breaker hears of that,
    and of every probe that was lost.
    """
    with platform_scope(PlatformWork.DELIVERY_SWEEP), connection.cursor() as cursor:
        cursor.execute(
            _RECOVER,
            {
                "max_crashes": MAX_CRASHES,
                "error": _GONE,
            },
        )
        lost = cursor.fetchall()
    note_outcomes(
        PluginOutcome(
            tenant_id=tenant_id,
            plugin_id=plugin,
            what=hook,
            conduct=Conduct.CRASHED if is_dead else Conduct.LOST,
            error=_GONE,
        )
        for _, tenant_id, plugin, hook, is_dead in lost
    )
    return [row[0] for row in lost]


def count_due() -> int:
    """Return how many deliveries could start now, counted up to 100."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM plugin_host_delivery WHERE status = 'pending' "
            "AND next_attempt_at <= now() LIMIT 100) due"
        )
        return int(cursor.fetchone()[0])


def log_text(lines: Sequence[LogLine]) -> str:
    """Return log lines as the JSON that stands in an attempt."""
    return json.dumps(
        [
            {
                "at": line.at.isoformat(),
                "level": line.level,
                "logger": line.logger,
                "message": storable(line.message, MAX_LINE_CHARACTERS),
            }
            for line in lines
        ]
    )


def storable(text: str, limit: int = MAX_ERROR_CHARACTERS) -> str:
    """Return a text as PostgreSQL can keep it, cut to a length."""
    # PostgreSQL stores neither NUL nor half a surrogate pair, and a hook may raise or log either.
    return text[:limit].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


_SHARED_COLUMNS = (
    "id, tenant_id, event_id, event_type, collection_name, record_id, record_version, plugin, hook, reason, replay_of, "
    "attempt, crashes, created_at"
)
_SHARED_OF_GONE = ", ".join(f"gone.{name}" for name in _SHARED_COLUMNS.split(", "))

_FINISH = f"""
WITH given AS (
    SELECT * FROM unnest(
        %(ids)s::uuid[], %(tokens)s::uuid[], %(attempt_outcomes)s::text[], %(outcomes)s::text[], %(reasons)s::text[],
        %(waits)s::float8[], %(failures)s::int[], %(errors)s::text[], %(logs)s::text[]
    ) AS g(id, token, attempt_outcome, outcome, outcome_reason, wait, failure, error, log)
), gone AS (
    DELETE FROM plugin_host_delivery d USING given
    WHERE d.id = given.id AND d.lease_token = given.token AND given.outcome IS NOT NULL
    RETURNING d.*
), history AS (
    INSERT INTO plugin_host_deliveryhistory
        ({_SHARED_COLUMNS}, failures, error, outcome, outcome_reason, finished_at)
    SELECT {_SHARED_OF_GONE}, gone.failures + given.failure,
        CASE WHEN given.error <> '' OR given.outcome = 'done' THEN given.error ELSE gone.error END,
        given.outcome, given.outcome_reason, now()
    FROM gone JOIN given ON given.id = gone.id
), again AS (
    UPDATE plugin_host_delivery d
    SET status = 'pending', lease_token = NULL, lease_until = NULL, failures = d.failures + given.failure,
        next_attempt_at = now() + make_interval(secs => given.wait),
        error = CASE WHEN given.error <> '' THEN given.error ELSE d.error END
    FROM given
    WHERE d.id = given.id AND d.lease_token = given.token AND given.outcome IS NULL
    RETURNING d.id, d.tenant_id, d.plugin, d.hook
), taken AS (
    SELECT id, tenant_id, plugin, hook FROM gone UNION ALL SELECT id, tenant_id, plugin, hook FROM again
), attempts AS (
    UPDATE plugin_host_deliveryattempt a
    SET outcome = given.attempt_outcome, error = given.error, log = given.log::jsonb, finished_at = now()
    FROM given JOIN taken ON taken.id = given.id
    WHERE a.id = given.token AND a.id BETWEEN %(first)s AND %(last)s
)
SELECT taken.id, taken.tenant_id, taken.plugin, taken.hook, b.plugin_id IS NOT NULL
FROM taken LEFT JOIN plugin_breaker b ON b.tenant_id = taken.tenant_id AND b.plugin_id = taken.plugin
"""

_RECOVER = f"""
WITH lost AS (
    SELECT id, lease_token, tenant_id, plugin, hook, crashes + 1 >= %(max_crashes)s AS is_dead
    FROM plugin_host_delivery
    WHERE status = 'running' AND lease_until < now() ORDER BY lease_until LIMIT 500
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM plugin_host_delivery d USING lost
    WHERE d.id = lost.id AND lost.is_dead
    RETURNING d.*
), history AS (
    INSERT INTO plugin_host_deliveryhistory
        ({_SHARED_COLUMNS}, failures, error, outcome, outcome_reason, finished_at)
    SELECT {_SHARED_COLUMNS.replace("crashes", "crashes + 1")}, failures, %(error)s, 'dead', 'crashes', now() FROM gone
), again AS (
    UPDATE plugin_host_delivery d
    SET status = 'pending', lease_token = NULL, lease_until = NULL, crashes = d.crashes + 1,
        next_attempt_at = now(), error = %(error)s
    FROM lost WHERE d.id = lost.id AND NOT lost.is_dead
), attempts AS (
    UPDATE plugin_host_deliveryattempt a SET outcome = 'lost', error = %(error)s, finished_at = now()
    FROM lost WHERE a.id = lost.lease_token
)
SELECT id, tenant_id, plugin, hook, is_dead FROM lost
"""
