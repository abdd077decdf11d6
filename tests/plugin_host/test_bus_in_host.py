"""Capabilities and messages between installed plugins of a tenant: health, pauses, failures and their places."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from core.actors import system_actor
from core.models import Collection
from core.scope import tenant_scope
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host.base import Plugin
from plugin_host.bus import Message, on_message
from plugin_host.context import HookContext
from plugin_host.dispatch.hook_runner import inline_notes
from plugin_host.errors import CapabilityNotFoundError, PluginError
from plugin_host.health.running import run_checks_here
from plugin_host.hooks.health_monitor import HealthCheckResult, HealthStatus
from plugin_host.instances import instances
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.runtime_state import plugin_run
from plugin_host.services import (
    disable_plugin,
    enable_plugin,
    pause_plugin,
    save_config,
    save_secrets,
)
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from plugin_host.testing.host import DeliverAll, run_apart
from tenants.models import Tenant
from tests.admin_people import SignIn, member_of
from tests.plugin_host.installing import posts

__all__ = ["member_of", "posts"]

SECRET = "a token that nobody may read"


class Asks(Plugin):
    """Needs translations."""

    name = "asks"
    version = "1.0.0"


class _Translates(Plugin):
    version = "1.0.0"
    priority_of_offer: ClassVar[int] = 100
    health: ClassVar[HealthStatus] = HealthStatus.HEALTHY
    failure: ClassVar[Exception | None] = None

    async def initialize(self) -> None:
        if self.failure is not None:
            raise self.failure
        run_config = self.get_config(self.__dict__["_tenantry_run"].tenant_id)
        if run_config.get("offers", True):
            await self.discovery.register_capability(
                plugin_name=self.name, capability="translate", priority=self.priority_of_offer
            )

    async def dvp_execute_health_check(
        self, ctx: HookContext, check_type: str, target: str
    ) -> HealthCheckResult:
        return HealthCheckResult(target, self.health)

    async def dvp_content_published(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
    ) -> None:
        """Be one that has deliveries."""

    @on_message("translate")
    async def translate(self, message: Message) -> str:
        return f"{message.payload} by {self.name}"

    @on_message("leak")
    def leak(self, message: Message) -> None:
        token = self.get_secrets(message.tenant_id).require("token")
        raise ValueError(f"refused {token}")


class Best(_Translates):
    """Wins, while it is well."""

    name = "best"
    priority_of_offer = 1


class Second(_Translates):
    name = "second"


@pytest.fixture
def translators(in_tenant: Tenant) -> Iterator[LoadedPlugins]:
    Best.health, Best.failure, Second.failure = HealthStatus.HEALTHY, None, None
    with use_plugins(LoadedPlugins()) as loaded:
        for plugin in (Asks, Best, Second):
            PluginRegistry().register(plugin)
            enable_plugin(plugin.name)
        yield loaded
    instances.close()
    forget_tenant_plugins()


def ask[T](tenant: Tenant, work: Coroutine[Any, Any, T], plugin_id: str = "asks") -> T:
    """Do something as a plugin of the tenant does it in a hook."""
    run = tenant_plugins(tenant.pk)[plugin_id].run(hook="dvp_content_published", tenant_slug=tenant.slug)
    with plugin_run(run):
        return run_apart(work)


def best(tenant: Tenant, *, require_healthy: bool = True) -> str:
    return ask(tenant, Asks().discovery.get_best_provider("translate", require_healthy))


def test_the_best_provider_answers(translators: LoadedPlugins, in_tenant: Tenant) -> None:
    assert best(in_tenant) == "best"
    assert ask(in_tenant, Asks().bus.request("best", "translate", "Hallo")) == "Hallo by best"


def test_a_sick_provider_is_passed_over_until_it_is_well(
    translators: LoadedPlugins, in_tenant: Tenant
) -> None:
    Best.health = HealthStatus.UNHEALTHY
    run_checks_here("best")

    assert best(in_tenant) == "second"
    assert best(in_tenant, require_healthy=False) == "best"

    Best.health = HealthStatus.HEALTHY
    run_checks_here("best")
    assert best(in_tenant) == "best"


def test_where_all_are_sick_they_are_named(translators: LoadedPlugins, in_tenant: Tenant) -> None:
    disable_plugin("second")
    Best.health = HealthStatus.UNHEALTHY
    run_checks_here("best")

    with pytest.raises(CapabilityNotFoundError, match="offer it but are not healthy: best"):
        best(in_tenant)


def test_the_health_of_another_tenant_does_not_count(
    translators: LoadedPlugins, in_tenant: Tenant, other_tenant: Tenant
) -> None:
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug, actor=system_actor("tests")):
        enable_plugin("best")
        Best.health = HealthStatus.UNHEALTHY
        run_checks_here("best")

    assert best(in_tenant) == "best"


def test_who_is_paused_or_off_offers_nothing(translators: LoadedPlugins, in_tenant: Tenant) -> None:
    pause_plugin("best", until=timezone.now() + timedelta(hours=1))
    assert best(in_tenant, require_healthy=False) == "second"
    with pytest.raises(PluginError, match="'best' is not enabled for this tenant"):
        ask(in_tenant, Asks().bus.request("best", "translate", "Hallo"))

    disable_plugin("second")
    with pytest.raises(CapabilityNotFoundError):
        best(in_tenant, require_healthy=False)


def test_an_offer_that_a_changed_configuration_takes_back_is_gone(
    translators: LoadedPlugins, in_tenant: Tenant
) -> None:
    assert best(in_tenant) == "best"

    save_config("best", {"offers": False})

    assert best(in_tenant) == "second"


def test_one_that_cannot_start_keeps_nobody_from_the_others(
    translators: LoadedPlugins, in_tenant: Tenant
) -> None:
    Best.failure = ValueError("no dictionary")

    assert best(in_tenant) == "second"
    assert ask(in_tenant, Asks().bus.collect("translate", "Hallo")) == {"second": "Hallo by second"}
    with pytest.raises(PluginError, match="Plugin best failed to initialize: ValueError: no dictionary"):
        ask(in_tenant, Asks().bus.request("best", "translate", "Hallo"))
    ask(in_tenant, Asks().bus.send("best", "translate", "Hallo"))


def test_why_it_cannot_start_stands_on_its_page(
    translators: LoadedPlugins, in_tenant: Tenant, member_of: SignIn
) -> None:
    Best.failure = ValueError("no dictionary")
    best(in_tenant)
    assert inline_notes.settle()

    page = member_of(in_tenant).get("/admin/settings/plugins/best/").content.decode()

    assert "PluginInitializationError: Plugin best failed to initialize: ValueError: no dictionary" in page


def test_a_start_that_fails_in_a_delivery_stands_there_too_and_is_tried_again(
    translators: LoadedPlugins,
    in_tenant: Tenant,
    posts: Collection,
    member_of: SignIn,
    deliver_all: DeliverAll,
) -> None:
    Best.failure = ValueError("no dictionary")
    publish_record(record_id=create_record(collection=posts, data={"title": "Hello"}).pk)
    first = {run.plugin: run for run in deliver_all(in_tenant)}

    assert (first["best"].ended, first["second"].ended) == ("", "done")
    assert first["best"].error.startswith(
        "PluginInitializationError: Plugin best failed to initialize: ValueError: no dictionary"
    )
    page = member_of(in_tenant).get("/admin/settings/plugins/best/").content.decode()
    assert "failed to initialize: ValueError: no dictionary" in page

    Best.failure = None
    (again,) = deliver_all(in_tenant, waiting=True)
    assert (again.plugin, again.ended) == ("best", "done")


def test_what_a_plugin_says_is_final_is_not_tried_again(
    translators: LoadedPlugins, in_tenant: Tenant, posts: Collection, deliver_all: DeliverAll
) -> None:
    Best.failure = PluginError("The licence has ended", permanent=True)
    publish_record(record_id=create_record(collection=posts, data={"title": "Hello"}).pk)

    ended = {run.plugin: run.ended for run in deliver_all(in_tenant)}

    assert ended == {"best": "dead", "second": "done"}


def test_asking_while_one_begins_waits_for_nobody_in_a_circle(in_tenant: Tenant) -> None:
    class Curious(_Translates):
        name = "curious"

        async def initialize(self) -> None:
            await super().initialize()
            self.found = await self.discovery.get_best_provider("translate", require_healthy=False)

        @on_message("found")
        async def tell(self, message: Message) -> str:
            return self.found

    class Nosy(Curious):
        name = "nosy"
        priority_of_offer = 1

    with use_plugins(LoadedPlugins()):
        for plugin in (Asks, Curious, Nosy):
            PluginRegistry().register(plugin)
            enable_plugin(plugin.name)
        answers = ask(in_tenant, Asks().bus.collect("found"))
    instances.close()
    forget_tenant_plugins()

    assert set(answers) == {"curious", "nosy"}


def test_a_receivers_secret_is_in_no_line_error_or_page(
    translators: LoadedPlugins,
    in_tenant: Tenant,
    member_of: SignIn,
    caplog: pytest.LogCaptureFixture,
) -> None:
    save_secrets("best", {"token": SECRET})

    with pytest.raises(ValueError, match=r"refused \*\*\*"):
        ask(in_tenant, Asks().bus.request("best", "leak"))
    ask(in_tenant, Asks().bus.send("best", "leak"))
    assert inline_notes.settle()

    page = member_of(in_tenant).get("/admin/settings/plugins/best/").content.decode()
    assert "ValueError: refused ***" in page
    assert SECRET not in page
    assert SECRET not in caplog.text
    assert "failed on the message 'leak' of plugin asks" in caplog.text
