"""What plugins say about publishing reaches the person: in the API, the administration and an import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from core.models import Collection
from core.services.records import create_record
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hooks.publishing import PublishGateResult
from plugin_host.hookspec import ContentLifecycleHooks
from tenants.models import Role
from tests.plugin_host.installing import Install
from tests.tenants.people import browser, host_of, make_key_text, make_member, program

JSON = "application/json"


class Gate(Plugin, ContentLifecycleHooks):
    version = "1.0.0"

    def __init__(self, name: str, answer: Any) -> None:
        self.name = name
        super().__init__()
        self.answer = answer

    async def dvp_before_content_publish(
        self, ctx: HookContext, content_id: str, content: dict[str, Any], metadata: Any = None
    ) -> PublishGateResult:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]  # tests return nonsense too


class Spelling(Gate):
    name = "spelling"


class Links(Gate):
    name = "links"


class Weather(Gate):
    name = "weather"


def allowing(install: Install) -> None:
    install(Spelling("spelling", PublishGateResult(allowed=True, warnings=["2 words unknown."], score=0.75)))
    install(Links("links", PublishGateResult(allowed=True, warnings=["No links.", "No picture."])))


def refusing(install: Install) -> None:
    install(
        Spelling("spelling", PublishGateResult(False, blockers=["No title.", "No end."], warnings=["Long."]))
    )
    install(Links("links", PublishGateResult(allowed=True, warnings=["No links."])))
    install(Weather("weather", ZeroDivisionError("no sun")))


def test_the_api_answers_warnings_and_scores(posts: Collection, install: Install) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    allowing(install)
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post(f"/api/v1/collections/posts/records/{record.pk}/publish", {}, JSON)

    assert (answer.status_code, answer.json()["status"]) == (200, "published")
    assert answer.json()["warnings"] == [
        {"plugin": "spelling", "message": "2 words unknown."},
        {"plugin": "links", "message": "No links."},
        {"plugin": "links", "message": "No picture."},
    ]
    assert answer.json()["scores"] == [{"plugin": "spelling", "score": 0.75}]


def test_without_plugins_the_lists_are_empty(posts: Collection) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post(f"/api/v1/collections/posts/records/{record.pk}/publish", {}, JSON).json()

    assert (answer["warnings"], answer["scores"]) == ([], [])


def test_the_api_refuses_with_everything_that_all_plugins_say(posts: Collection, install: Install) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    refusing(install)
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post(f"/api/v1/collections/posts/records/{record.pk}/publish", {}, JSON)

    assert (answer.status_code, answer.json()["code"]) == (409, "refused_by_plugin")
    assert answer.json()["errors"] == [
        {"pointer": "", "message": "spelling: No title.", "code": "blocker"},
        {"pointer": "", "message": "spelling: No end.", "code": "blocker"},
        {
            "pointer": "",
            "message": "weather: Hook dvp_before_content_publish failed: ZeroDivisionError: no sun",
            "code": "hook_failed",
        },
        {"pointer": "", "message": "spelling warns: Long.", "code": "warning"},
        {"pointer": "", "message": "links warns: No links.", "code": "warning"},
    ]
    record.refresh_from_db()
    assert (record.state, record.version) == ("draft", 1)


@pytest.mark.parametrize(
    ("gives", "said", "code"),
    [
        (PluginError(""), "Plugin spelling does not allow it and gives no reason.", "plugin_error"),
        (PluginError("z" * 5_000_000), "z" * 2000 + "…", "plugin_error"),
        (PublishGateResult(False, blockers=["z" * 5_000_000]), "z" * 2000 + "…", "blocker"),
        (
            None,
            "Hook dvp_before_content_publish failed: it returned None, but it must return a PublishGateResult.",
            "hook_returned_nonsense",
        ),
    ],
    ids=["empty", "long", "long-blocker", "none"],
)
def test_an_odd_reason_is_told_as_a_sentence(
    posts: Collection, install: Install, gives: Any, said: str, code: str
) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    install(Spelling("spelling", gives))
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    answer = client.post(f"/api/v1/collections/posts/records/{record.pk}/publish", {}, JSON)

    assert (answer.status_code, answer.json()["detail"]) == (409, f"spelling: {said}")
    assert answer.json()["errors"] == [{"pointer": "", "message": f"spelling: {said}", "code": code}]


@pytest.mark.parametrize("by", ["button", "list"])
def test_the_administration_shows_warnings(posts: Collection, install: Install, by: str) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    allowing(install)
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))

    if by == "button":
        page = client.post(f"/admin/core/record/{record.pk}/publish/", follow=True)
    else:
        chosen = {"action": "publish_selected", "_selected_action": [str(record.pk)]}
        page = client.post("/admin/core/record/", chosen, follow=True)

    assert page.status_code == 200
    assert "“Hello”: spelling warns: 2 words unknown." in page.text
    assert "“Hello”: links warns: No picture." in page.text
    assert "“Hello”: spelling gives it 0.75." in page.text
    record.refresh_from_db()
    assert record.state == "published"


def test_the_administration_shows_blockers_and_warnings(posts: Collection, install: Install) -> None:
    record = create_record(collection=posts, data={"title": "Hello"})
    refusing(install)
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))

    page = client.post(f"/admin/core/record/{record.pk}/publish/", follow=True)

    for said in (
        "spelling: No title.",
        "spelling: No end.",
        "spelling warns: Long.",
        "links warns: No links.",
    ):
        assert f"<li>{said}</li>" in page.text
    assert "ZeroDivisionError: no sun" in page.text
    record.refresh_from_db()
    assert record.state == "draft"


def test_an_import_says_what_plugins_warn_about(
    posts: Collection, install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hello.md").write_text("---\ntitle: Hello\n---\n")
    allowing(install)

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

    said = capsys.readouterr()
    assert "1 published" in said.out
    assert "Warning: hello.md: spelling: 2 words unknown." in said.err


@pytest.mark.parametrize(
    ("score", "error"),
    [(float("nan"), ValueError), (float("inf"), ValueError), ("high", TypeError), (True, TypeError)],
)
def test_a_score_is_a_finite_number(score: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="score must be"):
        PublishGateResult(allowed=True, score=score)
