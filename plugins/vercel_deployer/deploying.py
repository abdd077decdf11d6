"""One run of the task: look how deployments fare, start the one that is due, and say when to look again.

What has changed is in the table before anything is asked of Vercel, and stays open until a deployment has been taken
that was asked for afterwards. A try is written down before its request: where the process dies between the two, or the
answer is lost, the next run looks for the deployment first, where a token lets it, and does not start a second one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.utils import timezone

from core.logging import get_logger
from plugin_host.errors import NotReady, PluginError

from . import history
from .client import Remote, VercelClient
from .config import VercelConfig
from .models import Deployment
from .states import ACTIVE, State, Trouble

logger = get_logger(__name__)

FIRST_WAIT_SECONDS: Final = 15.0
LONGEST_WAIT_SECONDS: Final = 900.0
# Somebody has to do something first; saving the settings or the secrets tries at once.
REFUSED_WAIT_SECONDS: Final = 3600.0
_LONGEST_REQUEST_SECONDS: Final = 3600.0
# Two clocks never agree quite.
_SLACK: Final = timedelta(seconds=5)


@dataclass(slots=True)
class Step:
    """What one run did.

    Args:
        looks_again_in: Seconds until there is something to do; None where there is nothing.
        trouble: What the run is to end with.
    """

    started: str = ""
    ended: dict[str, str] = field(default_factory=dict)
    looks_again_in: float | None = None
    trouble: PluginError | None = None

    def as_data(self) -> dict[str, Any]:
        """Return what people see on the task's page."""
        return {"started": self.started, "ended": self.ended, "looks_again_in": self.looks_again_in}

    def look_again(self, seconds: float) -> None:
        """Have another run at the latest then; it is asked for an hour ahead at most, and asks again."""
        seconds = min(seconds, _LONGEST_REQUEST_SECONDS)
        self.looks_again_in = seconds if self.looks_again_in is None else min(self.looks_again_in, seconds)


async def step(client: VercelClient, config: VercelConfig) -> Step:
    """Do what there is to do now."""
    done = Step()
    for deployment in await sync_to_async(history.followed)():
        await _follow(client, deployment, done)
    due = await sync_to_async(history.next_to_start)(config, timezone.now())
    if due.deployment is not None:
        await _start(client, due.deployment, done)
    elif due.in_seconds is not None:
        done.look_again(due.in_seconds)
    if done.ended:
        await sync_to_async(history.clean_up)(config, timezone.now())
    return done


async def _start(client: VercelClient, deployment: Deployment, done: Step) -> None:
    try:
        remote = await _found_or_started(client, deployment)
    except PluginError as error:
        await _held_up(deployment, error, done)
        done.trouble = error
        return
    await sync_to_async(history.accepted)(deployment, remote, timezone.now(), can_follow=client.can_follow)
    logger.info("Vercel has taken deployment %s", remote.id or deployment.pk)
    done.started = remote.id or str(deployment.pk)
    # Changes may have come in meanwhile; they have their own quiet time.
    done.look_again(FIRST_WAIT_SECONDS)


async def _found_or_started(client: VercelClient, deployment: Deployment) -> Remote:
    if deployment.tries and client.can_follow and (earlier := await _find(client, deployment)) is not None:
        return earlier
    await sync_to_async(history.begin_try)(deployment)
    return await client.start(str(deployment.pk))


async def _find(client: VercelClient, deployment: Deployment) -> Remote | None:
    known = await sync_to_async(history.known_ids)()
    return await client.find(str(deployment.pk), since=deployment.since - _SLACK, known=known)


async def _follow(client: VercelClient, deployment: Deployment, done: Step) -> None:
    now = timezone.now()
    if now - deployment.since > history.FOLLOWED_FOR or not client.can_follow:
        await sync_to_async(history.given_up)(deployment, "How it went is not known: look at Vercel.", now)
        return
    if deployment.next_try_at > now:
        done.look_again((deployment.next_try_at - now).total_seconds())
        return
    try:
        remote = await (
            client.look_at(deployment.remote_id) if deployment.remote_id else _find(client, deployment)
        )
    except PluginError as error:
        await _held_up(deployment, error, done)
        logger.warning("The deployment could not be looked at: %s", error)
        done.trouble = done.trouble or error
        return
    if remote is not None:
        await sync_to_async(history.seen)(deployment, remote, now)
    if deployment.state in ACTIVE:
        # Often at first, seldom later on.
        done.look_again(min(max((now - deployment.since).total_seconds() / 10, 5.0), 60.0))
    else:
        _tell(deployment)
        done.ended[deployment.remote_id] = deployment.state


async def _held_up(deployment: Deployment, error: PluginError, done: Step) -> None:
    now: datetime = timezone.now()
    if isinstance(error, NotReady) and error.retry_after is not None:
        trouble, wait = Trouble.LIMITED, error.retry_after
    elif error.permanent:
        trouble, wait = Trouble.REFUSED, REFUSED_WAIT_SECONDS
    else:
        doubled = FIRST_WAIT_SECONDS * 2.0 ** min(max(deployment.tries - 1, 0), 10)
        trouble, wait = Trouble.PASSING, min(doubled, LONGEST_WAIT_SECONDS)
    await sync_to_async(history.held_up)(deployment, str(error), trouble, until=now + timedelta(seconds=wait))
    done.look_again(wait)


def _tell(deployment: Deployment) -> None:
    if deployment.state == State.ERROR:
        logger.warning(
            "Deployment %s failed: %s", deployment.remote_id, deployment.error or "no reason given"
        )
    else:
        logger.info("Deployment %s is %s", deployment.remote_id, State(deployment.state).label.lower())
