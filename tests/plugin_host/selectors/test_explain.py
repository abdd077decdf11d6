"""Why a plugin ran, or did not: one test for each verdict, each brought about as it comes about in use."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.actors import system_actor
from core.models import Collection, Event, Record
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from core.services.publishing import publish_record
from core.services.records import create_record, update_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext, PluginContext, RecordEvent
from plugin_host.deliveries.claiming import claim_deliveries
from plugin_host.deliveries.creation import MAX_DEPTH
from plugin_host.deliveries.finishing import finish_attempts, given_back, recover_lost_leases
from plugin_host.deliveries.replaying import replay_delivery
from plugin_host.errors import LoadProblem, PluginError
from plugin_host.models.delivery import Delivery, DeliveryHistory
from plugin_host.registry import LoadedPlugins, LoadFailure, PluginRegistry
from plugin_host.selectors.explain import (
    Answer,
    Explanation,
    PluginAnswer,
    event_to_explain,
    explain_event,
    latest_event_of_record,
)
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin, resume_plugin
from plugin_host.state import forget_tenant_plugins
from plugin_host.testing.host import DeliverAll
from tenants.models import Role, Tenant, TenantStatus
from tests.plugin_host.installing import install, no_plugins, posts
from tests.servers import PROJECT
from tests.tenants.people import host_of, make_key_text, make_member, program

# Nothing has this id.
NOBODY: Final = "01900000-0000-7000-8000-000000000000"

__all__ = ["install", "no_plugins", "posts"]

pytestmark = pytest.mark.usefixtures("no_open_work")


class Teller(Plugin):
    """Does at a publication what a test says."""

    name = "teller"
    version = "1.0.0"
    action: Callable[[], None] = staticmethod(lambda: None)

    def dvp_content_published(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
    ) -> None:
        self.action()


class Selective(Plugin):
    """Wants one collection."""

    name = "selective"
    version = "1.0.0"
    collections: tuple[str | None, ...] = ("pages",)

    def register(self, ctx: PluginContext) -> None:
        for collection in self.collections:
            ctx.on_record_create(collection, self.handle)

    def handle(self, event: RecordEvent) -> None:
        """Take it."""


class Demanding(Teller):
    """Needs a setting once its schema has grown."""

    name = "demanding"


@pytest.fixture
def no_open_work() -> None:
    """Claiming looks at all tenants, so what other tests left open has to go."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Delivery.objects.all().delete()


@pytest.fixture
def teller(no_plugins: LoadedPlugins, in_tenant: Tenant) -> Teller:
    plugin = Teller()
    PluginRegistry().register(plugin)
    enable_plugin("teller")
    return plugin


def publish(posts: Collection, title: str = "Hello") -> Record:
    return publish_record(record_id=create_record(collection=posts, data={"title": title}).pk)


def explained(record: Record, event_type: str = "record.published") -> Explanation:
    return explain_event(latest_event_of_record(record.pk, event_type=event_type))


def answer_of(found: Explanation, plugin_id: str = "teller") -> PluginAnswer:
    (answer,) = (one for one in found.plugins if one.plugin_id == plugin_id)
    return answer


def answer(record: Record, event_type: str = "record.published", plugin_id: str = "teller") -> PluginAnswer:
    return answer_of(explained(record, event_type), plugin_id)


def shift(statement: str) -> None:
    """Let time pass in the deliveries' table."""
    with platform_scope(PlatformWork.DELIVERY_SWEEP), connection.cursor() as cursor:
        cursor.execute(f"UPDATE plugin_host_delivery SET {statement}")


def test_done(teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll) -> None:
    record = publish(posts)
    deliver_all(in_tenant)

    found = answer(record)

    assert found.answer is Answer.DONE
    assert found.sentence.startswith("It ran: attempt 1 was done at ")
    (handler,) = found.handlers
    assert (handler.hook, handler.is_there) == ("dvp_content_published", True)
    assert [attempt.outcome for attempt in handler.deliveries[0].attempts] == ["done"]


