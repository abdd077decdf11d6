"""What becomes of filters and gates whose plugin keeps failing, and of the requests that run into them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.errors import Conflict
from core.models import Collection, Record
from core.services.publishing import publish_record
from core.services.records import create_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.dispatch.hook_runner import hook_runner, inline_notes
from plugin_host.errors import PluginError
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hookspec import ContentLifecycleHooks
from plugin_host.models import PluginBreaker, PluginSettings, PluginState
from plugin_host.services import enable_plugin, pause_plugin, set_fail_open
from plugin_host.state import forget_tenant_plugins
from tenants.models import Tenant
from tests.plugin_host.installing import Install

Content = dict[str, Any]
SHORT = {"dvp_before_content_create": 0.05}


class Filtering(Plugin, ContentLifecycleHooks):
    """A filter that does what a test says."""

    name = "filtering"
    version = "1.0.0"

    def __init__(self, edit: Callable[[Content], Any]) -> None:
        super().__init__()
        self.edit = edit
        self.runs = 0

    def dvp_before_content_create(
        self, ctx: HookContext, content: Content, metadata: Content | None = None
    ) -> Content:
        self.runs += 1
        return self.edit(content)  # type: ignore[no-any-return]


class AsyncFiltering(Filtering):
    """The same on the event loop."""

    name = "async-filtering"

    async def dvp_before_content_create(  # type: ignore[override]  # the protocol allows both
        self, ctx: HookContext, content: Content, metadata: Content | None = None
    ) -> Content:
        self.runs += 1
        answer = self.edit(content)
        return await answer if asyncio.iscoroutine(answer) else answer  # type: ignore[no-any-return]


class Neighbour(AsyncFiltering):
    """Has no part in the trouble."""

    name = "neighbour"


class Gate(Plugin, ContentLifecycleHooks):
    """A gate that says yes, or raises."""

    name = "gate"
    version = "1.0.0"

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.runs = 0

    def dvp_before_content_publish(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Content | None = None
    ) -> PublishGateResult:
        self.runs += 1
        if self.error is not None:
            raise self.error
        return PublishGateResult(allowed=True)


@pytest.fixture
def switch_on(install: Install, in_tenant: Tenant) -> Callable[[Plugin], None]:
    """Install a plugin that has a state of its own for the tenant."""

    def switch(plugin: Plugin) -> None:
        install(plugin)
        enable_plugin(plugin.name)

    return switch


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hanging hooks wait for; they come back when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def create(posts: Collection, **data: Any) -> Record:
    """Make a record and see to it that what its hooks did is counted."""
    try:
        return create_record(collection=posts, data={"title": "Hello"} | data)
    finally:
        assert inline_notes.settle()


def settings_of(plugin: Plugin) -> PluginSettings:
    return PluginSettings.objects.get(plugin_id=plugin.name)


def let_the_pause_pass(tenant: Tenant) -> None:
    PluginSettings.objects.filter(paused_by_breaker=True).update(
        paused_until=timezone.now() - timedelta(seconds=1)
    )
    forget_tenant_plugins(tenant.pk)


def broken(content: Content) -> Content:
    raise ZeroDivisionError("division by zero")


def minutes(content: Content) -> Content:
    return content | {"data": content["data"] | {"minutes": 3}}


def test_a_filter_that_never_returns_is_paused_and_costs_nothing_any_more(
    posts: Collection,
    switch_on: Callable[[Plugin], None],
    released: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Filtering, "time_limits", SHORT)
    plugin = Filtering(lambda content: released.wait(600) and content)
    switch_on(plugin)

    for _ in range(10):
        create(posts)

    # Each of the first three ran into its limit; then nobody called it any more.
    assert plugin.runs == 3
    row = settings_of(plugin)
    assert (row.state, row.paused_by) == (PluginState.PAUSED, "breaker")
    assert row.paused_reason.startswith(
        "3 runs in a row took longer than allowed, the last of dvp_before_content_create: HookTimeout"
    )
    assert hook_runner.stats.threads_working == 0
    assert Record.objects.filter(data={"title": "Hello"}).count() == 10


async def _deaf(content: Content) -> Content:
    ends = time.monotonic() + 0.4
    while time.monotonic() < ends:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
    return content


@pytest.mark.parametrize(
    "hang",
    [
        pytest.param(lambda content: time.sleep(0.4), id="blocks the loop"),
        pytest.param(_deaf, id="ignores its cancellation"),
        pytest.param(lambda content: asyncio.sleep(600), id="waits"),
    ],
)
def test_an_async_filter_that_hangs_is_paused_and_its_neighbour_goes_on(
    posts: Collection,
    switch_on: Callable[[Plugin], None],
    hang: Callable[[Content], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AsyncFiltering, "time_limits", SHORT)
    monkeypatch.setattr(Neighbour, "time_limits", {})
    plugin, neighbour = AsyncFiltering(hang), Neighbour(minutes)
    switch_on(plugin)
    switch_on(neighbour)

    records = [create(posts) for _ in range(5)]

    assert plugin.runs == 3
    assert settings_of(plugin).state == PluginState.PAUSED
    assert settings_of(neighbour).state == PluginState.ENABLED
    assert {record.data["minutes"] for record in records} == {3}


def test_a_filter_that_fails_is_skipped_while_paused_and_tried_again(
    posts: Collection, switch_on: Callable[[Plugin], None], in_tenant: Tenant
) -> None:
    plugin = Filtering(broken)
    switch_on(plugin)
    for _ in range(6):
        create(posts)
    assert plugin.runs == 5
    assert "ZeroDivisionError: division by zero" in settings_of(plugin).paused_reason

    let_the_pause_pass(in_tenant)
    create(posts)
    create(posts)
    assert plugin.runs == 6
    assert PluginBreaker.objects.get().openings == 2

    plugin.edit = minutes
    let_the_pause_pass(in_tenant)
    assert create(posts).data == {"title": "Hello", "minutes": 3}
    assert settings_of(plugin).state == PluginState.ENABLED
    assert create(posts).data == {"title": "Hello", "minutes": 3}
    assert not PluginBreaker.objects.exists()


def test_among_operations_at_the_same_time_one_makes_the_probe(
    posts: Collection, switch_on: Callable[[Plugin], None], in_tenant: Tenant
) -> None:
    plugin = Filtering(broken)
    switch_on(plugin)
    for _ in range(5):
        create(posts)
    let_the_pause_pass(in_tenant)
    inner: list[Content] = []

    def create_another(content: Content) -> Content:
        if not inner:
            inner.append(create_record(collection="posts", data={"title": "inner"}).data)
        return minutes(content)

    plugin.edit = create_another
    outer = create(posts)

    # The inner one began while the outer one had the turn.
    assert inner == [{"title": "inner"}]
    assert outer.data == {"title": "Hello", "minutes": 3}
    assert plugin.runs == 6


def test_refusing_is_an_answer_and_no_trouble(posts: Collection, switch_on: Callable[[Plugin], None]) -> None:
    def refuse(content: Content) -> Content:
        raise PluginError("Too long.")

    plugin = Filtering(refuse)
    switch_on(plugin)

    for _ in range(7):
        with pytest.raises(PluginError, match="Too long"):
            create(posts)

    assert settings_of(plugin).state == PluginState.ENABLED
    assert not PluginBreaker.objects.exists()


def test_returning_nonsense_is_trouble(posts: Collection, switch_on: Callable[[Plugin], None]) -> None:
    plugin = Filtering(lambda content: None)
    switch_on(plugin)

    for _ in range(5):
        with pytest.raises(PluginError, match="returned None"):
            create(posts)

    assert create(posts).data == {"title": "Hello"}
    assert settings_of(plugin).state == PluginState.PAUSED


def test_a_success_ends_the_row(posts: Collection, switch_on: Callable[[Plugin], None]) -> None:
    plugin = Filtering(broken)
    switch_on(plugin)
    for _ in range(4):
        create(posts)
    assert PluginBreaker.objects.get().failures == 4

    plugin.edit = minutes
    create(posts)

    assert not PluginBreaker.objects.exists()


def test_counting_adds_no_statement_to_a_request(
    posts: Collection, switch_on: Callable[[Plugin], None]
) -> None:
    plugin = Filtering(minutes)
    switch_on(plugin)
    create(posts)

    with CaptureQueriesContext(connection) as queries:
        create_record(collection=posts, data={"title": "Hello"})
        plugin.edit = broken
        create_record(collection=posts, data={"title": "Hello"})
    assert inline_notes.settle()

    assert PluginBreaker.objects.get().failures == 1
    assert [one["sql"] for one in queries if "plugin_" in one["sql"]] == []


def draft(posts: Collection) -> Record:
    return create_record(collection=posts, data={"title": "Hello"})


def publish(record: Record) -> None:
    try:
        publish_record(record_id=record.pk)
    finally:
        assert inline_notes.settle()


def test_a_gate_whose_plugin_is_paused_refuses_and_says_why_and_what_to_do(
    posts: Collection, switch_on: Callable[[Plugin], None], in_tenant: Tenant
) -> None:
    plugin = Gate()
    switch_on(plugin)
    record = draft(posts)
    plugin.error = ConnectionError("refused")
    for _ in range(5):
        with pytest.raises(Conflict):
            publish(record)

    with pytest.raises(Conflict) as refusal:
        publish(record)

    assert plugin.runs == 5
    assert (refusal.value.status, refusal.value.errors[0].code) == (409, "plugin_paused")
    assert refusal.value.message.startswith("gate: Paused by the breaker since ")
    assert "ConnectionError: refused" in refusal.value.message
    assert "resume it, switch it off, or let its gates fail open" in refusal.value.message
    assert Record.objects.get().state == "draft"

    let_the_pause_pass(in_tenant)
    plugin.error = None
    publish(record)
    assert Record.objects.get().state == "published"
    assert settings_of(plugin).state == PluginState.ENABLED


def test_a_gate_that_fails_open_lets_through_while_its_plugin_is_paused(
    posts: Collection, switch_on: Callable[[Plugin], None]
) -> None:
    plugin = Gate()
    switch_on(plugin)
    set_fail_open("gate", True)
    pause_plugin("gate")

    publish(draft(posts))

    assert plugin.runs == 0
    assert Record.objects.get().state == "published"


def test_a_gate_that_a_person_paused_refuses_too(
    posts: Collection, switch_on: Callable[[Plugin], None]
) -> None:
    plugin = Gate()
    switch_on(plugin)
    pause_plugin("gate", reason="new rules are coming")

    with pytest.raises(Conflict, match=r"Paused by tests since .*: new rules are coming"):
        publish(draft(posts))

    assert plugin.runs == 0


def test_a_gate_that_is_being_tried_by_somebody_else_refuses(
    posts: Collection, switch_on: Callable[[Plugin], None], in_tenant: Tenant
) -> None:
    plugin = Gate()
    switch_on(plugin)
    now = timezone.now()
    PluginSettings.objects.update(
        state=PluginState.PAUSED, paused_by_breaker=True, paused_by="breaker", paused_at=now
    )
    let_the_pause_pass(in_tenant)
    PluginSettings.objects.update(probe_until=now + timedelta(minutes=1))

    with pytest.raises(Conflict, match="its next run shows whether it works again"):
        publish(draft(posts))

    assert plugin.runs == 0
