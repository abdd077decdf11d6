"""The plugin: a hook that notes what is published, and a task that sends it.

Read it as an example of a scheduled plugin. What makes it right is how it is sure of each publication:

- the hook may be told of an event twice, so the event's id is the key of the row;
- the task may fail and be tried again, so rows are marked as sent only when the mail server has the mail;
- the process may be lost between the two, so the way to the mail server is gone once per try, by `runtime.once`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from plugin_host import runtime
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)
from plugin_host.hookspec import ContentLifecycleHooks, ScheduledTaskHooks

from .config import CONFIG_SCHEMA, DigestConfig

TASK: Final = "email-digest.send"
# How long rows are kept after their mail, so that an event that is replayed later is known.
KEPT: Final = timedelta(days=90)


class EmailDigestPlugin(Plugin, ContentLifecycleHooks, ScheduledTaskHooks):
    """Sends a mail about everything that was published since the last one."""

    name = "email-digest"
    version = "1.0.0"
    author = "Tenantry"
    description = (
        "A daily mail about what was published: titles with links, numbers by collection and author."
    )

    CONFIG_SCHEMA = CONFIG_SCHEMA
    requires_core = ">=1.0,<2"

    def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        from .models import Publication  # Django's models can be imported only when its apps are ready

        assert metadata is not None  # the host always brings it
        Publication.objects.get_or_create(
            pk=metadata["event_id"],
            defaults={
                "collection": content["collection"],
                "title": content["title"],
                "url": content["url"] or "",
                "author": content["author"] or "",
                "published_at": datetime.fromisoformat(metadata["occurred_at"]),
            },
        )

    def dvp_register_scheduled_tasks(self, ctx: HookContext) -> list[ScheduledTaskDefinition]:
        # Asked again whenever the configuration changes.
        return [
            ScheduledTaskDefinition(
                task_id=TASK,
                name="Send the digest",
                schedule=TaskSchedule(cron_expression=self._config(ctx).cron),
                description="Sends what was published since the last one, in the site's time zone.",
            )
        ]

    def dvp_execute_scheduled_task(
        self, task: ScheduledTaskDefinition, ctx: HookContext, execution_ctx: TaskExecutionContext
    ) -> TaskResult:
        from .mail import digest_mail, hand_over
        from .models import Publication

        config = self._config(ctx)
        slot, now = execution_ctx.scheduled_time, execution_ctx.actual_time
        Publication.objects.filter(sent_at__lt=now - KEPT).delete()
        # The same for all attempts at this slot; it grows when the server has said no, so that nothing is out.
        refusals = runtime.store.get("refusals", 0)
        if not runtime.once(f"mail:{refusals}"):
            # The process was lost on the way: the mail may be out, and rather none than two.
            unsure = Publication.objects.filter(mail=slot, sent_at=None).update(sent_at=now)
            self.logger.warning("A run was lost while it sent a mail about %d; it is not sent again", unsure)
            return TaskResult(success=True, data={"published": unsure, "mails": 0, "unsure": True})
        Publication.objects.filter(sent_at=None).update(mail=slot)
        mine = Publication.objects.filter(mail=slot, sent_at=None)
        publications = list(mine.order_by("published_at", "pk"))
        if not publications and not config.send_empty:
            return TaskResult(success=True, data={"published": 0, "mails": 0})
        try:
            hand_over(digest_mail(ctx.tenant_slug, publications), config.recipients)
        except PluginError:
            runtime.store.set("refusals", refusals + 1)
            raise
        mine.update(sent_at=now)
        return TaskResult(
            success=True, data={"published": len(publications), "mails": len(config.recipients)}
        )

    def _config(self, ctx: HookContext) -> DigestConfig:
        return DigestConfig.from_dict(self.get_config(ctx.tenant_id))
