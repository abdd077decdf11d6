from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from core.errors import Conflict, Invalid
from core.models import Collection, Event, Record
from core.services.publishing import publish_record, unpublish_record
from core.services.records import create_record, delete_record, update_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import HookError, PluginError
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hookspec import ContentLifecycleHooks
from tests.plugin_host.installing import Install

Content = dict[str, Any]


class Editing(Plugin, ContentLifecycleHooks):
    """Does with the content what a test says."""

    name = "editing"
    version = "1.0.0"

    def __init__(self, edit: Any = None) -> None:
        super().__init__()
        self.edit = edit
        self.calls: list[tuple[Any, ...]] = []

    def dvp_before_content_create(
        self, ctx: HookContext, content: Content, metadata: Content | None = None
    ) -> Content:
        self.calls.append((ctx, content, metadata))
        return self.edit(content)  # type: ignore[no-any-return]

    def dvp_before_content_update(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Content | None = None
    ) -> Content:
        self.calls.append((ctx, content_id, content, metadata))
        return self.edit(content)  # type: ignore[no-any-return]


class Gating(Plugin, ContentLifecycleHooks):
    """Answers gates with what a test says."""

    name = "gating"
    version = "1.0.0"

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def _answer(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def dvp_before_content_publish(
        self, ctx: HookContext, content_id: str, content: Content, metadata: Content | None = None
    ) -> PublishGateResult:
        assert content["content_id"] == content_id
        return self._answer()  # type: ignore[no-any-return]

    def dvp_before_content_unpublish(
        self, ctx: HookContext, content_id: str, metadata: Content | None = None
    ) -> bool:
        return self._answer()  # type: ignore[no-any-return]

    def dvp_before_content_delete(
        self, ctx: HookContext, content_id: str, metadata: Content | None = None
    ) -> bool:
        return self._answer()  # type: ignore[no-any-return]


def with_data(**values: Any) -> Any:
    return lambda content: content | {"data": content["data"] | values}


def nested(depth: int) -> Any:
    """Return lists inside each other."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_filter_changes_what_is_stored(posts: Collection, install: Install) -> None:
    install(Editing(with_data(minutes=3)))

    record = create_record(collection=posts, data={"title": "Hello"})

    assert record.data == {"title": "Hello", "minutes": 3}
    assert Event.objects.get(record_id=record.pk).payload["data"]["minutes"] == 3


def test_a_filter_gets_context_content_and_metadata(posts: Collection, install: Install) -> None:
    plugin = Editing(lambda content: content)
    install(plugin)

    create_record(collection=posts, data={"title": "Hello"})

    ((ctx, content, metadata),) = plugin.calls
    assert (ctx.tenant_id, ctx.tenant_slug, ctx.tenant_plan) == (posts.tenant_id, posts.tenant.slug, "free")
    assert ctx.correlation_id is not None
    assert ctx.causation_id is None
    assert (content["content_id"], content["collection"], content["data"]) == (
        None,
        "posts",
        {"title": "Hello"},
    )
    assert metadata == {"actor": "system:tests", "collection": "posts"}


def test_a_filter_of_an_update_changes_what_is_stored(posts: Collection, install: Install) -> None:
    plugin = Editing(lambda content: content)
    install(plugin)
    record = create_record(collection=posts, data={"title": "Hello"})
    plugin.edit = with_data(minutes=5)

    changed = update_record(record_id=record.pk, data={"title": "Hello again"})

    assert changed.data == {"title": "Hello again", "minutes": 5}
    assert plugin.calls[-1][1] == str(record.pk)


def test_a_filter_that_returns_none_refuses_and_leaves_the_record(
    posts: Collection, install: Install
) -> None:
    plugin = Editing(lambda content: content)
    install(plugin)
    record = create_record(collection=posts, data={"title": "Hello"})
    plugin.edit = lambda content: None

    with pytest.raises(HookError) as refusal:
        update_record(record_id=record.pk, data={"title": "Other"})

    assert "dvp_before_content_update" in refusal.value.message
    assert "editing" in refusal.value.message
    assert "returned None but filter hooks must return a value" in refusal.value.message
    assert refusal.value.status == 422
    assert Record.objects.get(pk=record.pk).version == 1


def test_a_filter_refuses_with_its_message(posts: Collection, install: Install) -> None:
    def refuse(content: Content) -> Content:
        raise PluginError("Free plan limited to 5000 words")

    install(Editing(refuse))

    with pytest.raises(PluginError, match=r"^Free plan limited to 5000 words$") as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    assert (refusal.value.status, refusal.value.plugin) == (422, "editing")
    assert not Record.objects.exists()


def test_a_filter_that_breaks_leaves_the_value(posts: Collection, install: Install) -> None:
    def breaks(content: Content) -> Content:
        content["data"]["title"] = "half done"
        raise ZeroDivisionError

    install(Editing(breaks))

    record = create_record(collection=posts, data={"title": "Hello"})

    assert record.data == {"title": "Hello"}


def test_what_a_filter_leaves_is_validated(posts: Collection, install: Install) -> None:
    install(Editing(with_data(minutes="many")))

    with pytest.raises(HookError) as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    (error,) = refusal.value.errors
    assert (error.pointer, error.message) == (
        "/data/minutes",
        "editing: This must be a whole number, not a text.",
    )
    assert (refusal.value.status, refusal.value.plugin) == (422, "editing")
    assert not Record.objects.exists()


def test_what_the_person_typed_is_not_blamed_on_a_filter(posts: Collection, install: Install) -> None:
    install(Editing(with_data(title="Hello")))

    with pytest.raises(Invalid) as refusal:
        create_record(collection=posts, data={"minutes": "many"})

    assert [error.pointer for error in refusal.value.errors] == ["/data/minutes"]


def test_the_filter_that_spoilt_it_is_named(posts: Collection, install: Install) -> None:
    class Second(Editing):
        name = "second"

    install(Editing(with_data(minutes="many")))
    install(Second(with_data(unknown=1)))

    with pytest.raises(HookError) as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    assert {(error.pointer, error.message.split(":")[0]) for error in refusal.value.errors} == {
        ("/data/minutes", "editing"),
        ("/data/unknown", "second"),
    }


@pytest.mark.parametrize(
    ("value", "pointer", "said"),
    [
        (float("nan"), "/data/minutes", "JSON knows no nan"),
        (float("inf"), "/data/minutes", "JSON knows no inf"),
        (datetime.now(UTC), "/data/minutes", "A datetime is no JSON value"),
        (10**10_000, "/data/minutes", "too large"),
        ((1, 2), "/data/minutes", "write a list"),
        ({"a": {1: 2}}, "/data/minutes/a", "is no text"),
        ({"a": [1, b"x"]}, "/data/minutes/a/1", "A bytes is no JSON value"),
        ("a\0b", "/data/minutes", "NUL"),
        ("\ud800", "/data/minutes", "surrogate"),
        ("x" * 11_000_000, "/data", "are the most"),
        (nested(200), "/data/minutes" + "/0" * 99, "deep"),
        (threading.Lock(), "", "cannot be used"),
    ],
    ids=lambda part: type(part).__name__ if not isinstance(part, str) or len(part) > 50 else part[:20],
)
def test_a_filter_that_returns_what_is_no_json_refuses(
    posts: Collection, install: Install, value: object, pointer: str, said: str
) -> None:
    install(Editing(with_data(minutes=value)))

    with pytest.raises(HookError) as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    assert said in refusal.value.message
    assert [error.pointer for error in refusal.value.errors] == ([pointer] if pointer else [])
    assert "editing" in refusal.value.message
    assert refusal.value.status == 422
    assert not Record.objects.exists()


@pytest.mark.parametrize("name", ["title", "slug", "locale"])
def test_a_filter_that_leaves_no_text_refuses(posts: Collection, install: Install, name: str) -> None:
    install(Editing(lambda content: content | {name: 5}))

    with pytest.raises(HookError) as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    assert [error.pointer for error in refusal.value.errors] == [f"/{name}"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda content: content | {"status": "published"}, "changed 'status'"),
        (lambda content: content | {"titel": "x"}, "Did you mean"),
        (lambda content: {"data": content["data"]}, "took 'content_id' out"),
        (lambda content: content | {"data": []}, "must be a dictionary"),
        (lambda content: [content], "not list"),
    ],
)
def test_a_filter_may_change_four_keys_only(
    posts: Collection, install: Install, edit: Any, said: str
) -> None:
    install(Editing(edit))

    with pytest.raises(HookError) as refusal:
        create_record(collection=posts, data={"title": "Hello"})

    assert said in refusal.value.message
    assert not Record.objects.exists()


def test_a_filter_may_choose_the_slug(posts: Collection, install: Install) -> None:
    install(Editing(lambda content: content | {"slug": "chosen"}))

    assert create_record(collection=posts, data={"title": "Hello"}).slug == "chosen"
    with pytest.raises(Conflict):
        create_record(collection=posts, data={"title": "Hello"})


def test_a_filter_that_hangs_is_dropped_after_its_limit(
    posts: Collection, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(Editing, "time_limits", {"dvp_before_content_create": 0.05})

    def hang(content: Content) -> Content:
        release.wait(30)
        return content

    install(Editing(hang))
    try:
        record = create_record(collection=posts, data={"title": "Hello"})
    finally:
        release.set()

    assert record.data == {"title": "Hello"}


def test_hooks_are_refused_inside_a_transaction(posts: Collection, install: Install) -> None:
    install(Editing(lambda content: content))

    with transaction.atomic(), pytest.raises(RuntimeError):
        create_record(collection=posts, data={"title": "Hello"})


def test_gates_that_allow_let_everything_through(posts: Collection, install: Install) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    plugin = Gating(PublishGateResult(allowed=True, warnings=["short"]))
    install(plugin)

    publish_record(record_id=record.pk)
    plugin.answer = True
    unpublish_record(record_id=record.pk)
    delete_record(record_id=record.pk)

    assert not Record.objects.filter(pk=record.pk).exists()


def test_a_publish_gate_says_who_and_why(posts: Collection, install: Install) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    install(Gating(PublishGateResult(allowed=False, blockers=["No picture.", "Too short."])))

    with pytest.raises(Conflict) as refusal:
        publish_record(record_id=record.pk)

    assert refusal.value.message == "gating: No picture. Too short."
    assert refusal.value.status == 409
    assert Record.objects.get(pk=record.pk).state == "draft"


@pytest.mark.parametrize("answer", [False, None, "yes", ZeroDivisionError("broken"), PluginError("Locked.")])
def test_a_gate_that_fails_or_talks_nonsense_refuses(
    posts: Collection, install: Install, answer: object
) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    install(Gating(answer))

    with pytest.raises(Conflict, match="gating"):
        delete_record(record_id=record.pk)

    assert Record.objects.filter(pk=record.pk).exists()


def test_changes_of_a_plugin_lie_deeper(posts: Collection, install: Install) -> None:
    def create_another(content: Content) -> Content:
        if content["title"] == "First":
            create_record(collection="posts", data={"title": "Second"})
        return content

    install(Editing(create_another))

    create_record(collection=posts, data={"title": "First"})

    found = Event.objects.order_by("created_at").values_list("payload__title", "depth", "actor")
    assert sorted(found) == [("First", 0, "system:tests"), ("Second", 1, "plugin:editing")]
