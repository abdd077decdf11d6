"""Records through the admin, as people at a tenant's host work with them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from core.actors import system_actor
from core.errors import Conflict, FieldError, Invalid
from core.models import AuditEntry, Collection, PublishedSnapshot, Record
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record, update_record
from core.signals import before_record_publish, before_record_update
from tenants.models import Tenant
from tests.admin_people import SignIn

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "summary": {"type": "string", "maxLength": 20},
        "body": {"type": "string", "x-widget": "markdown"},
    },
    "required": ["title"],
}
ADD = "/admin/core/record/add/?collection=posts"
LIST = "/admin/core/record/"


@pytest.fixture
def posts(in_tenant: Tenant) -> Collection:
    return create_collection(name="posts", title="Posts", schema=SCHEMA)


@pytest.fixture
def post(posts: Collection) -> Record:
    return create_record(collection=posts, data={"title": "Hello", "body": "# Hi"})


def change(record: Record) -> str:
    return f"{LIST}{record.pk}/change/"


def fields(data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"data": json.dumps(data), "slug": "", "locale": "", **more}


def refusal_in(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def test_a_new_record_is_a_draft(member_of: SignIn, in_tenant: Tenant, posts: Collection) -> None:
    client = member_of(in_tenant, "editor")

    response = client.post(ADD, fields({"title": "First", "summary": ""}, _continue="1"))

    record = Record.objects.get()
    assert response.status_code == 302
    assert response.headers["Location"] == change(record)
    assert (record.title, record.slug, record.state, record.data) == (
        "First",
        "first",
        "draft",
        {"title": "First"},
    )
    assert AuditEntry.objects.filter(action="record.created", target_id=str(record.pk)).count() == 1


def test_a_narrowed_list_leads_to_a_new_record_of_that_collection(
    member_of: SignIn, in_tenant: Tenant, posts: Collection
) -> None:
    create_collection(name="notes", title="Notes", schema=SCHEMA)
    client = member_of(in_tenant)

    asked = client.get("/admin/core/record/add/")
    narrowed = client.get("/admin/core/record/add/?_changelist_filters=collection%3Dposts")

    assert "What do you want to write?" in asked.content.decode()
    assert "data-django-jsonform" in narrowed.content.decode()


def test_a_record_is_published_with_one_click(
    member_of: SignIn, in_tenant: Tenant, posts: Collection
) -> None:
    client = member_of(in_tenant, "editor")

    client.post(ADD, fields({"title": "Live"}, _publish="1"))

    assert PublishedSnapshot.objects.get().title == "Live"


def test_input_is_kept_and_errors_stand_at_their_inputs(
    member_of: SignIn, in_tenant: Tenant, posts: Collection
) -> None:
    client = member_of(in_tenant)

    page = client.post(ADD, fields({"title": "", "summary": "x" * 21}, slug="my-slug")).content.decode()

    config = json.loads(html.unescape(re.search(r'data-django-jsonform="([^"]*)"', page)[1]))  # type: ignore[index]
    assert sorted(config["errorMap"]) == ["summary", "title"]
    assert json.loads(config["data"])["summary"] == "x" * 21
    assert 'value="my-slug"' in page
    assert Record.objects.count() == 0


def test_an_error_of_the_address_stands_at_the_address(
    member_of: SignIn, in_tenant: Tenant, post: Record
) -> None:
    client = member_of(in_tenant)

    page = client.post(ADD, fields({"title": "Other"}, slug=post.slug)).content.decode()

    assert f"The slug {post.slug!r} is taken" in refusal_in(page)
    assert Record.objects.count() == 1


def test_a_change_keeps_what_the_form_does_not_show(
    member_of: SignIn, in_tenant: Tenant, post: Record
) -> None:
    client = member_of(in_tenant)

    client.post(change(post), fields({"title": "Hello again"}, slug=post.slug, version=1))

    post.refresh_from_db()
    assert (post.title, post.version, post.slug) == ("Hello again", 2, "hello")


def test_a_change_of_somebody_else_is_not_overwritten_unasked(
    member_of: SignIn, in_tenant: Tenant, post: Record
) -> None:
    client = member_of(in_tenant)
    update_record(record_id=post.pk, data={"title": "Theirs"})
    mine = fields({"title": "Mine"}, slug=post.slug, version=1)

    page = client.post(change(post), mine).content.decode()
    assert "somebody changed it" in refusal_in(page)
    assert "Save over it" in page
    assert "Mine" in page
    post.refresh_from_db()
    assert post.title == "Theirs"

    client.post(change(post), {**mine, "_overwrite": "1"})
    post.refresh_from_db()
    assert post.title == "Mine"


@pytest.fixture
def refusing_hook() -> Iterator[None]:
    def refuse(sender: object, draft: Any, **kwargs: Any) -> None:
        raise Invalid(
            "The spelling hook refused it.",
            errors=[FieldError(pointer="/data/summary", message="Misspelt: teh", code="spelling")],
        )

    before_record_update.connect(refuse)
    yield
    before_record_update.disconnect(refuse)


@pytest.mark.usefixtures("refusing_hook")
def test_what_a_hook_refuses_is_shown_at_the_field(
    member_of: SignIn, in_tenant: Tenant, post: Record
) -> None:
    client = member_of(in_tenant)

    page = client.post(
        change(post), fields({"title": "Hello", "summary": "teh"}, slug=post.slug, version=1)
    ).content.decode()

    assert "Summary: Misspelt: teh" in refusal_in(page)
    post.refresh_from_db()
    assert post.version == 1


@pytest.fixture
def closed_gate() -> Iterator[None]:
    def refuse(sender: object, record: Record, **kwargs: Any) -> None:
        raise Conflict("The legal gate is closed.", errors=[FieldError(pointer="", message="No imprint.")])

    before_record_publish.connect(refuse)
    yield
    before_record_publish.disconnect(refuse)


@pytest.mark.usefixtures("closed_gate")
def test_a_closed_gate_leaves_the_draft_saved_and_says_why(
    member_of: SignIn, in_tenant: Tenant, posts: Collection
) -> None:
    client = member_of(in_tenant)

    page = client.post(ADD, fields({"title": "Kept"}, _publish="1"), follow=True).content.decode()

    assert "Saved, but not published. The legal gate is closed." in refusal_in(page)
    assert "No imprint." in refusal_in(page)
    assert Record.objects.get().state == "draft"


def test_a_record_goes_off_the_site_and_on_again(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    client = member_of(in_tenant, "editor")

    client.post(f"{LIST}{post.pk}/publish/")
    assert PublishedSnapshot.objects.filter(record=post).count() == 1

    client.post(f"{LIST}{post.pk}/unpublish/")
    assert PublishedSnapshot.objects.filter(record=post).count() == 0


def test_looking_changes_nothing(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    client = member_of(in_tenant)

    for step in ("publish", "unpublish", "restore"):
        assert client.get(f"{LIST}{post.pk}/{step}/").status_code == 302

    post.refresh_from_db()
    assert (post.version, post.state) == (1, "draft")


def test_history_compares_and_restores(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    update_record(record_id=post.pk, data={"title": "Second <title>"})
    client = member_of(in_tenant, "editor")

    history = client.get(f"{LIST}{post.pk}/history/").content.decode()
    assert [number in history for number in ('value="1"', 'value="2"')] == [True, True]

    compared = client.get(f"{LIST}{post.pk}/compare/?from=2&to=1").content.decode()
    assert escape("Second <title>") in compared
    assert "Second <title>" not in compared

    client.post(f"{LIST}{post.pk}/restore/", {"version": "1"})
    post.refresh_from_db()
    assert (post.title, post.version) == ("Hello", 3)
    assert post.revisions.latest("version").comment == "Restored from version 1"


@pytest.mark.parametrize("version", ["", "x", "²", "99", "9" * 30])
def test_a_version_that_is_not_there_is_not_found(
    member_of: SignIn, in_tenant: Tenant, post: Record, version: str
) -> None:
    client = member_of(in_tenant)

    assert client.get(f"{LIST}{post.pk}/compare/?from=1&to={version}").status_code == 404
    assert client.post(f"{LIST}{post.pk}/restore/", {"version": version}).status_code == 404


def test_fields_of_any_kind_are_compared(member_of: SignIn, in_tenant: Tenant) -> None:
    create_collection(name="loose", schema={"properties": {"anything": True, "nothing": False}})
    record = create_record(collection="loose", data={"anything": 1}, title="Loose")
    update_record(record_id=record.pk, data={"anything": [2]})

    page = member_of(in_tenant).get(f"{LIST}{record.pk}/compare/?from=1&to=2")

    assert page.status_code == 200
    assert "Anything" in page.content.decode()


def test_the_preview_shows_the_draft(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    page = member_of(in_tenant).get(f"{LIST}{post.pk}/preview/").content.decode()

    assert "<title>Hello" in page


def test_records_are_found_and_narrowed(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    other = create_record(collection="posts", data={"title": "Other"})
    publish_record(record_id=other.pk)
    client = member_of(in_tenant, "viewer")

    def listed(query: str) -> list[bool]:
        page = client.get(f"{LIST}?{query}").content.decode()
        return [change(record) in page for record in (post, other)]

    assert listed("collection=posts") == [True, True]
    assert listed("collection=nothing") == [False, False]
    assert listed("state=published") == [False, True]
    assert listed("q=hello") == [True, False]


def test_the_list_costs_the_same_with_many_records(
    member_of: SignIn, in_tenant: Tenant, post: Record, django_assert_max_num_queries: Any
) -> None:
    from django.db import connection  # counts statements of this test only
    from django.test.utils import CaptureQueriesContext

    client = member_of(in_tenant)

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST).status_code == 200
        return len([query for query in captured if query["sql"].startswith("SELECT")])

    statements()
    with_one = statements()
    create_record(collection="posts", data={"title": "Second"})
    create_record(collection="posts", data={"title": "Third"})
    assert statements() == with_one


def test_several_are_published_and_one_refusal_does_not_stop_the_others(
    member_of: SignIn, in_tenant: Tenant, post: Record
) -> None:
    other = create_record(collection="posts", data={"title": "Other"})
    publish_record(record_id=other.pk)
    client = member_of(in_tenant)

    page = client.post(
        LIST,
        {"action": "unpublish_selected", "_selected_action": [str(post.pk), str(other.pk)]},
        follow=True,
    ).content.decode()

    assert "1 record taken off the site." in refusal_in(page)
    assert "is not published" in refusal_in(page)
    assert PublishedSnapshot.objects.count() == 0


def test_several_are_deleted_after_a_question(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    client = member_of(in_tenant)
    chosen = {"action": "delete_chosen", "_selected_action": [str(post.pk)]}

    assert "Hello" in client.post(LIST, chosen).content.decode()
    assert Record.objects.count() == 1

    client.post(LIST, {**chosen, "confirmed": "yes"})
    assert Record.objects.count() == 0


def test_one_is_deleted_after_a_question(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    client = member_of(in_tenant)

    assert client.get(f"{LIST}{post.pk}/delete/").status_code == 200
    client.post(f"{LIST}{post.pk}/delete/", {"post": "yes"})

    assert Record.objects.count() == 0
    assert AuditEntry.objects.filter(action="record.deleted").count() == 1


def test_a_viewer_sees_and_cannot_change(member_of: SignIn, in_tenant: Tenant, post: Record) -> None:
    client = member_of(in_tenant, "viewer")

    page = client.get(change(post)).content.decode()
    assert "Hello" in page
    assert 'name="_publish"' not in page
    assert client.post(change(post), fields({"title": "Forged"}, version=1)).status_code == 403
    assert client.post(ADD, fields({"title": "Forged"})).status_code == 403
    assert client.post(f"{LIST}{post.pk}/publish/").status_code == 403
    assert client.post(f"{LIST}{post.pk}/delete/", {"post": "yes"}).status_code == 403
    post.refresh_from_db()
    assert (post.title, post.state) == ("Hello", "draft")


def test_another_tenants_records_are_not_there(
    member_of: SignIn, in_tenant: Tenant, post: Record, other_tenant: Tenant
) -> None:
    with tenant_scope(other_tenant.id, slug=other_tenant.slug, actor=system_actor("tests")):
        create_collection(name="notes", title="Notes", schema=SCHEMA)
    stranger: Client = member_of(other_tenant)

    assert str(post.pk) not in stranger.get(LIST).content.decode()
    assert stranger.get(f"{LIST}{post.pk}/preview/").status_code == 404
    assert stranger.get(f"{LIST}{post.pk}/history/").status_code == 404
    assert stranger.post(f"{LIST}{post.pk}/publish/").status_code == 404
    response = stranger.post(change(post), fields({"title": "Stolen"}, version=1))
    assert response.status_code == 302  # to the overview, with "doesn't exist"
    assert response.headers["Location"] == "/admin/"
    post.refresh_from_db()
    assert post.title == "Hello"


def test_relations_offer_this_tenants_records_only(
    member_of: SignIn, in_tenant: Tenant, other_tenant: Tenant
) -> None:
    author = {"type": "object", "properties": {"name": {"type": "string"}}}
    with tenant_scope(other_tenant.id, slug=other_tenant.slug, actor=system_actor("tests")):
        create_collection(name="authors", schema=author)
        create_record(collection="authors", data={"name": "Stranger"})
    create_collection(name="authors", schema=author)
    create_record(collection="authors", data={"name": "Ada"})
    related = {"type": "object", "properties": {"by": {"type": "string", "x-relation": "authors"}}}
    create_collection(name="books", schema=related)

    page = member_of(in_tenant).get("/admin/core/record/add/?collection=books").content.decode()

    assert "Ada" in page
    assert "Stranger" not in page


def test_titles_of_tenants_cannot_break_out_of_the_page(member_of: SignIn, in_tenant: Tenant) -> None:
    evil = "<script>alert(1)</script>"
    create_collection(name="evil", title=evil, description=evil, schema=SCHEMA)
    create_record(collection="evil", data={"title": evil})
    client = member_of(in_tenant)

    for path in ("/admin/", LIST, "/admin/core/record/add/", "/admin/core/collection/"):
        assert evil not in client.get(path, follow=True).content.decode(), path


def test_no_address_leads_from_a_content_type_to_an_object(member_of: SignIn, in_tenant: Tenant) -> None:
    assert member_of(in_tenant).get("/admin/r/1/1/").status_code == 404
