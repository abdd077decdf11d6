"""What the fixtures do with the host; imported once Django is ready."""

from __future__ import annotations

import asyncio
import inspect
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from pathlib import Path
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.apps import apps
from django.core.asgi import get_asgi_application
from django.db import connections

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.context import HookContext
from plugin_host.deliveries.claiming import ClaimedDelivery, claim_deliveries
from plugin_host.deliveries.execution import run_delivery
from plugin_host.deliveries.finishing import AttemptResult, finish_attempts, given_back
from plugin_host.dispatch.binding import plugin_actor
from plugin_host.errors import PluginError
from plugin_host.hookspec import HOOKS, health_check_arguments
from plugin_host.loading.app_config import PluginAppConfig
from plugin_host.models import Delivery
from plugin_host.registry import loaded_plugins
from plugin_host.runner import Handler
from plugin_host.runtime_state import plugin_run
from plugin_host.services import enable_plugin as switch_on
from plugin_host.services import save_config, save_secrets
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from plugin_host.testing.people import headers_of_new_member
from plugin_host.testing.types import DeliverAll, DeliveryRun, PluginEnabled, RunHook
from tenants.models import Domain, Tenant

__all__ = [
    "DeliverAll",
    "DeliveryRun",
    "PluginEnabled",
    "RunHook",
    "application",
    "deliver_all",
    "deliver_with",
    "enable_plugin",
    "headers_of_new_member",
    "hook_caller",
    "make_tenant",
    "open_deliveries",
    "own_function",
    "plugin_at",
    "plugin_scope",
]

_ACTOR = system_actor("tests")
_BATCH = 32
_LEASE_SECONDS = 60.0
# What other tests have left open must not be run here, and not be looked at again either.
_LATER_SECONDS = 86_400.0


def make_tenant(slug: str | None = None, **fields: Any) -> Tenant:
    """Make a tenant with the primary host `<slug>.test`."""
    slug = slug or f"t{secrets.token_hex(6)}"
    with platform_scope(PlatformWork.TENANT_DIRECTORY, actor=_ACTOR):
        tenant = Tenant.objects.create(slug=slug, name=fields.pop("name", slug.title()), **fields)
        Domain.objects.create(tenant=tenant, host=f"{slug}.test", is_primary=True)
    return tenant


_handler = cache(get_asgi_application)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application; each request has one thread for its blocking parts, whose connection ends with it."""
    async with ThreadSensitiveContext():
        await _handler()(scope, receive, send)
        await sync_to_async(connections.close_all)()


def enable_plugin(
    plugin_id: str,
    tenant: Tenant,
    *,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> None:
    """Switch a plugin on for a tenant, with this configuration and these secrets."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=_ACTOR):
        if config:
            save_config(plugin_id, config)
        if secrets:
            save_secrets(plugin_id, secrets)
        switch_on(plugin_id)


@contextmanager
def plugin_scope(plugin_id: str, tenant: Tenant) -> Iterator[None]:
    """Run the block as a plugin's code runs for a tenant, whether the plugin is on there or not.

    Raises:
        NotFound: There is no such plugin.
    """
    loaded_plugins().get(plugin_id)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=plugin_actor(plugin_id)):
        run = tenant_plugins(tenant.pk)[plugin_id].run(hook="test", tenant_slug=tenant.slug)
        with plugin_run(run):
            yield


def plugin_at(path: Path) -> str | None:
    """Return the plugin whose package, or whose distribution, a test file lies in."""
    return next((plugin_id for home, plugin_id in _homes() if path.is_relative_to(home)), None)


@cache
def _homes() -> list[tuple[Path, str]]:
    """Return the folder of each plugin; every test asks for them."""
    return [
        (_home(Path(config.path)), config.plugin_id)
        for config in apps.get_app_configs()
        if isinstance(config, PluginAppConfig)
    ]


def _home(package: Path) -> Path:
    """Return the folder of a package's distribution, or the package's own: it may have its tests inside."""
    for folder in (package.parent, package.parent.parent):
        if (folder / "pyproject.toml").is_file() and not (folder / "plugin_host").is_dir():
            return folder
    return package