def test_done_with_errors(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    teller.action = lambda: teller.logger.error("half of it is missing")
    record = publish(posts)
    deliver_all(in_tenant)

    found = answer(record)

    assert found.answer is Answer.DONE_WITH_ERRORS
    assert "logged an error: half of it is missing. It is not tried again" in found.sentence


def test_waits_for_another_try_and_is_given_up_after_the_last(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    def fail() -> None:
        raise LookupError("no such thing")

    teller.action = fail
    record = publish(posts)
    deliver_all(in_tenant)

    found = answer(record)

    assert found.answer is Answer.WAITS_RETRY
    assert found.sentence.startswith("It failed once and is tried again at ")
    assert "The last error: LookupError: no such thing." in found.sentence

    while Delivery.objects.exists():
        deliver_all(in_tenant, waiting=True)

    found = answer(record)
    assert found.answer is Answer.DEAD
    assert found.sentence.startswith("It was given up after ")
    assert "no such thing. Replay it when that is mended." in found.sentence


def test_given_up_at_once(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    def fail() -> None:
        raise PluginError("The account is closed", permanent=True)

    teller.action = fail
    record = publish(posts)
    deliver_all(in_tenant)

    found = answer(record)

    assert found.answer is Answer.DEAD
    assert found.sentence.startswith(
        "It was given up at once: the plugin said that trying again is pointless"
    )


def test_a_replay_stands_for_what_it_replays(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    def fail() -> None:
        raise PluginError("The account is closed", permanent=True)

    teller.action = fail
    record = publish(posts)
    deliver_all(in_tenant)
    teller.action = lambda: None
    replay_delivery(delivery_id=DeliveryHistory.objects.get().pk)
    deliver_all(in_tenant)

    found = answer(record)

    assert found.answer is Answer.DONE
    assert [one.state for one in found.handlers[0].deliveries] == ["done", "dead"]


def test_given_up_because_its_process_died(teller: Teller, posts: Collection, in_tenant: Tenant) -> None:
    record = publish(posts)
    for _ in range(3):
        claim_deliveries(1, worker="test", lease_seconds=60)
        shift("lease_until = now() - interval '1 second'")
        assert answer(record).answer is Answer.LOST
        assert "has not been heard of since" in answer(record).sentence
        recover_lost_leases()

    found = answer(record)

    assert found.answer is Answer.DEAD
    assert "because its process died under it 3 times" in found.sentence


def test_a_handler_that_was_taken_out(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    class Emptied(Plugin):
        name = "teller"
        version = "2.0.0"

    record = publish(posts)
    PluginRegistry().unregister("teller")
    PluginRegistry().register(Emptied())
    forget_tenant_plugins()
    deliver_all(in_tenant)

    found = answer(record)

    assert found.answer is Answer.DEAD
    assert "the plugin has no such handler any more" in found.sentence
    assert [one.is_there for one in found.handlers] == [False]


def test_running(teller: Teller, posts: Collection, in_tenant: Tenant) -> None:
    record = publish(posts)
    claim_deliveries(1, worker="worker-7", lease_seconds=60)

    found = answer(record)

    assert found.answer is Answer.RUNNING
    assert found.sentence.startswith("It runs now: attempt 1 since ")
    assert found.sentence.endswith(" at worker-7.")


def test_due(teller: Teller, posts: Collection) -> None:
    found = answer(publish(posts))

    assert found.answer is Answer.DUE
    assert found.sentence.startswith("It has been due since ")


def test_put_off_without_a_failure(teller: Teller, posts: Collection, in_tenant: Tenant) -> None:
    record = publish(posts)
    (claimed,) = claim_deliveries(1, worker="test", lease_seconds=60)
    finish_attempts([given_back(claimed, "The database did not answer", wait_seconds=600)])

    found = answer(record)

    assert found.answer is Answer.WAITS_LATER
    assert found.sentence.startswith("It was put off until ")
    assert found.sentence.endswith("which counts as no failure. The last error: The database did not answer.")


def test_waits_for_an_earlier_version_of_the_record(
    no_plugins: LoadedPlugins, posts: Collection, in_tenant: Tenant
) -> None:
    class Both(Teller):
        def dvp_content_updated(
            self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
        ) -> None:
            """Take it."""

    PluginRegistry().register(Both())
    enable_plugin("teller")
    record = publish(posts)
    update_record(record_id=record.pk, data={"title": "Later"})
    first = Delivery.objects.get(event_type="record.published")

    found = answer(record, "record.updated")

    assert found.answer is Answer.WAITS_ORDER
    assert found.sentence == (
        "It waits for its turn: version 2 of the record comes before version 3, "
        f"and the delivery {first.pk} for it still waits."
    )


def test_waits_while_paused(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    until = timezone.now() + timedelta(hours=2)
    pause_plugin("teller", reason="moving house", until=until)
    record = publish(posts)

    found = answer(record)

    assert (found.answer, found.then.state) == (Answer.WAITS_PAUSED, "paused")
    assert "paused by tests since " in found.sentence
    assert f"until {until:%Y-%m-%d %H:%M:%S} UTC (moving house)." in found.sentence

    resume_plugin("teller")
    deliver_all(in_tenant, waiting=True)

    assert answer(record).answer is Answer.DONE
    assert answer(record).then.state == "paused"


def test_a_pause_that_has_ended_keeps_nothing_back(teller: Teller, posts: Collection) -> None:
    now = timezone.now()
    pause_plugin("teller", until=now - timedelta(hours=1), now=now - timedelta(hours=2))

    assert answer(publish(posts)).answer is Answer.DUE


def test_waits_because_the_configuration_does_not_fit_any_more(
    no_plugins: LoadedPlugins, posts: Collection, in_tenant: Tenant
) -> None:
    class Grown(Demanding):
        CONFIG_SCHEMA = {
            "type": "object",
            "properties": {"sender": {"type": "string"}},
            "required": ["sender"],
        }

    PluginRegistry().register(Demanding())
    enable_plugin("demanding")
    record = publish(posts)
    PluginRegistry().unregister("demanding")
    PluginRegistry().register(Grown())
    forget_tenant_plugins()

    found = answer(record, plugin_id="demanding")

    assert (found.answer, found.status) == (Answer.WAITS_UNABLE, "needs_attention")
    assert "its configuration or secrets need attention: /config/sender " in found.sentence


@pytest.mark.parametrize(
    ("status", "message"),
    [("broken", "ValueError: not today"), ("needs_install", "pip install teller[extra]")],
)
def test_waits_because_the_plugin_is_not_loaded_any_more(
    teller: Teller, no_plugins: LoadedPlugins, posts: Collection, status: str, message: str
) -> None:
    record = publish(posts)
    PluginRegistry().unregister("teller")
    problem = LoadProblem(stage="init", message=message)
    no_plugins.failures["teller"] = LoadFailure(name="teller", status=status, problems=(problem,))
    forget_tenant_plugins()

    found = answer(record)

    assert (found.answer, found.is_loaded, found.status) == (Answer.WAITS_UNABLE, False, status)
    assert found.sentence == f"It waits: the plugin is on, but {status}: {message}."


def test_waits_because_the_plugin_is_gone(teller: Teller, posts: Collection) -> None:
    record = publish(posts)
    PluginRegistry().unregister("teller")
    forget_tenant_plugins()

    found = answer(record)

    assert found.answer is Answer.WAITS_UNABLE
    assert "Plugin teller is not installed." in found.sentence


def test_waits_while_the_tenant_is_suspended(teller: Teller, posts: Collection, in_tenant: Tenant) -> None:
    record = publish(posts)
    with platform_scope(PlatformWork.TENANT_DIRECTORY):
        Tenant.objects.filter(pk=in_tenant.pk).update(status=TenantStatus.SUSPENDED)

    assert answer(record).answer is Answer.WAITS_TENANT


def test_skipped_because_it_was_switched_off_meanwhile(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    record = publish(posts)
    disable_plugin("teller")

    assert answer(record).answer is Answer.WAITS_OFF

    deliver_all(in_tenant)
    found = answer(record)
    assert found.answer is Answer.SKIPPED_OFF
    assert "had been switched off when its turn came" in found.sentence


def test_skipped_because_plugins_set_each_other_off(
    teller: Teller, posts: Collection, in_tenant: Tenant
) -> None:
    with tenant_scope(in_tenant.pk, slug=in_tenant.slug, actor=system_actor("tests"), depth=MAX_DEPTH + 1):
        record = publish(posts)

    found = answer(record)

    assert found.answer is Answer.SKIPPED_LOOP
    assert f"lie {MAX_DEPTH + 1} deep here, {MAX_DEPTH} is the most." in found.sentence


def test_never_switched_on(no_plugins: LoadedPlugins, posts: Collection) -> None:
    PluginRegistry().register(Teller())

    found = answer(publish(posts))

    assert (found.answer, found.then.state) == (Answer.OFF_THEN, "available")
    assert found.sentence == (
        "It did not run: it had not been switched on when this happened. It is off now as well."
    )


def test_switched_on_later(no_plugins: LoadedPlugins, posts: Collection) -> None:
    PluginRegistry().register(Teller())
    record = publish(posts)
    enable_plugin("teller")

    found = answer(record)

    assert found.answer is Answer.OFF_THEN
    assert "when this happened. It was switched on afterwards at " in found.sentence
    assert found.sentence.endswith(" by tests.")


def test_switched_off_before_and_on_again_later(teller: Teller, posts: Collection) -> None:
    disable_plugin("teller")
    record = publish(posts)
    enable_plugin("teller")

    found = answer(record)

    assert (found.answer, found.then.state, found.state) == (Answer.OFF_THEN, "disabled", "enabled")
    assert found.sentence.startswith("It did not run: it had been switched off at ")
    assert " by tests when this happened. It was switched on afterwards at " in found.sentence


def test_not_loaded_and_never_owed_anything(no_plugins: LoadedPlugins, posts: Collection) -> None:
    problem = LoadProblem(stage="import", message="SyntaxError: expected ':'")
    no_plugins.failures["half_done"] = LoadFailure(name="half_done", status="broken", problems=(problem,))

    found = answer(publish(posts), plugin_id="half_done")

    assert found.answer is Answer.NOT_LOADED
    assert found.sentence.endswith("nobody knows what it handles. SyntaxError: expected ':'.")


def test_no_hook_for_such_an_event(teller: Teller, posts: Collection) -> None:
    found = answer(publish(posts), "record.created")

    assert found.answer is Answer.NOT_HANDLED
    assert found.sentence == (
        "It did not run: it has no hook for record.created. It handles dvp_content_published."
    )


def test_other_collections_only(no_plugins: LoadedPlugins, posts: Collection) -> None:
    class Twice(Selective):
        collections = ("pages", "books")

    PluginRegistry().register(Twice())
    enable_plugin("selective")

    found = answer(publish(posts), "record.created", "selective")

    assert found.answer is Answer.OTHER_COLLECTION
    assert found.sentence == (
        "It did not run: it handles record.created of books, pages only, and this is of posts."
    )


def test_the_collection_that_it_wants(
    no_plugins: LoadedPlugins, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    class Mixed(Selective):
        collections = ("pages", "posts")

    PluginRegistry().register(Mixed())
    enable_plugin("selective")
    record = publish(posts)
    deliver_all(in_tenant)

    found = answer(record, "record.created", "selective")

    assert found.answer is Answer.DONE
    assert {one.collection: one.answer for one in found.handlers} == {
        "pages": Answer.OTHER_COLLECTION,
        "posts": Answer.DONE,
    }


def test_an_event_of_another_plugins_life(no_plugins: LoadedPlugins, in_tenant: Tenant) -> None:
    class Aware(Plugin):
        name = "aware"
        version = "1.0.0"

        def dvp_plugin_enabled(self, ctx: HookContext, metadata: dict[str, Any]) -> None:
            """Be told."""

    PluginRegistry().register(Teller())
    PluginRegistry().register(Aware())
    enable_plugin("aware")
    enable_plugin("teller")

    found = explain_event(Event.objects.get(type="plugin.enabled", payload__plugin="teller"))

    assert answer_of(found, "aware").answer is Answer.NOT_ITS_OWN
    assert answer_of(found, "teller").answer is Answer.NOT_HANDLED
    own = explain_event(Event.objects.get(type="plugin.enabled", payload__plugin="aware"))
    assert answer_of(own, "aware").answer is Answer.DUE


def test_a_hook_that_a_later_version_brought(teller: Teller, posts: Collection) -> None:
    class Newer(Teller):
        version = "2.0.0"

        def dvp_content_created(
            self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
        ) -> None:
            """Take it."""

    record = publish(posts)
    PluginRegistry().unregister("teller")
    PluginRegistry().register(Newer())
    forget_tenant_plugins()

    found = answer(record, "record.created")

    assert found.answer is Answer.NOT_RECORDED
    assert "a later version of it brought the hook" in found.sentence


def test_the_event_may_be_gone(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    record = publish(posts)
    deliver_all(in_tenant)
    event = Event.objects.get(type="record.published")
    with platform_scope(PlatformWork.DELIVERY_SWEEP):
        Event.objects.filter(pk=event.pk).delete()

    found = explain_event(event_to_explain(event.pk))

    assert (found.is_kept, found.event.type, found.event.record_id) == (False, "record.published", record.pk)
    assert answer_of(found).answer is Answer.DONE


def test_what_concerned_it_comes_first_and_queries_do_not_grow(
    no_plugins: LoadedPlugins, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    PluginRegistry().register(Selective())
    PluginRegistry().register(Teller())
    enable_plugin("teller")
    record = publish(posts)
    deliver_all(in_tenant)
    event = latest_event_of_record(record.pk)
    explain_event(event)

    with CaptureQueriesContext(connection) as few:
        found = explain_event(event)
    for number in range(3):
        more: type[Plugin] = type(f"More{number}", (Teller,), {"name": f"more-{number}"})
        PluginRegistry().register(more())
        enable_plugin(f"more-{number}")
    explain_event(event)
    with CaptureQueriesContext(connection) as many:
        explain_event(event)

    assert [one.plugin_id for one in found.plugins] == ["teller", "selective"]
    assert len(few) == len(many)


# -- where people ask ------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(in_tenant: Tenant) -> Client:
    return program(host_of(in_tenant), make_key_text(in_tenant, make_member(in_tenant, Role.ADMIN)))


BASE = "/api/v1/admin/plugins"


def test_the_api_explains_an_event_and_the_latest_of_a_record(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll, admin: Client
) -> None:
    record = publish(posts)
    deliver_all(in_tenant)
    event = latest_event_of_record(record.pk)

    for query in (f"event={event.pk}", f"record={record.pk}", f"record={record.pk}&type=record.published"):
        document = admin.get(f"{BASE}/explain?{query}").json()
        assert document["event"]["id"] == str(event.pk)
        (plugin,) = document["plugins"]
        assert (plugin["plugin"], plugin["answer"], plugin["ran"]) == ("teller", "done", True)
        assert plugin["handlers"][0]["deliveries"][0]["attempts"][0]["outcome"] == "done"
        assert plugin["then"]["is_on"] is True
    one = admin.get(f"{BASE}/teller/explain?event={event.pk}").json()
    assert [plugin["plugin"] for plugin in one["plugins"]] == ["teller"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "?event=ID, or ?record=ID"),
        ("event=1", 400, "event is an id"),
        (f"event={NOBODY}", 404, "There is no event"),
        (f"record={NOBODY}", 404, "No event of the record"),
        (f"event={NOBODY}&type=record.published", 400, "type goes with record"),
        (f"evnt={NOBODY}", 400, "Did you mean 'event'?"),
    ],
)
def test_questions_that_make_no_sense(
    teller: Teller, admin: Client, query: str, status: int, said: str
) -> None:
    response = admin.get(f"{BASE}/explain?{query}")

    assert (response.status_code, said in response.json()["detail"]) == (status, True), response.text


def test_another_tenants_event_is_not_there(
    teller: Teller, posts: Collection, other_tenant: Tenant, admin: Client
) -> None:
    publish(posts)
    event = Event.objects.get(type="record.published")
    stranger = program(
        host_of(other_tenant), make_key_text(other_tenant, make_member(other_tenant, Role.OWNER))
    )

    for query in (f"event={event.pk}", f"record={event.record_id}"):
        assert admin.get(f"{BASE}/explain?{query}").status_code == 200
        assert stranger.get(f"{BASE}/explain?{query}").status_code == 404


def test_viewers_may_not_ask(teller: Teller, posts: Collection, in_tenant: Tenant) -> None:
    publish(posts)
    event = Event.objects.get(type="record.published")
    viewer = program(host_of(in_tenant), make_key_text(in_tenant, make_member(in_tenant, Role.VIEWER)))

    assert viewer.get(f"{BASE}/explain?event={event.pk}").status_code == 403


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("plugin", "explain", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_explains(
    teller: Teller, posts: Collection, in_tenant: Tenant, deliver_all: DeliverAll
) -> None:
    record = publish(posts)
    deliver_all(in_tenant)
    event = Event.objects.get(type="record.published")

    said = run("--record", str(record.pk), "--tenant", in_tenant.slug).splitlines()

    assert said[0].startswith(f"record.published of posts {record.pk}, version 2, ")
    assert said[2].startswith("teller 1.0.0: It ran: attempt 1 was done at ")
    assert said[3:5] == ["    now enabled, then enabled", "    dvp_content_published: done"]
    found = json.loads(run("teller", "--event", str(event.pk), "--tenant", in_tenant.slug, "--json"))
    assert found["plugins"][0]["answer"] == "done"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--event", NOBODY], "There is no event"),
        (["tellr", "--event", NOBODY], "Did you mean 'teller'?"),
        (["--event", NOBODY, "--type", "record.published"], "--type goes with --record"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(
    teller: Teller, in_tenant: Tenant, arguments: list[str], said: str
) -> None:
    with pytest.raises(CommandError, match=said.replace("?", r"\?")):
        run(*arguments, "--tenant", in_tenant.slug)


def test_a_plugin_cannot_take_the_word_of_an_address(no_plugins: LoadedPlugins) -> None:
    class Thief(Plugin):
        name = "explain"
        version = "1.0.0"

    with pytest.raises(PluginError, match="stands in the host's own addresses"):
        PluginRegistry().register(Thief)


def test_every_answer_is_documented_and_no_other() -> None:
    page = (PROJECT / "docs/plugins/life-cycle.md").read_text()
    section = page.partition("## Why did it not run?")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {*Answer}
