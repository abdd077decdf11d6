"""What waits for endpoints: kept, claimed for a try, and settled. All of it in the tenant's scope.

The hook keeps a message for each endpoint that wants it before anything is sent. So whatever an endpoint does, the
delivery of the host ends, later versions of the record go on, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.utils import timezone

from plugin_host.errors import PluginError

from .answers import Answer, Meaning
from .models import MAX_REASON, Attempt, EndpointState, Message, Sending, SendingStatus

# After the first try, the second and so on; more than a day together. Source: after the schedule that the Standard
# Webhooks specification gives as an example.
PAUSES_SECONDS: Final = (5, 30, 300, 1800, 7200, 18_000, 36_000, 36_000)
# How long a failing endpoint is left alone: seconds that it fails -> pause. Most are away for moments. By time and not
# by count, because many tries may end at once. The longest is a bit less than the minute of the clock.
_ENDPOINT_PAUSES_SECONDS: Final = ((5, 5), (60, 30))
_LONG_ENDPOINT_PAUSE_SECONDS: Final = 50
# For one that asks to slow down without saying for how long.
SLOW_DOWN_SECONDS: Final = 60
# What is due later is left to the task's own schedule.
SOON: Final = timedelta(seconds=45)
PAUSE_AFTER: Final = timedelta(hours=24)
PAUSE_AFTER_FAILURES: Final = 10
PAUSE_AFTER_REFUSALS: Final = 5
# In a row; fewer may be the fault of a single message.
AWAY_AFTER_FAILURES: Final = 3
# Longer than one request can take.
LEASE: Final = timedelta(seconds=60)
MAX_AGAIN: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One try that is to be made now.

    Args:
        request_id: Of the try.
        number: Of the try, from 1.
    """

    sending_id: UUID
    request_id: UUID
    message_id: UUID
    type: str
    body: str
    number: int


def keep_message(
    event_id: UUID, *, delivery_id: UUID, endpoints: Iterable[str], fields: Mapping[str, Any]
) -> list[UUID]:
    """Keep a message for these endpoints and return its sendings that wait.

    The same delivery once more finds what it kept before. Another delivery of the same event is a replay: then
    everything is sent again.
    """
    with transaction.atomic():
        message, _ = Message.objects.get_or_create(
            pk=event_id, defaults={**fields, "delivery_id": delivery_id}
        )
        Sending.objects.bulk_create(
            (_sending(message, endpoint) for endpoint in endpoints), ignore_conflicts=True
        )
        if message.delivery_id != delivery_id:
            Message.objects.filter(pk=message.pk).update(delivery_id=delivery_id)
            send_again(Sending.objects.filter(message=message))
        waiting = Sending.objects.filter(message=message, status=SendingStatus.WAITING)
        return list(waiting.values_list("pk", flat=True))


def _sending(message: Message, endpoint: str) -> Sending:
    return Sending(
        message=message,
        endpoint=endpoint,
        record_id=message.record_id,
        record_version=message.record_version,
    )


def callable_endpoints(names: Collection[str], *, now: datetime, healthy_only: bool = False) -> set[str]:
    """Return those endpoints that may be called now.

    Args:
        healthy_only: Leave out those whose last try failed.
    """
    held = Q(paused_at__isnull=False) | Q(not_before__gt=now)
    if healthy_only:
        held |= Q(failures__gt=0)
    return set(names) - set(EndpointState.objects.filter(held, name__in=names).values_list("name", flat=True))


def is_failing(name: str) -> bool:
    """Say whether the last try at an endpoint failed."""
    return bool(EndpointState.objects.filter(name=name, failures__gt=0).exists())


def due_in_seconds(names: Collection[str], *, now: datetime) -> float | None:
    """Return when the next message for these endpoints may be tried, or None where none may within `SOON`."""
    states = EndpointState.objects.filter(name__in=names)
    held = {state.name: state.not_before or now for state in states if state.paused_at is None}
    paused = {state.name for state in states if state.paused_at is not None}
    free = [name for name in names if name not in paused and held.get(name, now) <= now + SOON]
    waiting = _first_versions().filter(_is_free(now), endpoint__in=free, next_try_at__lte=now + SOON)
    firsts = waiting.values_list("endpoint").annotate(first=Min("next_try_at")).order_by("endpoint")
    times = [max(first, held.get(name, now)) for name, first in firsts]
    return max(0.0, (min(times) - now).total_seconds()) if times else None


def _first_versions() -> Any:
    """Return what waits without those that an earlier version of the same record goes before."""
    earlier = Sending.objects.filter(
        endpoint=OuterRef("endpoint"),
        status=SendingStatus.WAITING,
        record_id=OuterRef("record_id"),
        record_version__lt=OuterRef("record_version"),
    )
    return Sending.objects.filter(~Exists(earlier), status=SendingStatus.WAITING)


def _is_free(now: datetime) -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now)