def hook_caller(tenant: Tenant) -> RunHook:
    """Return a function that calls hooks for a tenant."""

    def call(plugin_id: str, hook: str, *arguments: Any) -> Any:
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=plugin_actor(plugin_id)) as scope:
            plugins = tenant_plugins(tenant.pk)
            handlers = plugins.handlers.of_plugin(plugin_id).get(hook, {})
            if not handlers or not plugins[plugin_id].runs:
                raise PluginError(f"Plugin {plugin_id} has no hook {hook}, or is off for {tenant.slug}.")
            context = HookContext(
                tenant_id=tenant.pk,
                tenant_slug=tenant.slug,
                tenant_plan=tenant.plan,
                correlation_id=scope.correlation_id,
            )
            run = plugins[plugin_id].run(hook=hook, tenant_slug=tenant.slug)
            answer = None
            for handler in handlers.values():
                given = _in_place(handler, context, arguments)
                with plugin_run(run):
                    answer = handler.call(*given)
                    if inspect.isawaitable(answer):
                        answer = run_apart(_awaited(answer))
            return answer

    return call


def _in_place(handler: Handler, context: HookContext, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a hook's arguments with the context where the hook wants it, which is nearly always first."""
    spec = HOOKS.get(handler.hook)
    if spec is None:
        return arguments  # a handler of events takes nothing but the event
    names = (
        health_check_arguments(own_function(handler)) if spec.other_arguments is not None else spec.arguments
    )
    place = names.index("ctx")
    return (*arguments[:place], context, *arguments[place:])


def own_function(handler: Handler) -> Any:
    """Return the method or function of the plugin that a handler calls."""
    plugin = loaded_plugins().get(handler.plugin_id)
    registered = {one.key: one.handler for one in plugin.registrations.hooks}
    return registered.get(handler.key) or getattr(plugin.template, handler.hook)


def deliver_all(tenant: Tenant, *, waiting: bool = False) -> list[DeliveryRun]:
    """Run a tenant's due deliveries until none is due, those included that they set off.

    Args:
        waiting: Make those due first that wait for another try, or because the breaker has paused their plugin.
    """
    if waiting:
        with platform_scope(PlatformWork.DELIVERY_SWEEP), connections["default"].cursor() as cursor:
            cursor.execute(
                "UPDATE plugin_host_delivery SET next_attempt_at = now() WHERE tenant_id = %s", [tenant.pk]
            )
            cursor.execute(
                "UPDATE plugin_settings SET paused_until = now() WHERE tenant_id = %s AND paused_by_breaker",
                [tenant.pk],
            )
        forget_tenant_plugins(tenant.pk)
    return deliver_with(tenant, run_delivery)


def deliver_with(
    tenant: Tenant, run: Callable[[ClaimedDelivery], Awaitable[AttemptResult]]
) -> list[DeliveryRun]:
    """Run a tenant's due deliveries in some way until none is due, those included that they set off."""
    runs: list[DeliveryRun] = []
    while claimed := claim_deliveries(_BATCH, worker="tests", lease_seconds=_LEASE_SECONDS):
        own = [delivery for delivery in claimed if delivery.tenant_id == tenant.pk]
        finish_attempts(
            [given_back(other, "", wait_seconds=_LATER_SECONDS) for other in claimed if other not in own]
        )
        results = run_apart(_run_deliveries(own, run)) if own else []
        finish_attempts(results)
        runs += [_as_run(delivery, result) for delivery, result in zip(own, results, strict=True)]
    return runs


def open_deliveries(tenant: Tenant) -> int:
    """Return how many deliveries of a tenant have not ended."""
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=_ACTOR):
        return Delivery.objects.count()


async def _run_deliveries(
    deliveries: list[ClaimedDelivery], run: Callable[[ClaimedDelivery], Awaitable[AttemptResult]]
) -> list[AttemptResult]:
    return [await run(delivery) for delivery in deliveries]


def _as_run(delivery: ClaimedDelivery, result: AttemptResult) -> DeliveryRun:
    return DeliveryRun(
        id=delivery.id,
        plugin=delivery.plugin,
        hook=delivery.hook,
        event_type=delivery.event_type,
        attempt=delivery.attempt,
        ended=result.outcome.value if result.outcome is not None else "",
        error=result.error,
        wait_seconds=result.wait_seconds,
        log=tuple(line.message for line in result.log),
    )


async def _awaited(answer: Any) -> Any:
    return await answer


def run_apart[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a thread of its own: the test itself may run on an event loop."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failure.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=copy_context().run, args=(run,), name="plugin test")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
