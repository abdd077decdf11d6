"""Who handles which hook, in which order: the page, the route and the command say what really happens."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.models import Collection
from core.services.records import create_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext, PluginContext
from plugin_host.hookspec import HOOKS
from plugin_host.registry import LoadedPlugins, PluginRegistry
from plugin_host.services import enable_plugin, pause_plugin
from tenants.models import Role
from tests.plugin_host.installing import Install
from tests.tenants.people import (
    PLATFORM_HOST,
    browser,
    host_of,
    make_key_text,
    make_member,
    make_operator_account,
    program,
)

BASE = "/api/v1/admin/plugins/hooks"
FILTER = "dvp_before_content_create"
ran: list[str] = []


class Late(Plugin):
    name = "late"
    version = "1.0.0"
    priority = 900
    time_limits = {FILTER: 1.5, "dvp_content_created": 300}

    def dvp_before_content_create(self, ctx: HookContext, content: Any, metadata: Any = None) -> Any:
        ran.append(self.name)
        return content

    def dvp_content_created(
        self, ctx: HookContext, content_id: str, content: Any, metadata: Any = None
    ) -> None:
        """Be told."""


class Plain(Plugin):
    name = "plain"
    version = "1.0.0"

    async def dvp_before_content_create(self, ctx: HookContext, content: Any, metadata: Any = None) -> Any:
        ran.append(self.name)
        return content


class Functions(Plugin):
    name = "functions"
    version = "1.0.0"

    def register(self, ctx: PluginContext) -> None:
        ctx.on(FILTER, self.early, priority=-5)
        ctx.on(FILTER, self.usual)
        ctx.on_record_create("posts", self.told)
        ctx.on_any_event(self.told)

    def early(self, ctx: HookContext, content: Any, metadata: Any) -> Any:
        ran.append("functions early")
        return content

    async def usual(self, ctx: HookContext, content: Any, metadata: Any) -> Any:
        ran.append("functions usual")
        return content

    def told(self, event: Any) -> None:
        """Be told."""


@pytest.fixture
def three(install: Install) -> None:
    for plugin in (Late(), Plain(), Functions()):
        install(plugin)
    ran.clear()


@pytest.fixture
def admin(posts: Collection) -> Client:
    return program(host_of(posts.tenant), make_key_text(posts.tenant))


def listed(client: Client, **query: str) -> dict[str, Any]:
    answer = client.get(BASE, query)
    assert answer.status_code == 200, answer.content
    return {one["hook"]: one for one in answer.json()["data"]}


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("plugin", "hooks", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.usefixtures("three")
def test_the_route_lists_handlers_as_they_run(posts: Collection, admin: Client) -> None:
    create_record(collection=posts, data={"title": "Hello"})

    hook = listed(admin)[FILTER]

    assert (hook["kind"], hook["protocol"], hook["arguments"]) == (
        "filter",
        "ContentLifecycleHooks",
        ["ctx", "content", "metadata"],
    )
    shown = [(one["place"], one["plugin"], one["priority"], one["is_async"]) for one in hook["handlers"]]
    assert shown == [
        (1, "functions", -5, False),
        (2, "plain", 100, True),
        (3, "functions", 100, True),
        (4, "late", 900, False),
    ]
    assert ran == ["functions early", "plain", "functions usual", "late"]
    assert [one["time_limit_seconds"] for one in hook["handlers"]] == [2, 2, 2, 1.5]
    assert [one["handler"].rpartition(".")[2] for one in hook["handlers"]] == [
        "early",
        FILTER,
        "usual",
        FILTER,
    ]


@pytest.mark.usefixtures("three")
def test_every_hook_and_event_is_listed(admin: Client) -> None:
    found = listed(admin)

    assert list(found)[: len(HOOKS)] == list(HOOKS)
    assert list(found)[len(HOOKS) :] == [
        "record.created",
        "record.updated",
        "record.deleted",
        "record.published",
        "record.unpublished",
    ]
    assert [one["collection"] for one in found["record.created"]["handlers"]] == [None, "posts"]
    assert found["dvp_content_created"]["handlers"][0]["time_limit_seconds"] == 300
    assert found["dvp_content_published"]["handlers"] == []


@pytest.mark.usefixtures("three")
def test_one_hook_is_listed_alone_and_a_wrong_name_gets_the_nearest(admin: Client) -> None:
    assert list(listed(admin, hook="dvp_content_created")) == ["dvp_content_created"]

    answer = admin.get(BASE, {"hook": "dvp_content_craeted"})

    assert (answer.status_code, answer.json()["code"]) == (404, "hook_not_found")
    assert "Did you mean 'dvp_content_created'?" in answer.json()["detail"]


def test_what_is_off_is_not_listed_and_what_is_paused_waits(
    posts: Collection, admin: Client, no_plugins: LoadedPlugins
) -> None:
    registry = PluginRegistry()
    for plugin in (Late, Plain, Functions):
        registry.register(plugin)
    enable_plugin("late")
    enable_plugin("plain")
    pause_plugin("late")

    found = listed(admin)

    assert [one["plugin"] for one in found[FILTER]["handlers"]] == ["plain"]
    (waiting,) = found["dvp_content_created"]["handlers"]
    assert (waiting["plugin"], waiting["waits"]) == ("late", "paused")


def test_an_operator_sees_all_plugins(no_plugins: LoadedPlugins) -> None:
    registry = PluginRegistry()
    registry.register(Late)
    registry.register(Plain)
    operator = browser(PLATFORM_HOST, make_operator_account())

    assert [one["plugin"] for one in listed(operator)[FILTER]["handlers"]] == ["plain", "late"]
    page = operator.get("/admin/settings/plugins/hooks/").text
    assert re.findall(r'href="/admin/settings/plugins/(\w+)/">\w+</a>', page)[:2] == ["plain", "late"]
    assert "/admin/settings/plugins/hooks/" in operator.get("/admin/settings/plugins/").text


@pytest.mark.usefixtures("three")
def test_the_command_lists_the_same(posts: Collection, admin: Client) -> None:
    assert json.loads(command("--tenant", posts.tenant.slug, "--json")) == list(listed(admin).values())

    lines = command("--tenant", posts.tenant.slug, "--hook", FILTER).splitlines()

    assert lines[0].split() == [FILTER, "filter", "2", "s", "(ctx,", "content,", "metadata)"]
    assert lines[2] == "    2. plain                    priority 100, loaded as 1, async def, 2 s"
    assert len(lines) == 5
    assert [one["plugin"] for one in json.loads(command("--hook", FILTER, "--json"))[0]["handlers"]] == [
        "functions",
        "plain",
        "functions",
        "late",
    ]
    with pytest.raises(CommandError, match="Did you mean 'dvp_before_content_create'"):
        command("--hook", "dvp_before_content_creat")


@pytest.mark.usefixtures("three")
def test_the_page_shows_the_order(posts: Collection) -> None:
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))

    page = client.get("/admin/settings/plugins/hooks/")

    assert page.status_code == 200
    section = page.text.partition(f'id="{FILTER}"')[2].partition("</section>")[0]
    assert re.findall(r'plugins/(\w+)/"', section) == ["functions", "plain", "functions", "late"]
    assert re.findall(r"<td>(async def|def)</td>", section) == ["def", "async def", "async def", "def"]
    assert "dvp_before_content_publish" in page.text.partition("Handled by nobody")[2]
    assert "/admin/settings/plugins/hooks/" in client.get("/admin/settings/plugins/").text


def test_it_is_for_administrators(posts: Collection) -> None:
    editor = make_member(posts.tenant, Role.EDITOR)

    assert program(host_of(posts.tenant), make_key_text(posts.tenant, editor)).get(BASE).status_code == 403
    assert browser(host_of(posts.tenant), editor).get("/admin/settings/plugins/hooks/").status_code == 403
    assert Client(headers={"host": host_of(posts.tenant)}).get(BASE).status_code == 401


def test_listing_costs_no_query(
    posts: Collection, install: Install, admin: Client, django_assert_max_num_queries: Any
) -> None:
    listed(admin)
    with django_assert_max_num_queries(30) as few:
        listed(admin)
    for plugin in (Late(), Plain(), Functions()):
        install(plugin)
    listed(admin)
    with django_assert_max_num_queries(30) as many:
        listed(admin)

    assert len(many) == len(few)