def claim(
    endpoint: str,
    *,
    limit: int,
    now: datetime,
    only: Collection[UUID] | None = None,
    ignore_leases: bool = False,
) -> list[Claim]:
    """Take sendings of an endpoint that are due, for as long as one request can take.

    Of a record's versions only the first that waits is taken.

    Args:
        only: Of these sendings.
        ignore_leases: Also what somebody has taken who is known to have gone away.
    """
    due = _first_versions().filter(endpoint=endpoint, next_try_at__lte=now)
    if only is not None:
        due = due.filter(pk__in=only)
    if not ignore_leases:
        due = due.filter(_is_free(now))
    with transaction.atomic():
        rows = list(
            due.select_for_update(skip_locked=True, of=("self",))
            .select_related("message")
            .order_by("next_try_at", "id")[:limit]
        )
        Sending.objects.filter(pk__in=[row.pk for row in rows]).update(
            lease_until=now + LEASE, tries=F("tries") + 1
        )
    return [
        Claim(
            sending_id=row.pk,
            request_id=Attempt().pk,
            message_id=row.message_id,
            type=row.message.type,
            body=row.message.body,
            number=row.tries + 1,
        )
        for row in rows
    ]


def settle(endpoint: str, claimed: Claim, answer: Answer, *, now: datetime) -> None:
    """Write down how a try went, and what follows for the message and for the endpoint."""
    with transaction.atomic():
        _log(endpoint, claimed, answer, now)
        state = _state(endpoint)
        sending = Sending.objects.select_for_update().filter(pk=claimed.sending_id).first()
        was_away = state.failures >= AWAY_AFTER_FAILURES
        if answer.meaning is Meaning.DELIVERED:
            _note_success(state, now)
        else:
            _note_failure(state, answer, now)
        if sending is not None:
            _finish_try(sending, state, answer, now)
        if was_away and answer.meaning is Meaning.DELIVERED:
            # What was put off for hours meanwhile need not wait any longer.
            waiting = Sending.objects.filter(endpoint=endpoint, status=SendingStatus.WAITING)
            waiting.filter(next_try_at__gt=now).update(next_try_at=now)


def log_test(endpoint: str, request_id: UUID, kind: str, answer: Answer, *, now: datetime) -> Attempt:
    """Write down how a test went; it changes nothing else."""
    attempt: Attempt = _attempt(endpoint, request_id, None, kind, 1, answer, now)
    return attempt


def pause(name: str, *, reason: str, by: str, now: datetime) -> None:
    """Let messages for an endpoint wait until it is resumed."""
    with transaction.atomic():
        state = _state(name)
        if state.paused_at is None:
            state.paused_at, state.paused_reason, state.paused_by = now, reason[:MAX_REASON], by[:254]
            state.save()


def resume(name: str, *, now: datetime) -> int:
    """Let an endpoint be called again and return how many messages are due for it now."""
    with transaction.atomic():
        state = _state(name)
        state.paused_at = state.failing_since = state.not_before = None
        state.paused_by = state.paused_reason = ""
        state.failures = 0
        state.save()
        waiting = Sending.objects.filter(endpoint=name, status=SendingStatus.WAITING)
        return int(waiting.update(next_try_at=now, failures=0))


def redeliver_events(name: str, event_ids: Collection[UUID]) -> int:
    """Make these messages due for an endpoint once more and return how many there are.

    Raises:
        PluginError: There are too many.
    """
    return _redeliver(name, Message.objects.filter(pk__in=event_ids))


def redeliver_range(
    name: str, *, since: datetime, until: datetime, types: Collection[str], collections: Collection[str]
) -> int:
    """Make the messages of a time that an endpoint wants due for it once more, whether it had them or not.

    Args:
        since: Their events happened at that time or later.
        until: Before that time.

    Raises:
        PluginError: There are too many.
    """
    chosen = Message.objects.filter(occurred_at__gte=since, occurred_at__lt=until, type__in=types)
    if collections:
        chosen = chosen.filter(collection__in=collections)
    return _redeliver(name, chosen)


def _redeliver(name: str, messages: Any) -> int:
    with transaction.atomic():
        chosen = list(messages.order_by("id")[: MAX_AGAIN + 1])
        if len(chosen) > MAX_AGAIN:
            raise PluginError(
                f"More than {MAX_AGAIN} messages are in that time: take a shorter one, one after the other.",
                code="too_many_messages",
            )
        Sending.objects.bulk_create((_sending(message, name) for message in chosen), ignore_conflicts=True)
        send_again(Sending.objects.filter(endpoint=name, message__in=chosen))
    return len(chosen)


def send_again(sendings: Any) -> None:
    """Make sendings due now, as if they had never been tried."""
    sendings.update(
        status=SendingStatus.WAITING,
        failures=0,
        next_try_at=timezone.now(),
        lease_until=None,
        finished_at=None,
    )


def cancel_removed(names: Collection[str], *, now: datetime) -> int:
    """End what waits for endpoints that are no longer configured."""
    gone = Sending.objects.filter(status=SendingStatus.WAITING).exclude(endpoint__in=names)
    EndpointState.objects.exclude(name__in=names).delete()
    return int(
        gone.update(
            status=SendingStatus.CANCELLED,
            finished_at=now,
            reason="the endpoint is no longer in the configuration",
        )
    )


