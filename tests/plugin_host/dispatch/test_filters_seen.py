"""What a filter does wrong reaches the person who saves: in the API and in the administration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.models import Collection, Record
from core.services.records import create_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from tenants.models import Role
from tests.plugin_host.installing import Install
from tests.tenants.people import browser, host_of, make_key_text, make_member, program

JSON = "application/json"
Content = dict[str, Any]
Edit = Callable[[Content], Any]


class Editing(Plugin):
    name = "editing"
    version = "1.0.0"

    def __init__(self, edit: Edit) -> None:
        super().__init__()
        self.edit = edit

    def dvp_before_content_create(self, ctx: HookContext, content: Content, metadata: Any = None) -> Any:
        return self.edit(content)

    async def dvp_before_content_update(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Any = None
    ) -> Any:
        return self.edit(content)


def with_data(**values: Any) -> Edit:
    return lambda content: content | {"data": content["data"] | values}


def refuse(content: Content) -> Content:
    raise PluginError("Free plan limited to 5000 words")


class Untold:
    def __str__(self) -> str:
        raise ZeroDivisionError


def refuse_with(message: Any) -> Edit:
    def refusing(content: Content) -> Content:
        raise PluginError(message)

    return refusing


WRONG: list[tuple[Edit, str, list[str]]] = [
    (refuse, "Free plan limited to 5000 words", []),
    (lambda content: None, "returned None but filter hooks must return a value", []),
    (
        with_data(minutes="many"),
        "plugin editing: the record does not fit its schema any more",
        ["/data/minutes"],
    ),
    (with_data(minutes=float("nan")), "plugin editing: /data/minutes: JSON knows no nan", ["/data/minutes"]),
    (
        with_data(minutes=object()),
        "plugin editing: /data/minutes: A object is no JSON value",
        ["/data/minutes"],
    ),
    (lambda content: content | {"title": "x" * 501}, "plugin editing", ["/title"]),
    (lambda content: content | {"locale": "english!"}, "plugin editing", ["/locale"]),
]


# What a plugin gives as its message, and what a person reads.
ODD_MESSAGES: list[tuple[Any, str]] = [
    ("", "Plugin editing does not allow it and gives no reason."),
    (" \n", "Plugin editing does not allow it and gives no reason."),
    (None, "None"),
    ({"words": 5000}, "{'words': 5000}"),
    (Untold(), "(Untold)"),
    ("z" * 5_000_000, "z" * 2000 + "…"),
]


@pytest.mark.parametrize(("message", "said"), ODD_MESSAGES, ids=lambda value: str(type(value).__name__))
def test_an_odd_message_is_told_as_a_sentence(
    posts: Collection, install: Install, message: Any, said: str
) -> None:
    install(Editing(refuse_with(message)))
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post("/api/v1/collections/posts/records", {"data": {"title": "New"}}, JSON)

    assert (answer.status_code, answer.json()["detail"], answer.json()["errors"]) == (422, said, [])


@pytest.mark.parametrize(("edit", "said", "pointers"), WRONG)
def test_the_api_answers_422_with_plugin_and_pointer(
    posts: Collection, install: Install, edit: Edit, said: str, pointers: list[str]
) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    install(Editing(edit))
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))
    records = "/api/v1/collections/posts/records"

    for answer in (
        client.post(records, {"data": {"title": "New"}}, JSON),
        client.patch(f"{records}/{record.pk}", {"data": {"title": "New"}}, JSON),
        client.put(f"{records}/{record.pk}", {"data": {"title": "New"}}, JSON),
    ):
        problem = answer.json()
        assert answer.status_code == 422
        assert said in problem["detail"]
        assert [error["pointer"] for error in problem["errors"]] == pointers
    assert [(one.pk, one.version) for one in Record.objects.all()] == [(record.pk, 1)]


@pytest.mark.parametrize(("edit", "said", "pointers"), WRONG)
def test_the_form_shows_it_and_keeps_what_was_typed(
    posts: Collection, install: Install, edit: Edit, said: str, pointers: list[str]
) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    install(Editing(edit))
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))
    typed = {"data": '{"title": "Typed by me"}', "slug": "hello", "version": "1"}

    for path in ("/admin/core/record/add/?collection=posts", f"/admin/core/record/{record.pk}/change/"):
        page = client.post(path, typed)
        assert page.status_code == 200, path
        assert ("editing: " if pointers else said) in page.text
        assert "Typed by me" in page.text
    assert [(one.pk, one.version) for one in Record.objects.all()] == [(record.pk, 1)]


@pytest.mark.parametrize(
    "data", [{"body": 5}, {"body": ["x"]}, {"title": {"a": 1}}, {"title": None}, {"author": 5}]
)
def test_wrong_input_is_the_persons_own_also_with_filters(
    posts: Collection, install: Install, data: dict[str, Any]
) -> None:
    install(Editing(lambda content: content))
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post("/api/v1/collections/posts/records", {"data": data}, JSON)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "editing" not in answer.text
