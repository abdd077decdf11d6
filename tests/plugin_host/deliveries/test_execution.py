from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from core.models import Collection, Event, Record
from core.platform_work import PlatformWork
from core.scope import current_actor, platform_scope, require_tenant
from core.services.publishing import publish_record
from core.services.records import create_record, delete_record, update_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext, PluginContext, RecordEvent
from plugin_host.deliveries.backoff import MAX_FAILURES
from plugin_host.deliveries.creation import stored_key
from plugin_host.deliveries.execution import run_delivery
from plugin_host.errors import NotReady, PluginError
from plugin_host.hookspec import ContentLifecycleHooks
from plugin_host.models.delivery import Delivery, DeliveryAttempt, DeliveryHistory
from plugin_host.registry import LoadedPlugins
from plugin_host.runtime import aonce, aprogress, once, store
from tests.plugin_host.deliveries.dispatching import dispatching, wait_until
from tests.plugin_host.installing import Install

Content = dict[str, Any]


class Recording(Plugin, ContentLifecycleHooks):
    """Keeps what its hooks are called with and does what a test says."""

    name = "recording"
    version = "1.0.0"

    def __init__(self, action: Any = None) -> None:
        super().__init__()
        self.action = action or (lambda *arguments: None)
        self.calls: list[tuple[Any, ...]] = []

    async def dvp_content_published(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Content | None = None
    ) -> None:
        self.calls.append((ctx, content_id, content, metadata))
        answer = self.action(ctx, content_id, content, metadata)
        if asyncio.iscoroutine(answer):
            await answer

    def dvp_content_updated(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Content | None = None
    ) -> None:
        self.calls.append((ctx, content_id, content, metadata))

    def dvp_content_deleted(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Content | None = None
    ) -> None:
        self.calls.append((ctx, content_id, content, metadata))
        self.action(ctx, content_id, content, metadata)


def publish(posts: Collection, **data: Any) -> Record:
    record = create_record(collection=posts, data={"title": "Hello"} | data)
    return publish_record(record_id=record.pk)


def run_everything() -> None:
    """Make what is due until each delivery has ended or waits for another day."""
    with dispatching(run_delivery):
        wait_until(
            lambda: (
                not Delivery.objects.filter(next_attempt_at__lte=timezone.now()).exists()
                and not Delivery.objects.filter(status="running").exists()
            )
        )


def the_end() -> tuple[str, str]:
    (row,) = DeliveryHistory.objects.values_list("outcome", "outcome_reason")
    return row


def raising(error: BaseException) -> Any:
    def action(*arguments: Any) -> None:
        raise error

    return action


def test_one_delivery_per_handling_hook_is_made_with_the_event(posts: Collection, install: Install) -> None:
    install(Recording())

    record = publish(posts)

    (delivery,) = Delivery.objects.all()
    assert (delivery.plugin, delivery.hook) == ("recording", "dvp_content_published")
    assert delivery.event == Event.objects.get(type="record.published")
    assert (delivery.record_id, delivery.record_version) == (record.pk, record.version)


def test_an_action_gets_context_content_and_metadata(posts: Collection, install: Install) -> None:
    plugin = Recording()
    install(plugin)
    record = publish(posts)

    run_everything()

    ((ctx, content_id, content, metadata),) = plugin.calls
    event = Event.objects.get(type="record.published")
    history = DeliveryHistory.objects.get()
    assert content_id == content["content_id"] == str(record.pk)
    assert (content["data"], content["status"], content["version"]) == ({"title": "Hello"}, "published", 2)
    assert (ctx.tenant_id, ctx.causation_id, ctx.correlation_id) == (
        posts.tenant_id,
        event.pk,
        event.correlation_id,
    )
    assert metadata == {
        "event_id": str(event.pk),
        "event_type": "record.published",
        "occurred_at": event.created_at.isoformat().replace("+00:00", "Z"),
        "delivery_id": str(history.pk),
        "attempt": 1,
        "actor": "system:tests",
        "version": 2,
    }
    assert the_end() == ("done", "")


def test_the_content_is_that_of_the_event_however_late(posts: Collection, install: Install) -> None:
    plugin = Recording()
    install(plugin)
    record = publish(posts)
    update_record(record_id=record.pk, data={"title": "Later"})

    run_everything()

    published, updated = plugin.calls
    assert published[2]["title"] == "Hello"
    assert updated[2]["title"] == "Later"
    assert updated[3]["changed"] == ["title"]
    assert updated[3]["previous"]["data"] == {"title": "Hello"}


def test_a_deletion_brings_the_last_content(posts: Collection, install: Install) -> None:
    plugin = Recording()
    install(plugin)
    record = create_record(collection=posts, data={"title": "Hello", "minutes": 4})
    delete_record(record_id=record.pk)

    run_everything()

    ((_, content_id, content, _),) = plugin.calls
    assert (content_id, content["data"]) == (str(record.pk), {"title": "Hello", "minutes": 4})


def test_a_hook_works_as_the_plugin_in_its_tenant(posts: Collection, install: Install) -> None:
    seen: list[Any] = []

    def look(*arguments: Any) -> None:
        scope = require_tenant()
        seen.append((scope.tenant_id, current_actor().reference, scope.depth, Record.objects.count()))

    plugin = Recording(look)
    install(plugin)
    record = create_record(collection=posts, data={"title": "Hello"})
    delete_record(record_id=record.pk)

    run_everything()

    assert seen == [(posts.tenant_id, "plugin:recording", 1, 0)]