def tidy_up(*, before: datetime) -> int:
    """Delete messages and tries that are old, but nothing that waits; return how many messages."""
    waiting = Sending.objects.filter(message=OuterRef("pk"), status=SendingStatus.WAITING)
    Attempt.objects.filter(at__lt=before, message=None).delete()
    _, per_model = Message.objects.filter(~Exists(waiting), occurred_at__lt=before).delete()
    return int(per_model.get(Message._meta.label, 0))


def waiting_counts() -> dict[str, int]:
    """Return how many messages wait for each endpoint that has any."""
    rows = Sending.objects.filter(status=SendingStatus.WAITING).values_list("endpoint")
    return dict(rows.annotate(waiting=Count("id")).order_by("endpoint"))


def states() -> dict[str, EndpointState]:
    """Return what there is to say of endpoints, by name."""
    return {state.name: state for state in EndpointState.objects.all()}


def _state(name: str) -> EndpointState:
    EndpointState.objects.bulk_create([EndpointState(name=name)], ignore_conflicts=True)
    state: EndpointState = EndpointState.objects.select_for_update().get(name=name)
    return state


def _note_success(state: EndpointState, now: datetime) -> None:
    state.failures = 0
    state.failing_since = state.not_before = None
    state.last_problem = ""
    state.last_success_at = now
    state.save()


def _note_failure(state: EndpointState, answer: Answer, now: datetime) -> None:
    state.failures += 1
    state.failing_since = state.failing_since or now
    state.last_problem = answer.reason[:MAX_REASON]
    if answer.meaning is Meaning.SLOW_DOWN:
        state.not_before = now + timedelta(seconds=answer.retry_after_seconds or SLOW_DOWN_SECONDS)
    else:
        state.not_before = now + _endpoint_pause(now - state.failing_since)
    if state.paused_at is None and (reason := _why_pause(state, answer, now)):
        state.paused_at, state.paused_reason, state.paused_by = now, reason[:MAX_REASON], ""
    state.save()


def _endpoint_pause(failing: timedelta) -> timedelta:
    for until, pause_seconds in _ENDPOINT_PAUSES_SECONDS:
        if failing < timedelta(seconds=until):
            return timedelta(seconds=pause_seconds)
    return timedelta(seconds=_LONG_ENDPOINT_PAUSE_SECONDS)


def _why_pause(state: EndpointState, answer: Answer, now: datetime) -> str:
    if answer.meaning is Meaning.GONE:
        return "It answered 410: it wants no more messages."
    if answer.meaning is Meaning.NOT_CALLED:
        return f"It {answer.reason}."
    if answer.meaning is Meaning.REFUSED and state.failures >= PAUSE_AFTER_REFUSALS:
        return f"It {answer.reason} {state.failures} times in a row: it does not accept what signs for it."
    since = state.failing_since or now
    if state.failures >= PAUSE_AFTER_FAILURES and now - since >= PAUSE_AFTER:
        return f"It has taken nothing since {since:%Y-%m-%d %H:%M} UTC; last it {answer.reason}."
    return ""


def _finish_try(sending: Sending, state: EndpointState, answer: Answer, now: datetime) -> None:
    sending.lease_until = None
    sending.reason = answer.reason[:MAX_REASON]
    if answer.meaning is Meaning.DELIVERED:
        sending.status, sending.finished_at = SendingStatus.DELIVERED, now
    elif answer.meaning is Meaning.SLOW_DOWN:
        # It was asked to wait, which is nobody's failure.
        sending.next_try_at = state.not_before or now
    elif state.paused_at is not None:
        sending.next_try_at = now
    elif sending.failures >= len(PAUSES_SECONDS):
        sending.status, sending.finished_at = SendingStatus.GIVEN_UP, now
    else:
        sending.next_try_at = now + timedelta(seconds=PAUSES_SECONDS[sending.failures])
        sending.failures += 1
    sending.save()


def _log(endpoint: str, claimed: Claim, answer: Answer, now: datetime) -> None:
    # The message may have been tidied away meanwhile.
    if Message.objects.filter(pk=claimed.message_id).exists():
        _attempt(endpoint, claimed.request_id, claimed.message_id, claimed.type, claimed.number, answer, now)


def _attempt(
    endpoint: str,
    request_id: UUID,
    message_id: UUID | None,
    kind: str,
    number: int,
    answer: Answer,
    now: datetime,
) -> Any:
    return Attempt.objects.create(
        pk=request_id,
        endpoint=endpoint,
        message_id=message_id,
        type=kind,
        number=number,
        status=answer.status,
        is_delivered=answer.meaning is Meaning.DELIVERED,
        reason=answer.reason[:MAX_REASON],
        duration_ms=answer.duration_ms,
        excerpt=answer.excerpt[:600],
        at=now,
    )
