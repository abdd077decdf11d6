"""One run of the task: look how deployments fare, start the one that is due, and say when to look again.

What has changed is in the table before anything is asked of the service, and stays open until a deployment has been
taken that was asked for afterwards. A try is written down before its request: where the process dies between the two,
or the answer is lost, the next run looks for the deployment first, where that can be done, and does not start a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.utils import timezone

from core.logging import ContextLogger
from plugin_host.deployments.history import FOLLOWED_FOR, History
from plugin_host.deployments.rules import DeploymentRules
from plugin_host.deployments.service import DeploymentService, RemoteDeployment
from plugin_host.deployments.states import UNDER_WAY, DeploymentState, DeploymentTrouble
from plugin_host.errors import NotReady, PluginError

if TYPE_CHECKING:
    from plugin_host.deployments.models import DeploymentRecord

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """What a run works with.

    Args:
        title: What people know the service as.
    """

    service: DeploymentService
    history: History
    rules: DeploymentRules
    title: str
    logger: ContextLogger

    async def step(self) -> Step:
        """Do what there is to do now."""
        done = Step()
        for deployment in await sync_to_async(self.history.followed)():
            await self._follow(deployment, done)
        due = await sync_to_async(self.history.next_to_start)(self.rules, timezone.now())
        if due.deployment is not None:
            await self._start(due.deployment, done)
        elif due.in_seconds is not None:
            done.look_again(due.in_seconds)
        if done.ended:
            await sync_to_async(self.history.clean_up)(self.rules, timezone.now())
        return done

    async def _start(self, deployment: DeploymentRecord, done: Step) -> None:
        try:
            remote = await self._found_or_started(deployment)
        except PluginError as error:
            await self._held_up(deployment, error, done)
            done.trouble = error
            return
        can_follow = self.service.can_follow
        await sync_to_async(self.history.accepted)(deployment, remote, timezone.now(), can_follow=can_follow)
        self.logger.info("%s has taken deployment %s", self.title, remote.id or deployment.pk)
        done.started = remote.id or str(deployment.pk)
        # Changes may have come in meanwhile; they have their own quiet time.
        done.look_again(FIRST_WAIT_SECONDS)

    async def _found_or_started(self, deployment: DeploymentRecord) -> RemoteDeployment:
        may_be_there = deployment.tries and self.service.can_follow
        if may_be_there and (earlier := await self._find(deployment)) is not None:
            return earlier
        await sync_to_async(self.history.begin_try)(deployment)
        return await self.service.start(str(deployment.pk))

    async def _find(self, deployment: DeploymentRecord) -> RemoteDeployment | None:
        known = await sync_to_async(self.history.known_ids)()
        return await self.service.find(str(deployment.pk), since=deployment.since - _SLACK, known_ids=known)

    async def _follow(self, deployment: DeploymentRecord, done: Step) -> None:
        now = timezone.now()
        if now - deployment.since > FOLLOWED_FOR or not self.service.can_follow:
            said = f"How it went is not known: look at {self.title}."
            await sync_to_async(self.history.given_up)(deployment, said, now)
            return
        if deployment.next_try_at > now:
            done.look_again((deployment.next_try_at - now).total_seconds())
            return
        try:
            remote = await (
                self.service.look_at(deployment.remote_id) if deployment.remote_id else self._find(deployment)
            )
        except PluginError as error:
            await self._held_up(deployment, error, done)
            self.logger.warning("The deployment could not be looked at: %s", error)
            done.trouble = done.trouble or error
            return
        if remote is not None:
            await sync_to_async(self.history.seen)(deployment, remote, now)
        if deployment.state in UNDER_WAY:
            # Often at first, seldom later on.
            done.look_again(min(max((now - deployment.since).total_seconds() / 10, 5.0), 60.0))
        else:
            self._tell(deployment)
            done.ended[deployment.remote_id] = deployment.state

    async def _held_up(self, deployment: DeploymentRecord, error: PluginError, done: Step) -> None:
        now: datetime = timezone.now()
        if isinstance(error, NotReady) and error.retry_after is not None:
            trouble, wait = DeploymentTrouble.LIMITED, error.retry_after
        elif error.permanent:
            trouble, wait = DeploymentTrouble.REFUSED, REFUSED_WAIT_SECONDS
        else:
            doubled = FIRST_WAIT_SECONDS * 2.0 ** min(max(deployment.tries - 1, 0), 10)
            trouble, wait = DeploymentTrouble.PASSING, min(doubled, LONGEST_WAIT_SECONDS)
        until = now + timedelta(seconds=wait)
        await sync_to_async(self.history.held_up)(deployment, str(error), trouble, until=until)
        done.look_again(wait)

    def _tell(self, deployment: DeploymentRecord) -> None:
        name, state = deployment.remote_id, DeploymentState(deployment.state)
        if state is DeploymentState.ERROR:
            self.logger.warning("Deployment %s failed: %s", name, deployment.error or "no reason given")
        else:
            self.logger.info("Deployment %s is %s", name, state.label.lower())
