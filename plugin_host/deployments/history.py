"""What is kept: changes that wait for a deployment, deployments and how they went. All of it is for `def` code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import Count, Max, Min, Model, Q, QuerySet
from django.utils import timezone

from plugin_host.deployments.rules import DeploymentRules
from plugin_host.deployments.service import RemoteDeployment
from plugin_host.deployments.states import UNDER_WAY, DeploymentState, DeploymentTrouble
from plugin_host.errors import PluginInitializationError
from plugin_host.identifiers import app_label

if TYPE_CHECKING:
    from plugin_host.deployments.models import DeploymentChange, DeploymentRecord

MANUAL: Final = "manual"
# Services end a build long before; what is silent for longer is given up.
FOLLOWED_FOR: Final = timedelta(hours=2)
_LONGEST_LINK: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What is to be started: a deployment that waits, or nothing before some seconds have passed; None: nothing."""

    deployment: DeploymentRecord | None = None
    in_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The two tables of a deployer, in the tenant's scope."""

    deployments: type[DeploymentRecord]
    changes: type[DeploymentChange]

    @classmethod
    def of(cls, plugin_id: str) -> History:
        """Return the history of a plugin.

        Raises:
            PluginInitializationError: It has no such tables.
        """
        from plugin_host.deployments.models import DeploymentChange, DeploymentRecord  # apps have to be ready

        return cls(
            deployments=_model(plugin_id, "Deployment", DeploymentRecord),
            changes=_model(plugin_id, "Change", DeploymentChange),
        )

    # -- changes -------------------------------------------------------------------------------------------------------

    def note_change(self, key: UUID | str, event: str, content: Mapping[str, Any] | None = None) -> None:
        """Keep the wish for a deployment; told again under the same key it is the same one."""
        content = content or {}
        self.changes.objects.get_or_create(
            key=key,
            defaults={
                "event": event,
                "content_id": str(content.get("content_id") or ""),
                "collection": str(content.get("collection") or "")[:100],
                "title": str(content.get("title") or content.get("slug") or "")[:200],
            },
        )

    def open_changes(self) -> list[DeploymentChange]:
        """Return the changes that wait for a deployment, the newest first; 100 at most."""
        return list(self._open_changes().order_by("-noted_at")[:100])

    # -- what there is to do -------------------------------------------------------------------------------------------

    def is_idle(self) -> bool:
        """Say whether there is nothing to start and nothing to follow."""
        unfinished = self.deployments.objects.filter(finished_at=None)
        return not unfinished.exists() and not self._open_changes().exists()

    def next_to_start(self, rules: DeploymentRules, now: datetime) -> Next:
        """Return the deployment whose time has come; it is made where changes have waited long enough."""
        waiting = self.deployments.objects.filter(state=DeploymentState.WAITING).order_by("asked_at").first()
        if waiting is not None:
            if waiting.next_try_at > now:
                return Next(in_seconds=(waiting.next_try_at - now).total_seconds())
            return Next(deployment=waiting)
        span = self._open_changes().aggregate(
            first=Min("noted_at"), last=Max("noted_at"), manual=Count("pk", filter=Q(event=MANUAL))
        )
        if span["first"] is None:
            return Next()
        due = min(
            span["last"] + timedelta(seconds=rules.quiet_seconds),
            span["first"] + timedelta(seconds=rules.longest_wait_seconds),
        )
        if due > now and not span["manual"]:
            return Next(in_seconds=(due - now).total_seconds())
        return Next(deployment=self.deployments.objects.create(asked_at=now, next_try_at=now))

    def followed(self) -> list[DeploymentRecord]:
        """Return the deployments that are on their way, the oldest first; five at a time are enough for one run."""
        on_their_way = self.deployments.objects.filter(state__in=UNDER_WAY, finished_at=None)
        return list(on_their_way.order_by("asked_at")[:5])

    def known_ids(self) -> frozenset[str]:
        """Return the deployments at the service that have a row here, of the newest."""
        newest = self.deployments.objects.exclude(remote_id="").order_by("-asked_at")
        return frozenset(newest.values_list("remote_id", flat=True)[:100])

    def try_again_now(self) -> bool:
        """Let what waits be tried at once, but for what the service has asked to wait; say whether anything does."""
        waiting = self.deployments.objects.filter(state=DeploymentState.WAITING)
        waiting.exclude(trouble=DeploymentTrouble.LIMITED).update(next_try_at=timezone.now())
        return waiting.exists() or self._open_changes().exists()

    # -- what has happened ---------------------------------------------------------------------------------------------

    def begin_try(self, deployment: DeploymentRecord) -> None:
        """Write down that it is about to be started, and with which changes: those that come later need another one."""
        with transaction.atomic():
            deployment.tries += 1
            deployment.save(update_fields=["tries"])
            self._open_changes().update(deployment=deployment)

    def accepted(
        self, deployment: DeploymentRecord, remote: RemoteDeployment, now: datetime, *, can_follow: bool
    ) -> None:
        """Write down that the service has taken it."""
        deployment.accepted_at = remote.created_at or now
        deployment.error = deployment.trouble = ""
        deployment.next_try_at = now
        self.seen(deployment, remote, now)
        if not can_follow:
            deployment.finished_at = now
            deployment.save(update_fields=["finished_at"])

    def seen(self, deployment: DeploymentRecord, remote: RemoteDeployment, now: datetime) -> None:
        """Write down how far it is."""
        deployment.state = remote.state
        deployment.remote_id = remote.id or deployment.remote_id
        deployment.url = _link(remote.url) or deployment.url
        deployment.details_url = _link(remote.details_url) or deployment.details_url
        deployment.error = remote.error[:1000] if remote.state == DeploymentState.ERROR else ""
        deployment.trouble = ""
        if remote.state not in UNDER_WAY:
            deployment.finished_at = now
        deployment.save()

    def held_up(
        self, deployment: DeploymentRecord, error: str, trouble: DeploymentTrouble, *, until: datetime
    ) -> None:
        """Write down why it goes no further, and when to try again."""
        deployment.error = error[:2000]
        deployment.trouble = trouble
        deployment.next_try_at = until
        deployment.save(update_fields=["error", "trouble", "next_try_at"])

    def given_up(self, deployment: DeploymentRecord, error: str, now: datetime) -> None:
        """Write down that nobody will look at it any more."""
        deployment.state = DeploymentState.UNKNOWN
        deployment.error = error
        deployment.finished_at = now
        deployment.save(update_fields=["state", "error", "finished_at"])

    def clean_up(self, rules: DeploymentRules, now: datetime) -> None:
        """Delete what has ended and is old."""
        before = now - timedelta(days=rules.keep_days)
        self.deployments.objects.filter(asked_at__lt=before).exclude(finished_at=None).delete()

    # -- what people see -----------------------------------------------------------------------------------------------

    def newest(self, limit: int) -> list[DeploymentRecord]:
        """Return the last deployments with their changes, the newest first."""
        return list(self.newest_first()[:limit])

    def newest_first(self) -> QuerySet[DeploymentRecord]:
        """Return all deployments with their changes, to be cut by who asks."""
        found: QuerySet[DeploymentRecord] = self.deployments.objects.order_by("-asked_at", "-id")
        return found.prefetch_related("changes")  # type: ignore[misc]  # the tables of plugins have them

    def last_held_up(self) -> DeploymentRecord | None:
        """Return the last deployment that something holds up."""
        unfinished = self.deployments.objects.filter(finished_at=None).exclude(trouble="")
        return unfinished.order_by("-asked_at").first()

    def last_finished(self) -> DeploymentRecord | None:
        """Return the last deployment that has come to its end, whatever that was."""
        return self.deployments.objects.exclude(finished_at=None).order_by("-asked_at").first()

    def _open_changes(self) -> QuerySet[DeploymentChange]:
        found: QuerySet[DeploymentChange] = self.changes.objects.filter(deployment=None)
        return found


def _model(plugin_id: str, name: str, base: type[Model]) -> Any:
    label = app_label(plugin_id)
    found = apps.all_models[label].get(name.lower())
    if found is None or not issubclass(found, base):
        raise PluginInitializationError(
            plugin_id,
            f"It needs `class {name}({base.__name__})` in its models.py, with a migration: import {base.__name__} "
            f"from plugin_host.deployments.models, and run manage.py makemigrations {label}.",
        )
    return found


def _link(address: str) -> str:
    return address if address.startswith("https://") and len(address) <= _LONGEST_LINK else ""
