"""What is kept: changes that wait for a deployment, deployments and how they went. All of it is for `def` code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from .client import Remote
from .config import VercelConfig
from .models import Change, Deployment
from .states import ACTIVE, State, Trouble

MANUAL: Final = "manual"
# Builds take 45 minutes at most; what is silent for longer is given up.
FOLLOWED_FOR: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What is to be started: a deployment that waits, or nothing before some seconds have passed; None: nothing."""

    deployment: Deployment | None = None
    in_seconds: float | None = None


def note_change(key: UUID | str, event: str, content: Mapping[str, Any] | None = None) -> None:
    """Keep the wish for a deployment; told again under the same key it is the same one."""
    content = content or {}
    Change.objects.get_or_create(
        key=key,
        defaults={
            "event": event,
            "content_id": str(content.get("content_id") or ""),
            "collection": str(content.get("collection") or "")[:100],
            "title": str(content.get("title") or content.get("slug") or "")[:200],
        },
    )


def next_to_start(config: VercelConfig, now: datetime) -> Next:
    """Return the deployment whose time to be started has come; it is made where changes have waited long enough."""
    waiting = Deployment.objects.filter(state=State.WAITING).order_by("asked_at").first()
    if waiting is not None:
        if waiting.next_try_at > now:
            return Next(in_seconds=(waiting.next_try_at - now).total_seconds())
        return Next(deployment=waiting)
    span = _open_changes().aggregate(
        first=Min("noted_at"), last=Max("noted_at"), manual=Count("pk", filter=Q(event=MANUAL))
    )
    if span["first"] is None:
        return Next()
    due = min(
        span["last"] + timedelta(seconds=config.quiet_seconds),
        span["first"] + timedelta(seconds=config.longest_wait_seconds),
    )
    if due > now and not span["manual"]:
        return Next(in_seconds=(due - now).total_seconds())
    return Next(deployment=Deployment.objects.create(asked_at=now, next_try_at=now))


def begin_try(deployment: Deployment) -> None:
    """Write down that it is about to be started, and with which changes: those that come later need another one."""
    with transaction.atomic():
        deployment.tries += 1
        deployment.save(update_fields=["tries"])
        _open_changes().update(deployment=deployment)


def accepted(deployment: Deployment, remote: Remote, now: datetime, *, can_follow: bool) -> None:
    """Write down that Vercel has taken it."""
    deployment.accepted_at = remote.created_at or now
    deployment.error = deployment.trouble = ""
    deployment.next_try_at = now
    seen(deployment, remote, now)
    if not can_follow:
        deployment.finished_at = now
        deployment.save(update_fields=["finished_at"])


def seen(deployment: Deployment, remote: Remote, now: datetime) -> None:
    """Write down how far it is."""
    deployment.state = remote.state
    deployment.remote_id = remote.id or deployment.remote_id
    deployment.url = remote.url or deployment.url
    deployment.details_url = remote.details_url or deployment.details_url
    deployment.error = remote.error if remote.state == State.ERROR else ""
    deployment.trouble = ""
    if remote.state not in ACTIVE:
        deployment.finished_at = now
    deployment.save()


def held_up(deployment: Deployment, error: str, trouble: Trouble, *, until: datetime) -> None:
    """Write down why it goes no further, and when to try again."""
    deployment.error = error[:2000]
    deployment.trouble = trouble
    deployment.next_try_at = until
    deployment.save(update_fields=["error", "trouble", "next_try_at"])


def given_up(deployment: Deployment, error: str, now: datetime) -> None:
    """Write down that nobody will look at it any more."""
    deployment.state = State.UNKNOWN
    deployment.error = error
    deployment.finished_at = now
    deployment.save(update_fields=["state", "error", "finished_at"])


def is_idle() -> bool:
    """Say whether there is nothing to start and nothing to follow."""
    unfinished = Deployment.objects.filter(finished_at=None)
    return not unfinished.exists() and not _open_changes().exists()


def followed() -> list[Deployment]:
    """Return the deployments that are on their way, the oldest first; five at a time are enough for one run."""
    on_their_way = Deployment.objects.filter(state__in=ACTIVE, finished_at=None)
    return list(on_their_way.order_by("asked_at")[:5])


def known_ids() -> frozenset[str]:
    """Return the deployments at Vercel that have a row here, of the newest."""
    newest = Deployment.objects.exclude(remote_id="").order_by("-asked_at")
    return frozenset(newest.values_list("remote_id", flat=True)[:100])


def try_again_now() -> bool:
    """Let what waits be tried at once, but for what the service has asked to wait; say whether anything does."""
    waiting = Deployment.objects.filter(state=State.WAITING)
    waiting.exclude(trouble=Trouble.LIMITED).update(next_try_at=timezone.now())
    return waiting.exists() or _open_changes().exists()


def clean_up(config: VercelConfig, now: datetime) -> None:
    """Delete what has ended and is old."""
    before = now - timedelta(days=config.keep_days)
    Deployment.objects.filter(asked_at__lt=before).exclude(finished_at=None).delete()


def newest(limit: int) -> list[Deployment]:
    """Return the last deployments with their changes, the newest first."""
    return list(Deployment.objects.prefetch_related("changes").order_by("-asked_at", "-id")[:limit])


def open_changes() -> list[Change]:
    """Return the changes that wait for a deployment, the newest first; 100 at most."""
    return list(_open_changes().order_by("-noted_at")[:100])


def _open_changes() -> QuerySet[Change]:
    found: QuerySet[Change] = Change.objects.filter(deployment=None)
    return found
