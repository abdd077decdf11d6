"""`CommandHooks`: what a use case is asked, what it did, what is answered where it failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.actors import ANONYMOUS
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.models import Collection, Event, Record, Revision
from core.scope import acting_as
from core.services.collections import (
    create_collection,
    delete_collection,
    update_collection,
    update_collection_schema,
)
from core.services.commands import COMMANDS
from core.services.publishing import publish_record, unpublish_record
from core.services.records import create_record, delete_record, update_record
from plugin_host import content as sdk_content
from plugin_host.base import Plugin
from plugin_host.context import HookContext, PluginContext
from plugin_host.errors import HookError, PluginError
from plugin_host.hooks.commands import Command
from plugin_host.hookspec import CommandHooks
from plugin_host.models import Delivery
from plugin_host.testing.host import DeliverAll
from tenants.models import Role, Tenant
from tests.core.api.content import make_record
from tests.plugin_host.installing import Install
from tests.tenants.people import browser, host_of, make_key_text, make_member, program

JSON = "application/json"
Change = Callable[[Command], Any]


class Commanding(Plugin, CommandHooks):
    """Does with commands what a test says, and keeps what it is told."""

    name = "commanding"
    version = "1.0.0"

    def __init__(self, change: Change = lambda command: command, answer: Any = None) -> None:
        super().__init__()
        self.change = change
        self.answer = answer
        self.asked: list[Command] = []
        self.done: list[tuple[HookContext, Command, Any]] = []
        self.failed: list[tuple[Command, Exception]] = []
        self.in_transaction: set[bool] = set()

    def dvp_before_command(self, ctx: HookContext, command: Command) -> Command:
        self.in_transaction.add(connection.in_atomic_block)
        self.asked.append(command)
        return self.change(command)  # type: ignore[no-any-return]

    async def dvp_after_command(self, ctx: HookContext, command: Command, result: Any) -> None:
        self.done.append((ctx, command, result))

    def dvp_command_failed(self, ctx: HookContext, command: Command, error: Exception) -> Any:
        self.in_transaction.add(connection.in_atomic_block)
        self.failed.append((command, error))
        return self.answer(command, error) if callable(self.answer) else self.answer


def for_name(name: str, **arguments: Any) -> Change:
    return lambda command: command.with_arguments(**arguments) if command.name == name else command


def test_a_plugin_changes_what_is_asked_through_the_api(posts: Collection, install: Install) -> None:
    plugin = Commanding(for_name("create_record", slug="chosen", title="By the plugin"))
    install(plugin)
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post("/api/v1/collections/posts/records", {"data": {"title": "Hello"}}, JSON)

    assert (answer.status_code, answer.json()["slug"], answer.json()["title"]) == (
        201,
        "chosen",
        "By the plugin",
    )
    assert plugin.asked == [
        Command(
            "create_record",
            {
                "collection": "posts",
                "data": {"title": "Hello"},
                "title": "",
                "slug": "",
                "locale": "",
                "comment": "",
            },
        )
    ]
    assert plugin.in_transaction == {False}


def test_a_plugin_refuses_with_its_message_through_the_api(posts: Collection, install: Install) -> None:
    def refuse(command: Command) -> Command:
        raise PluginError("Not on Fridays.", code="friday")

    plugin = Commanding(refuse, answer="never asked")
    install(plugin)
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post("/api/v1/collections/posts/records", {"data": {"title": "Hello"}}, JSON)

    assert (answer.status_code, answer.json()["detail"], answer.json()["code"]) == (
        422,
        "Not on Fridays.",
        "friday",
    )
    assert plugin.failed == []
    assert not Record.objects.exists()


def test_a_plugin_refuses_with_its_message_in_the_administration(posts: Collection, install: Install) -> None:
    def refuse(command: Command) -> Command:
        raise PluginError("Not on Fridays.")

    install(Commanding(refuse))
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))

    page = client.post("/admin/core/record/add/?collection=posts", {"data_title": "Hello", "data": "{}"})

    assert page.status_code == 200
    assert "Not on Fridays." in page.text
    assert not Record.objects.exists()


def test_files_come_in_through_the_same_commands(posts: Collection, install: Install, tmp_path: Path) -> None:
    (tmp_path / "hello.md").write_text("---\ntitle: Hello\n---\n")
    (tmp_path / "refused.md").write_text("---\ntitle: Refused\n---\n")

    def change(command: Command) -> Command:
        if command.arguments.get("title") == "Refused":
            raise PluginError("Not this one.")
        return command.with_arguments(comment="Through a plugin")

    plugin = Commanding(change)
    install(plugin)

    with pytest.raises(CommandError, match="1 file has faults"):
        call_command(
            "content",
            "import",
            str(tmp_path),
            "--tenant",
            posts.tenant.slug,
            "--collection",
            "posts",
            "--publish",
        )

    assert [command.name for command in plugin.asked] == ["create_record", "create_record", "publish_record"]
    (record,) = Record.objects.all()
    assert record.state == "published"
    assert set(Revision.objects.values_list("comment", flat=True)) == {"Through a plugin"}


def test_what_plugins_change_passes_other_plugins(posts: Collection, install: Install) -> None:
    class Writing(Plugin):
        name = "writing"
        version = "1.0.0"

        def dvp_before_command(self, ctx: HookContext, command: Command) -> Command:
            if command.name == "publish_record":
                sdk_content.create("posts", {"title": "Beside it"})
            return command

    plugin = Commanding()
    install(Writing())
    install(plugin)
    record = create_record(collection=posts, data={"title": "Hello"})

    publish_record(record_id=record.pk)

    assert [command.name for command in plugin.asked] == ["create_record", "create_record", "publish_record"]
    assert plugin.asked[1].arguments["data"] == {"title": "Beside it"}


@pytest.mark.parametrize(
    ("change", "said", "pointers"),
    [
        (lambda command: Command("delete_record", command.arguments), "only the arguments", []),
        (lambda command: None, "returned None but filter hooks must return a value", []),
        (lambda command: dict(command.arguments), "must return the command, not dict", []),
        (lambda command: command.with_arguments(titel="x"), "Did you mean 'title'?", []),
        (
            lambda command: Command(command.name, dict(list(command.arguments.items())[1:])),
            "/collection: This field is required.",
            ["/arguments/collection"],
        ),
        (lambda command: command.with_arguments(data=[]), "/data", ["/arguments/data"]),
        (lambda command: command.with_arguments(data={"a": object}), "/data/a", ["/arguments/data/a"]),
        (
            lambda command: command.with_arguments(data={"a": float("nan")}),
            "JSON knows no nan",
            ["/arguments/data/a"],
        ),
    ],
)
def test_a_plugin_that_returns_no_such_command_refuses(
    posts: Collection, install: Install, change: Change, said: str, pointers: list[str]
) -> None:
    install(Commanding(change))

    with pytest.raises(HookError) as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    assert "commanding" in refusal.value.message
    assert said in refusal.value.message
    assert [error.pointer for error in refusal.value.errors] == pointers
    assert refusal.value.status == 422
    assert not Record.objects.exists()


def test_permission_is_asked_for_what_the_plugin_made_of_it(posts: Collection, install: Install) -> None:
    others = create_collection(name="others", schema={})
    install(Commanding(for_name("create_record", collection="others")))
    narrow = make_key_text(posts.tenant, scopes=["record.create:posts"])

    answer = program(host_of(posts.tenant), narrow).post(
        "/api/v1/collections/posts/records", {"data": {}}, JSON
    )

    assert answer.status_code == 403
    assert not Record.objects.filter(collection=others).exists()


def test_who_may_not_do_it_reaches_no_plugin(posts: Collection, install: Install) -> None:
    plugin = Commanding(answer="anything")
    install(plugin)

    with acting_as(ANONYMOUS), pytest.raises(Forbidden):
        create_record(collection=posts, data={"title": "Hello"})
    with pytest.raises(NotFound):
        publish_record(record_id="0190a3b0-0000-7000-8000-000000000000")

    assert (plugin.asked, plugin.failed) == ([], [])


def test_every_command_is_told_before_and_after(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    plugin = Commanding()
    install(plugin)

    record = create_record(collection=posts, data={"title": "Hello"})
    update_record(record_id=record.pk, data={"title": "Other"})
    publish_record(record_id=record.pk)
    unpublish_record(record_id=record.pk)
    delete_record(record_id=record.pk)
    update_collection(name="posts", title="Posts")
    update_collection_schema(name="posts", schema={"properties": {}})
    delete_collection(name="posts")
    create_collection(name="pages", schema={})
    runs = deliver_all(tenant)

    assert {run.ended for run in runs} == {"done"}
    assert [command.name for command in plugin.asked] == [
        "create_record",
        "update_record",
        "publish_record",
        "unpublish_record",
        "delete_record",
        "update_collection",
        "update_collection_schema",
        "delete_collection",
        "create_collection",
    ]
    assert {command.name for command in plugin.asked} == set(COMMANDS)
    for command in plugin.asked:
        assert set(command.arguments) == set(COMMANDS[command.name]["properties"])
    told = {command.name: (ctx, command, result) for ctx, command, result in plugin.done}
    assert [told[command.name][1] for command in plugin.asked] == plugin.asked
    results = {name: result for name, (_, _, result) in told.items()}
    assert [
        results[f"{name}_record"]["version"] for name in ("create", "update", "publish", "unpublish")
    ] == [
        1,
        2,
        3,
        4,
    ]
    assert results["create_record"]["data"] == {"title": "Hello"}
    assert results["create_record"]["content_id"] == str(record.pk)
    assert results["publish_record"]["status"] == "published"
    assert results["delete_record"] is None
    assert results["update_collection"]["title"] == "Posts"
    assert results["create_collection"]["name"] == "pages"
    ctx = told["update_record"][0]
    assert ctx.metadata["actor"] == "system:tests"
    assert ctx.causation_id == Event.objects.get(type="command.completed", record_version=2).pk


def test_a_command_that_changes_nothing_is_told_too(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    plugin = Commanding()
    record = create_record(collection=posts, data={"title": "Hello"})
    install(plugin)

    update_record(record_id=record.pk, data={"title": "Hello"})
    deliver_all(tenant)

    ((_, command, result),) = plugin.done
    assert (command.name, result["version"]) == ("update_record", 1)
    assert Record.objects.get().version == 1


def test_nothing_is_owed_for_a_command_that_failed(posts: Collection, install: Install) -> None:
    install(Commanding())

    with pytest.raises(Invalid):
        create_record(collection=posts, data={"minutes": "many"})

    assert not Delivery.objects.exists()
    assert not Event.objects.exists()


def test_without_a_plugin_nothing_more_is_written(posts: Collection) -> None:
    create_record(collection=posts, data={"title": "Hello"})

    assert set(Event.objects.values_list("type", flat=True)) == {"record.created"}


def test_an_answer_is_given_instead_of_the_error(posts: Collection, install: Install) -> None:
    def answer(command: Command, error: Exception) -> Any:
        assert isinstance(error, Conflict)
        return sdk_content.create("posts", command.arguments["data"])

    plugin = Commanding(answer=answer)
    install(plugin)
    make_record(posts.tenant, "Hello")
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer_given = client.post(
        "/api/v1/collections/posts/records", {"data": {"title": "Again"}, "slug": "hello"}, JSON
    )

    assert (answer_given.status_code, answer_given.json()["slug"]) == (201, "again")
    assert plugin.failed[0][0].arguments["slug"] == "hello"
    assert plugin.in_transaction == {False}


@pytest.mark.parametrize(
    "useless", [5, {"id": "x"}, "0190a3b0-0000-7000-8000-000000000000", ZeroDivisionError("no")]
)
def test_who_answers_nothing_of_use_is_passed_over(
    posts: Collection, install: Install, useless: object
) -> None:
    existing = create_record(collection=posts, data={"title": "Hello"})

    class Second(Commanding):
        name = "second"

    def first(command: Command, error: Exception) -> Any:
        if isinstance(useless, Exception):
            raise useless
        return useless

    install(Commanding(answer=first))
    second = Second(answer=existing.pk)
    install(second)

    assert create_record(collection=posts, data={"title": "Other"}, slug="hello") == existing
    assert len(second.failed) == 1


def test_without_an_answer_the_error_stays(posts: Collection, install: Install) -> None:
    plugin = Commanding(answer=None)
    install(plugin)
    create_record(collection=posts, data={"title": "Hello"})

    with pytest.raises(Conflict, match="taken"):
        create_record(collection=posts, data={"title": "Hello"}, slug="hello")

    assert len(plugin.failed) == 1


def test_a_deletion_that_failed_may_be_called_done(posts: Collection, install: Install) -> None:
    class Gating(Commanding):
        def dvp_before_content_delete(self, ctx: HookContext, content_id: str, metadata: Any = None) -> bool:
            return False

    record = create_record(collection=posts, data={"title": "Hello"})
    install(Gating(answer=True))

    delete_record(record_id=record.pk)

    assert Record.objects.filter(pk=record.pk).exists()


def test_function_style_handles_commands(
    posts: Collection, install: Install, tenant: Tenant, deliver_all: DeliverAll
) -> None:
    order: list[str] = []
    done: list[Any] = []

    def late(ctx: HookContext, command: Command) -> Command:
        order.append("late")
        return command.with_arguments(title=command.arguments["title"] + " late")

    async def early(ctx: HookContext, command: Command) -> Command:
        order.append("early")
        return command.with_arguments(title="early")

    def answer(ctx: HookContext, command: Command, error: Exception) -> Any:
        return Record.objects.get().pk

    class Functions(Plugin):
        name = "functions"
        version = "1.0.0"

        def register(self, ctx: PluginContext) -> None:
            ctx.on("dvp_before_command", late)
            ctx.on("dvp_before_command", early, priority=1, time_limit=1.5)
            ctx.on("dvp_after_command", lambda ctx, command, result: done.append(result), time_limit=300)
            ctx.on("dvp_command_failed", answer)

    install(Functions())

    record = create_record(collection=posts, data={"title": "Hello"})
    deliver_all(tenant)

    assert (order, record.title) == (["early", "late"], "early late")
    assert [one["title"] for one in done] == ["early late"]
    assert create_record(collection=posts, data={}, slug=record.slug) == record