def test_logging_an_error_is_done_with_errors(posts: Collection, install: Install) -> None:
    plugin = Recording()
    plugin.action = lambda *arguments: plugin.logger.error("The other side said no")
    install(plugin)
    publish(posts)

    run_everything()

    assert the_end() == ("done_with_errors", "")
    (attempt,) = DeliveryAttempt.objects.all()
    assert attempt.error == "The other side said no"
    assert [line["level"] for line in attempt.log] == ["ERROR"]


def test_a_failure_waits_for_another_attempt(posts: Collection, install: Install) -> None:
    install(Recording(raising(ValueError("not today"))))
    publish(posts)

    run_everything()

    (delivery,) = Delivery.objects.all()
    assert (delivery.status, delivery.failures, delivery.attempt) == ("pending", 1, 1)
    assert delivery.error.startswith("ValueError: not today\n")
    assert "Traceback" in delivery.error
    assert delivery.next_attempt_at > timezone.now()


def test_a_plugin_may_ask_for_time(posts: Collection, install: Install) -> None:
    install(Recording(raising(NotReady(retry_after=3600))))
    publish(posts)
    before = timezone.now()

    run_everything()

    (delivery,) = Delivery.objects.all()
    assert delivery.next_attempt_at > before + timedelta(seconds=3500)


def test_a_permanent_error_ends_it(posts: Collection, install: Install) -> None:
    install(Recording(raising(PluginError("The page is gone.", permanent=True))))
    publish(posts)

    run_everything()

    assert the_end() == ("dead", "permanent")


def test_the_last_attempt_ends_it(posts: Collection, install: Install) -> None:
    install(Recording(raising(ValueError("never"))))
    publish(posts)
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.update(failures=MAX_FAILURES - 1)

    run_everything()

    assert the_end() == ("dead", "attempts")


def test_a_hook_out_of_time_is_given_up(
    posts: Collection, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recording, "time_limits", {"dvp_content_published": 0.05})
    install(Recording(lambda *arguments: asyncio.sleep(30)))
    publish(posts)

    run_everything()

    assert [attempt.outcome for attempt in DeliveryAttempt.objects.all()] == ["timed_out"]
    assert Delivery.objects.get().failures == 1


def test_a_plugin_that_was_switched_off_is_skipped(
    posts: Collection, install: Install, no_plugins: LoadedPlugins
) -> None:
    plugin = Recording()
    install(plugin)
    publish(posts)
    no_plugins.switch_here(plugin.name, on=False)

    run_everything()

    assert the_end() == ("skipped", "disabled")
    assert plugin.calls == []


def test_events_deep_in_a_loop_are_skipped(posts: Collection, install: Install) -> None:
    plugin = Recording(lambda *arguments: create_record(collection="posts", data={"title": "again"}))
    install(plugin)

    def set_off(ctx: HookContext, content_id: str, content: Content, metadata: Content | None) -> None:
        record = create_record(collection="posts", data={"title": "again"})
        delete_record(record_id=record.pk)

    plugin.action = set_off
    record = create_record(collection=posts, data={"title": "first"})
    delete_record(record_id=record.pk)

    run_everything()

    outcomes = DeliveryHistory.objects.order_by("id").values_list("outcome", "outcome_reason")
    assert list(outcomes) == [("done", "")] * 9 + [("skipped", "loop")]


def test_handlers_in_function_style_get_a_record_event(posts: Collection, install: Install) -> None:
    seen: list[RecordEvent] = []

    class Handling(Plugin):
        name = "handling"
        version = "1.0.0"

        def register(self, ctx: PluginContext) -> None:
            ctx.on_record_create("posts", seen.append)
            ctx.on_record_create("pages", seen.append)
            ctx.on_any_event(seen.append)

    install(Handling())
    record = create_record(collection=posts, data={"title": "Hello"})

    assert Delivery.objects.count() == 2
    run_everything()

    event = Event.objects.get()
    assert [found.type for found in seen] == ["record.created", "record.created"]
    assert seen[0].data == {
        "title": "Hello",
        "id": str(record.pk),
        "created": record.created_at.isoformat().replace("+00:00", "Z"),
        "updated": record.updated_at.isoformat().replace("+00:00", "Z"),
    }
    assert (seen[0].id, seen[0].collection_name, seen[0].tenant_slug) == (
        event.pk,
        "posts",
        posts.tenant.slug,
    )


def test_once_is_once_over_all_attempts(posts: Collection, install: Install) -> None:
    sent: list[UUID | None] = []

    async def send(*arguments: Any) -> None:
        if await aonce("mail"):
            sent.append(require_tenant().tenant_id)
        raise ValueError("after the effect")

    install(Recording(send))
    publish(posts)
    run_everything()
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.update(next_attempt_at=timezone.now())
    run_everything()

    assert Delivery.objects.get().failures == 2
    assert sent == [posts.tenant_id]


def test_store_and_progress_belong_to_plugin_and_attempt(posts: Collection, install: Install) -> None:
    seen: list[Any] = []

    async def work(*arguments: Any) -> None:
        seen.append(await store.aget("cursor", 0))
        await store.aset("cursor", seen[-1] + 1)
        await aprogress(3, 10)

    install(Recording(work))
    for _ in range(2):
        publish(posts)
        run_everything()

    assert seen == [0, 1]
    assert set(DeliveryAttempt.objects.values_list("progress_done", "progress_total")) == {(3, 10)}


def test_once_outside_of_a_run_says_so() -> None:
    with pytest.raises(PluginError, match="outside a running Tenantry"):
        once("mail")


def test_long_keys_end_in_a_digest() -> None:
    assert stored_key("short") == "short"
    long, other = stored_key("x" * 300), stored_key("x" * 299 + "y")
    assert len(long) == len(other) == 200
    assert long != other
