"""Fixtures for the tests of plugins, and the types to annotate them with.

In the project of a plugin, one whose pyproject.toml has an entry point in `tenantry.plugins`, they are there by
themselves. Elsewhere:

    # conftest.py
    pytest_plugins = ["plugin_host.testing"]

They commit for real: hooks, deliveries and routes behave as in production. What isolates tests is a tenant of their
own. In a test file inside a plugin's package or distribution that plugin is on for `tenant`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from plugin_host.context import HookContext
from plugin_host.pytest_plugin import ensure_servers
from plugin_host.testing.clock import Clock
from plugin_host.testing.peer import HttpPeer, PeerAnswer, PeerRequest
from plugin_host.testing.types import (
    ClientFor,
    DeliverAll,
    DeliveryRun,
    MakeContent,
    MakeTenant,
    PluginEnabled,
    PluginScope,
    RunDue,
    RunHook,
    RunTask,
    TaskRun,
)

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.plugin import DjangoDbBlocker

    from tenants.models import Tenant

__all__ = [
    "ClientFor",
    "Clock",
    "DeliverAll",
    "DeliveryRun",
    "HttpPeer",
    "MakeContent",
    "MakeTenant",
    "PeerAnswer",
    "PeerRequest",
    "PluginEnabled",
    "PluginScope",
    "RunDue",
    "RunHook",
    "RunTask",
    "TaskRun",
    "Tenant",
]


_CONTRACT: Final = "plugin_contract.py"


def pytest_configure(config: pytest.Config) -> None:
    """Have servers, also where a conftest names this module; collect the contracts where they are asked for."""
    ensure_servers()
    if config.getoption("plugin_contract", []) and not any(arg.endswith(_CONTRACT) for arg in config.args):
        is_asked = config.args_source is pytest.Config.ArgsSource.ARGS
        config.args = [*(config.args if is_asked else ()), str(_contract_module())]


def _contract_module() -> Path:
    """Return a module with the contracts, in a folder of its own: the suite's may have a conftest above it."""
    folder = Path(tempfile.mkdtemp(prefix="tenantry-contract-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    module = folder / _CONTRACT
    module.write_text("from plugin_host.testing.contract.suite import *\n")
    return module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let each process that runs tests make its own database before it reads the settings.

    With this variable in its environment pytest-django would read them first, and all would share one database.
    """
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


# Whatever needs Django is imported inside the fixtures: this module may be loaded before the settings are.


def __getattr__(name: str) -> Any:
    if name == "Tenant":  # in tests, which are imported when Django is ready
        from tenants.models import Tenant

        return Tenant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@pytest.fixture(autouse=True, scope="session")
def database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Open the database to all tests."""
    from plugin_host.dispatch.hook_runner import inline_notes

    with django_db_blocker.unblock():
        yield
        # It writes from a thread of its own, which must not find the database closed.
        inline_notes.settle()


@pytest.fixture(autouse=True)
def no_scope_left_over() -> Iterator[None]:
    """Start every test without a scope, whatever the one before left."""
    from core.scope import use_scope

    with use_scope(None):
        yield


@pytest.fixture
def make_tenant() -> MakeTenant:
    """Make tenants: `make_tenant(slug=None, **fields)`, each with the primary host `<slug>.test`."""
    from plugin_host.testing import host

    return host.make_tenant


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    """A fresh tenant."""
    return make_tenant()


@pytest.fixture
def other_tenant(make_tenant: MakeTenant) -> Tenant:
    """A second fresh tenant, to leak to."""
    return make_tenant()


@pytest.fixture
def hook_context(tenant: Tenant) -> HookContext:
    """What hooks get first, for `tenant`."""
    return HookContext(tenant_id=tenant.pk, tenant_slug=tenant.slug, tenant_plan=tenant.plan)


@pytest.fixture
def client(client_for: ClientFor, tenant: Tenant) -> Client:
    """Django's test client, at the tenant's host."""
    return client_for(tenant)


@pytest.fixture
def admin_client(tenant: Tenant) -> Client:
    """The browser of an administrator who has signed in to the tenant's admin."""
    from plugin_host.testing import people

    return people.signed_in_client(tenant, role="admin")


@pytest.fixture
def client_for() -> ClientFor:
    """Make clients of any tenant: `client_for(other_tenant, role="editor")`, with a new member's key for a role."""
    from plugin_host.testing import people

    return people.client_for


@pytest.fixture
async def async_client(tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """An `httpx.AsyncClient` that talks to the application in this process, at the tenant's host."""
    from plugin_host.testing import host

    transport = httpx.ASGITransport(app=host.application)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{tenant.slug}.test") as opened:
        yield opened


@pytest.fixture
def auth_headers(tenant: Tenant) -> dict[str, str]:
    """The sign-in of an editor of the tenant, who is new in each test."""
    from plugin_host.testing import people

    return people.headers_of_new_member(tenant, role="editor")


@pytest.fixture
def admin_headers(tenant: Tenant) -> dict[str, str]:
    """The sign-in of an administrator of the tenant, who is new in each test."""
    from plugin_host.testing import people

    return people.headers_of_new_member(tenant, role="admin")


@pytest.fixture
def config() -> Mapping[str, Any]:
    """Configuration of the plugin under test; override it in a test file."""
    return {}


@pytest.fixture
def secrets() -> Mapping[str, str]:
    """Secrets of the plugin under test; override it in a test file."""
    return {}


@pytest.fixture
def plugin_enabled() -> PluginEnabled:
    """Switch a plugin on: `plugin_enabled("my-plugin", tenant, config={...}, secrets={...})`."""
    from plugin_host.testing import host

    return host.enable_plugin


@pytest.fixture
def make_content(tenant: Tenant) -> MakeContent:
    """Make content and return it as hooks get it: `make_content(title="Slow food", published=True, **fields)`.

    It goes through all hooks; for actions call `deliver_all` next. The collection `articles` is made by the first call,
    takes any fields and has pages; name another one with `collection=`. With the `content_id` of earlier content that
    is changed. `tenant=` makes it for another tenant.
    """
    from plugin_host.testing import content

    return content.content_maker(tenant)


@pytest.fixture
def plugin_scope() -> PluginScope:
    """Look at things as a plugin's code sees them: `with plugin_scope("my-plugin", tenant): Model.objects.count()`."""
    from plugin_host.testing import host

    return host.plugin_scope


@pytest.fixture
def run_hook(tenant: Tenant) -> RunHook:
    """Call a hook as the host does: `run_hook("my-plugin", "dvp_content_published", content_id, content)`.

    The context is put in where the hook wants it. It runs with the tenant's configuration and secrets; what it raises
    comes through.
    """
    from plugin_host.testing import host

    return host.hook_caller(tenant)


@pytest.fixture
def deliver_all() -> DeliverAll:
    """Run all deliveries of tenants made in the tests that are due, as a worker does: `deliver_all(tenant)`.

    Returns how each run ended; with `waiting=True` those that wait for another try are due at once.
    """
    from plugin_host.testing import host

    return host.deliver_all


@pytest.fixture
def run_task(tenant: Tenant) -> RunTask:
    """Run a scheduled task of `tenant` once, as "run now" does: `run_task("my-plugin.daily-sync")`.

    Returns how the attempt ended.
    """
    from plugin_host.testing import schedule

    return partial(schedule.run_task, tenant)


@pytest.fixture
def run_due(tenant: Tenant) -> RunDue:
    """Run what the clock makes due for `tenant`, as a worker does: `run_due(now=...)`; returns the attempts.

    With `waiting=True` what waits for another try is due at once.
    """
    from plugin_host.testing import schedule

    return partial(schedule.run_due, tenant)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The time that the code under test reads: `clock.move_to(moment)`, `clock.advance(hours=3)`.

    It is the time in Python, in this process. What the database calls now is not moved: for deliveries that wait there
    is `deliver_all(tenant, waiting=True)`.
    """
    import time_machine

    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield Clock(traveller)


@pytest.fixture
def http_peer() -> Iterator[HttpPeer]:
    """A server on this machine that plays the other side; plugins may call it."""
    from plugin_host.http import allow_outbound

    with HttpPeer() as peer, allow_outbound(f"127.0.0.1:{peer.port}"):
        yield peer


@pytest.fixture(autouse=True)
def _plugin_under_test(request: pytest.FixtureRequest) -> None:
    """Switch the plugin on that a test file belongs to."""
    if "tenant" not in request.fixturenames:
        return
    from plugin_host.testing import host

    if (plugin_id := host.plugin_at(request.path)) is not None:
        host.enable_plugin(
            plugin_id,
            request.getfixturevalue("tenant"),
            config=request.getfixturevalue("config"),
            secrets=request.getfixturevalue("secrets"),
        )
