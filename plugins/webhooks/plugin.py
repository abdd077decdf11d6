"""The plugin: one hook per event, one request per address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import httpx

from plugin_host import http
from plugin_host.base import Plugin, Secrets
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hooks.health_monitor import (
    HealthCheckDefinition,
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.hookspec import ContentLifecycleHooks, HealthMonitorHooks

from .answers import Answer, Meaning, not_allowed, raise_for, read_answer, shown, unanswered
from .config import CONFIG_SCHEMA, SECRETS_SCHEMA, WebhooksConfig
from .health import RECEIVERS, check_receivers
from .message import message_body, ping_body
from .progress import Progress
from .signing import signed_headers

# The specification recommends 15 to 30 seconds; the hook's own limit is 120.
TIMEOUT_SECONDS: Final = 20.0


class WebhooksPlugin(Plugin, ContentLifecycleHooks, HealthMonitorHooks):
    """Sends a signed message to each configured address when a record changes."""

    name = "webhooks"
    version = "1.0.0"
    author = "Tenantry"
    description = "Tells other systems when content changes: signed messages to addresses of your choice."

    CONFIG_SCHEMA = CONFIG_SCHEMA
    SECRETS_SCHEMA = SECRETS_SCHEMA
    requires_core = ">=1.0,<2"

    async def dvp_content_created(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.created", ctx, content_id, content, metadata or {})

    async def dvp_content_updated(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.updated", ctx, content_id, content, metadata or {})

    async def dvp_content_deleted(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.deleted", ctx, content_id, content, metadata or {})

    async def dvp_content_published(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.published", ctx, content_id, content, metadata or {})

    async def dvp_content_unpublished(
        self,
        ctx: HookContext,
        content_id: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        await self._send("record.unpublished", ctx, content_id, content, metadata or {})

    async def dvp_register_health_checks(self, ctx: HookContext) -> list[HealthCheckDefinition]:
        return [RECEIVERS]

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        return await check_receivers(WebhooksConfig.from_dict(self.get_config(ctx.tenant_id)).urls)

    async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        """Send a signed `ping` to each address; nothing in it but its time."""
        wanted = WebhooksConfig.from_dict(config)
        body = ping_body(datetime.now(UTC))
        headers = signed_headers(
            secrets.require("signing_secret"),
            message_id=f"ping_{uuid4().hex}",
            timestamp=int(time.time()),
            body=body,
        )
        async with http.client(timeout=TIMEOUT_SECONDS) as client:
            details = await asyncio.gather(
                *(_pinged(client, url, headers=headers, body=body) for url in wanted.urls)
            )
        worst = HealthStatus.HEALTHY
        if any(detail.status is not HealthStatus.HEALTHY for detail in details):
            worst = HealthStatus.UNHEALTHY
        return HealthCheckResult(domain="", overall_status=worst, details=details)

    async def _send(
        self,
        event_type: str,
        ctx: HookContext,
        content_id: str,
        content: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> None:
        config = WebhooksConfig.from_dict(self.get_config(ctx.tenant_id))
        if event_type not in config.events:
            return
        secret = self.get_secrets(ctx.tenant_id).require("signing_secret")
        message_id = str(metadata["delivery_id"])
        body = message_body(
            event_type,
            occurred_at=metadata["occurred_at"],
            tenant=ctx.tenant_slug,
            content_id=content_id,
            content=content,
            metadata=metadata,
        )
        progress = Progress(message_id, attempt=metadata["attempt"])
        earlier = await progress.earlier_answers(config.urls)
        headers = signed_headers(secret, message_id=message_id, timestamp=int(time.time()), body=body)
        open_urls = [url for url in config.urls if url not in earlier]
        async with http.client(timeout=TIMEOUT_SECONDS) as client:
            new = await asyncio.gather(*(_post(client, url, headers=headers, body=body) for url in open_urls))
        answers = [*earlier.values(), *new]
        await progress.keep(answers)
        raise_for(answers)
        self.logger.info("%s sent to %d of %d addresses", event_type, len(open_urls), len(config.urls))


async def _pinged(
    client: httpx.AsyncClient, url: str, *, headers: Mapping[str, str], body: bytes
) -> HealthCheckDetail:
    begun = time.monotonic()
    answer = await _post(client, url, headers=headers, body=body)
    took = (time.monotonic() - begun) * 1000
    good = answer.meaning is Meaning.DELIVERED
    return HealthCheckDetail(
        check_id="webhooks.ping",
        status=HealthStatus.HEALTHY if good else HealthStatus.UNHEALTHY,
        severity=HealthSeverity.INFO if good else HealthSeverity.CRITICAL,
        message=f"{shown(url)} {answer.reason}",
        response_time_ms=took,
    )


async def _post(client: httpx.AsyncClient, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
    headers = {**headers, "content-type": "application/json", "user-agent": "Tenantry-Webhooks/1.0"}
    try:
        # The time limit is for the whole exchange; httpx's own are per packet. The answer's body is not read.
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            client.stream("POST", url, content=body, headers=headers, follow_redirects=False) as response,
        ):
            return read_answer(url, response.status_code, response.headers, now=datetime.now(UTC))
    except TimeoutError:
        return unanswered(url, f"did not answer within {TIMEOUT_SECONDS:g} seconds")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return unanswered(url, f"could not be reached ({type(error).__name__}: {error})")
    except PluginError as error:
        return not_allowed(url, f"was not called ({error})")
