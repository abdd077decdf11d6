"""The plugin: one check, run for each domain of the tenant in turn, and what follows from a change."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async

from plugin_host import content
from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext
from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.hookspec import HealthMonitorHooks

from . import findings
from .config import CONFIG_SCHEMA, MonitorConfig
from .examination import examine

if TYPE_CHECKING:
    from plugin_host.context import PluginContext

    from .models import WatchedDomain

CHECK_ID: Final = f"{findings.NAME}.domain"
# All parts of a look end by themselves long before; a run that takes most of it counts as slow.
TIMEOUT_SECONDS: Final = 60
# As many as fit into the time of a trial.
_TRIED_DOMAINS: Final = 10


class DomainHealthMonitor(Plugin, HealthMonitorHooks):
    """Looks at each domain as a visitor's browser does, and tells of changes."""

    name = findings.NAME
    title = "Domain health monitor"
    version = "1.0.0"
    author = "Tenantry"
    description = "Watches your domains: names, certificates, answers, redirects and security headers."

    CONFIG_SCHEMA = CONFIG_SCHEMA
    requires_core = ">=1.0,<2"

    def register(self, ctx: PluginContext) -> None:
        """Add the page; models can be imported only now."""
        from .pages import domains_page

        ctx.add_admin_page(
            nav_id=self.name,
            label="Domain health",
            icon="fa-heartbeat",
            url=f"/admin/plugins/{self.name}",
            view=domains_page,
        )

    async def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        from .history import forget_domains

        await sync_to_async(forget_domains)(keep=await content.adomains())
        return [
            HealthCheckDefinition(
                check_id=CHECK_ID,
                name="Domain",
                severity=HealthSeverity.CRITICAL,
                description="Name, certificate, answer, redirects and security headers, as a browser sees them.",
                interval_seconds=self._config(ctx).interval_seconds,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        ]

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        from .history import note_examination

        config = self._config(ctx)
        found = await examine(target, config)
        # The last step: it takes one of the few threads that the host has for the database.
        domain = await sync_to_async(note_examination)(
            found,
            look=str(ctx.metadata.get("scheduled_time", "")),
            confirmations=config.confirmations,
        )
        details = found.details
        if domain.disagreeing:
            details = (*details, _unconfirmed(domain, config))
        return HealthCheckResult(domain=target, overall_status=HealthStatus(domain.status), details=details)

    async def dvp_health_status_changed(
        self, ctx: HookContext, check: HealthCheckDefinition, previous: HealthStatus, current: HealthStatus
    ) -> None:
        # Every plugin is told of every plugin's checks.
        if ctx.metadata.get("plugin") != self.name:
            return
        from .history import note_change
        from .notifying import TOPIC, payload_of, send_mail_about

        config = self._config(ctx)
        change = await sync_to_async(note_change)(
            UUID(str(ctx.metadata["event_id"])),
            check.target,
            previous,
            current,
            message=str(ctx.metadata.get("message", "")),
            changed_at=datetime.fromisoformat(ctx.metadata["checked_at"]),
        )
        if config.announce and change.announced_at is None:
            await self.bus.broadcast(TOPIC, payload_of(change))
            change.announced_at = datetime.now(UTC)
            await change.asave(update_fields=["announced_at"])
        if config.notify_emails:
            await sync_to_async(send_mail_about)(change, config.notify_emails, tenant=ctx.tenant_slug)
        self.logger.info("%s is %s, before %s", check.target, current, previous)

    async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Look at the first domains with what is typed in; nothing is kept and nobody is told."""
        wanted = MonitorConfig.from_dict(config)
        faults = [findings.broken("config", problem) for problem in wanted.problems]
        if faults:
            return HealthCheckResult(domain="", overall_status=HealthStatus.UNHEALTHY, details=faults)
        hosts = (await content.adomains())[:_TRIED_DOMAINS]
        begun = time.monotonic()
        found = await asyncio.gather(*(examine(host, wanted) for host in hosts))
        took = (time.monotonic() - begun) * 1000
        details = [
            HealthCheckDetail(
                CHECK_ID,
                one.status,
                HealthSeverity.INFO if one.status is HealthStatus.HEALTHY else HealthSeverity.WARNING,
                f"{one.host}: {one.message}",
                one.response_time_ms,
            )
            for one in found
        ]
        self.logger.info("%d domains tried in %.0f ms", len(found), took)
        return HealthCheckResult(domain="", overall_status=findings.worst(details), details=details)

    def _config(self, ctx: HookContext) -> MonitorConfig:
        return MonitorConfig.from_dict(self.get_config(ctx.tenant_id))


def _unconfirmed(domain: WatchedDomain, config: MonitorConfig) -> HealthCheckDetail:
    return findings.good(
        "confirmation",
        f"Found {domain.observed} {domain.disagreeing} of {config.confirmations} times in a row: "
        f"until then it counts as {domain.status}.",
    )
