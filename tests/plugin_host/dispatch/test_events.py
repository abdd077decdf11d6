"""`EventHooks`: what the tenant's log will say, and that it was said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from core.models import Collection, Event, Record
from core.services.publishing import publish_record, unpublish_record
from core.services.records import create_record, delete_record, update_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext, RecordEvent
from plugin_host.errors import HookError, PluginError
from plugin_host.hookspec import ContentLifecycleHooks, EventHooks
from plugin_host.services import disable_plugin, enable_plugin
from plugin_host.testing.host import DeliverAll
from tenants.models import Tenant
from tests.plugin_host.installing import Install

Dictionary = dict[str, Any]


class Listening(Plugin, EventHooks, ContentLifecycleHooks):
    """Does with events what a test says, and keeps what it is told."""

    name = "listening"
    version = "1.0.0"

    def __init__(self, change: Callable[[Dictionary], Any] = lambda event: event) -> None:
        super().__init__()
        self.change = change
        self.drafts: list[Dictionary] = []
        self.told: list[Dictionary] = []
        self.contents: list[Dictionary] = []
        self.in_transaction: set[bool] = set()

    def dvp_before_event_publish(self, ctx: HookContext, event: Dictionary) -> Dictionary:
        self.in_transaction.add(connection.in_atomic_block)
        self.drafts.append(event)
        return self.change(event)  # type: ignore[no-any-return]

    def dvp_after_event_publish(self, ctx: HookContext, event: Dictionary) -> None:
        self.told.append(event)

    def dvp_content_updated(
        self, ctx: HookContext, content_id: str, content: Dictionary, metadata: Dictionary | None = None
    ) -> None:
        self.contents.append(content)


def with_payload(**values: Any) -> Callable[[Dictionary], Dictionary]:
    return lambda event: event | {"payload": event["payload"] | values}


def test_every_event_of_the_log_is_drafted_and_told(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    plugin = Listening()
    install(plugin)

    record = create_record(collection=posts, data={"title": "Hello"})
    update_record(record_id=record.pk, data={"title": "Other"})
    update_record(record_id=record.pk, data={"title": "Other"})
    publish_record(record_id=record.pk)
    unpublish_record(record_id=record.pk)
    delete_record(record_id=record.pk)
    deliver_all(tenant)

    kinds = [
        "record.created",
        "record.updated",
        "record.published",
        "record.unpublished",
        "record.deleted",
    ]
    assert [draft["type"] for draft in plugin.drafts] == kinds
    assert [event["type"] for event in plugin.told] == kinds
    assert plugin.in_transaction == {False}
    for draft, event in zip(plugin.drafts, plugin.told, strict=True):
        assert set(draft) == {"type", "payload"}
        # Dates and the state of something that is being made are known in the transaction only.
        known = ("title", "slug", "locale", "status", "version", "data", "author")
        assert {name: draft["payload"][name] for name in known} == {
            name: event["payload"][name] for name in known
        }
    assert plugin.drafts[1]["payload"]["changed"] == ["title"]


def test_the_log_says_what_a_plugin_made_of_it(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    plugin = Listening(with_payload(data={"title": "***"}, reviewed=True))
    install(plugin)
    record = create_record(collection=posts, data={"title": "Hello"})

    update_record(record_id=record.pk, data={"title": "Secret"})
    deliver_all(tenant)

    event = Event.objects.get(type="record.updated")
    assert (event.payload["data"], event.payload["reviewed"]) == ({"title": "***"}, True)
    assert Record.objects.get().data == {"title": "Secret"}
    assert plugin.told[-1]["payload"]["reviewed"] is True
    assert plugin.contents[-1]["data"] == {"title": "***"}


def test_a_plugin_refuses_the_operation_that_an_event_is_about(posts: Collection, install: Install) -> None:
    def refuse(event: Dictionary) -> Dictionary:
        raise PluginError("The log is full.")

    record = create_record(collection=posts, data={"title": "Hello"})
    install(Listening(refuse))

    for operation in (publish_record, delete_record):
        with pytest.raises(PluginError, match=r"^The log is full\.$") as refusal:
            operation(record_id=record.pk)
        assert refusal.value.status == 422

    assert (Record.objects.get().state, Event.objects.count()) == ("draft", 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda event: event | {"type": "record.deleted"}, "only the payload can be changed"),
        (lambda event: None, "returned None but filter hooks must return a value"),
        (lambda event: [event], "a dictionary, not list"),
        (lambda event: event | {"note": 1}, "added 'note'"),
        (lambda event: event | {"payload": None}, "NoneType under 'payload'"),
        (lambda event: event | {"payload": {}}, "out of the payload"),
        (with_payload(version=7), "changed 'version'"),
        (with_payload(status="published"), "changed 'status'"),
        (with_payload(data=[]), "list under 'data'"),
        (with_payload(extra=float("nan")), "/payload/extra: JSON knows no nan"),
    ],
)
def test_a_plugin_that_returns_no_such_event_refuses(
    posts: Collection, install: Install, change: Callable[[Dictionary], Any], said: str
) -> None:
    install(Listening(change))

    with pytest.raises(HookError) as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    assert said in refusal.value.message
    assert "listening" in refusal.value.message
    assert not Event.objects.exists()


def test_a_plugin_that_breaks_leaves_the_event(posts: Collection, install: Install) -> None:
    def breaks(event: Dictionary) -> Dictionary:
        event["payload"]["data"]["title"] = "half done"
        raise ZeroDivisionError

    install(Listening(breaks))

    create_record(collection=posts, data={"title": "Hello"})

    assert Event.objects.get().payload["data"] == {"title": "Hello"}


def test_the_life_of_plugins_and_commands_is_no_part_of_the_log(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    class Commanding(Plugin):
        name = "commanding"
        version = "1.0.0"

        def dvp_after_command(self, ctx: HookContext, command: Any, result: Any) -> None:
            """Have commands recorded."""

    plugin = Listening()
    install(plugin)
    install(Commanding())

    create_record(collection=posts, data={"title": "Hello"})
    enable_plugin("commanding")
    disable_plugin("commanding")
    deliver_all(tenant)

    assert [event["type"] for event in plugin.told] == ["record.created"]
    assert [draft["type"] for draft in plugin.drafts] == ["record.created"]
    assert set(Event.objects.values_list("type", flat=True)) == {
        "record.created",
        "command.completed",
        "plugin.enabled",
        "plugin.disabled",
    }


def test_handlers_of_record_events_get_records_alone(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    seen: list[RecordEvent] = []

    class Anything(Plugin):
        name = "anything"
        version = "1.0.0"

        def register(self, ctx: Any) -> None:
            ctx.on_any_event(seen.append)
            ctx.on("dvp_after_command", lambda ctx, command, result: None)

    install(Anything())

    create_record(collection=posts, data={"title": "Hello"})
    deliver_all(tenant)

    assert [event.type for event in seen] == ["record.created"]
