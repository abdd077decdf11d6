from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import Resolver404, resolve

from core.actors import system_actor
from core.models import Record
from core.scope import tenant_scope
from core.selectors.site_lists import PAGE_SIZE
from core.services.collections import create_collection, update_collection
from core.services.publishing import publish_record
from core.services.records import create_record, update_record
from tenants.models import Tenant
from tests.fixtures import MakeTenant

pytestmark = [pytest.mark.usefixtures("posts")]

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def posts(in_tenant: Tenant) -> None:
    create_collection(
        name="posts",
        title="Stories",
        schema={
            "properties": {"body": {"type": "string", "x-widget": "markdown"}, "author": {"type": "string"}}
        },
    )


def get(path: str, **headers: str) -> HttpResponse:
    """Call the view at a path, in the scope of the test's tenant."""
    request = RequestFactory().get(path, headers=headers)
    match = resolve(request.path_info, urlconf="core.views.urls")
    response = match.func(request, *match.args, **match.kwargs)
    assert isinstance(response, HttpResponse)
    return response


def published(title: str, *, day: int = 0, body: str = "Some text.") -> Record:
    record = create_record(collection="posts", data={"body": body, "author": "Ada"}, title=title)
    return publish_record(record_id=record.pk, published_at=FIRST_DAY + timedelta(days=day))


def test_home_leads_with_the_newest(in_tenant: Tenant) -> None:
    published("Old one", day=1)
    published("New one", day=2)

    page = get("/").content.decode()

    assert page.index("New one") < page.index("Old one")
    assert f"<title>{in_tenant.name}</title>" in page
    assert 'href="/posts"' in page


def test_home_of_an_empty_site_says_so() -> None:
    assert "Nothing is published here yet." in get("/").content.decode()


def test_record_page_shows_text_author_and_date() -> None:
    published("Hello", body="# Hello\n\nA *fine* day.")

    page = get("/posts/hello").content.decode()

    assert "<p>A <em>fine</em> day.</p>" in page
    assert page.count("<h1") == 1
    assert "By Ada" in page
    assert '<time datetime="2024-01-01T00:00:00+00:00">1 January 2024</time>' in page


def test_pages_escape_titles_and_have_no_scripts() -> None:
    published("<script>alert(1)</script>")

    for path in ("/", "/posts", "/posts/script-alert-1-script", "/feed.xml"):
        content = get(path).content.decode()
        assert "<script" not in content
        assert "&lt;script&gt;" in content


def test_draft_is_not_shown_anywhere() -> None:
    create_record(collection="posts", data={"body": "secret"}, title="Hidden")
    live = published("Live")
    update_record(record_id=live.pk, data={"body": "secret change"})

    assert get("/posts/hidden").status_code == 404
    for path in ("/", "/posts", "/posts/live", "/feed.xml", "/sitemap.xml"):
        content = get(path).content.decode()
        assert "secret" not in content
        assert "Hidden" not in content


def test_page_of_a_private_collection_is_not_found() -> None:
    published("Live")
    update_collection(name="posts", is_public=False)

    assert get("/posts").status_code == 404
    assert get("/posts/live").status_code == 404
    assert "Live" not in get("/").content.decode()


def test_page_of_another_tenant_is_not_found(make_tenant: MakeTenant) -> None:
    published("Live")

    with tenant_scope(make_tenant().id, actor=system_actor("tests")):
        assert get("/posts/live").status_code == 404
        assert "Live" not in get("/").content.decode()


def test_collection_index_pages_both_ways() -> None:
    for number in range(PAGE_SIZE + 2):
        published(f"Post {number:02}", day=number)

    first = get("/posts")
    older_path = link(first, "next")
    second = get(older_path)

    assert titles(first) == [f"Post {number:02}" for number in range(PAGE_SIZE + 1, 1, -1)]
    assert titles(second) == ["Post 01", "Post 00"]
    assert titles(get(link(second, "prev"))) == titles(first)
    assert 'rel="next"' not in second.content.decode()


def link(response: HttpResponse, rel: str) -> str:
    page = response.content.decode()
    return page.split(f'<link rel="{rel}" href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")


def titles(response: HttpResponse) -> list[str]:
    return [part.split("</a>")[0].split(">")[-1] for part in response.content.decode().split("<h3>")[1:]]


@pytest.mark.parametrize(
    "path", ["/posts?before=nonsense", "/posts?after=20241301T000000.000000Z~x", "/nothing", "/posts/no"]
)
def test_address_without_a_page_is_not_found(path: str) -> None:
    response = get(path)

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_page_is_answered_with_304_when_unchanged() -> None:
    etag = get("/posts")["ETag"]

    assert get("/posts", **{"If-None-Match": f'"other", W/{etag}'}).status_code == 304
    published("New")
    assert get("/posts", **{"If-None-Match": etag}).status_code == 200


def test_feed_is_atom_with_absolute_links(in_tenant: Tenant) -> None:
    record = published("Hello & welcome", body="Text with <b>markup</b>\x07")

    response = get("/feed.xml")

    root = ET.fromstring(response.content)
    atom = "{http://www.w3.org/2005/Atom}"
    entry = root.find(f"{atom}entry")
    assert entry is not None
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert entry.findtext(f"{atom}id") == f"urn:uuid:{record.pk}"
    assert entry.findtext(f"{atom}title") == "Hello & welcome"
    assert entry.findtext(f"{atom}author/{atom}name") == "Ada"
    address = entry.find(f"{atom}link")
    assert address is not None
    assert address.get("href", "").endswith(f"//{in_tenant.slug}.test/posts/hello-welcome")


def test_sitemap_lists_every_page_once(in_tenant: Tenant) -> None:
    published("Hello")

    root = ET.fromstring(get("/sitemap.xml").content)
    paths = [(node.text or "").split(".test", 1)[1] for node in root.iter() if node.tag.endswith("loc")]

    assert paths == ["/", "/posts", "/posts/hello"]
    assert get("/sitemap-2.xml").status_code == 404
    with pytest.raises(Resolver404):
        resolve("/sitemap-0.xml", urlconf="core.views.urls")


def test_robots_names_the_sitemap(in_tenant: Tenant) -> None:
    assert get("/robots.txt").content.decode().endswith(f"{in_tenant.slug}.test/sitemap.xml\n")


def test_theme_carries_the_tenants_colour(make_tenant: MakeTenant) -> None:
    with tenant_scope(make_tenant(accent_color="#c2410c").id):
        assert get("/theme.css").content == b":root{--accent-own:#c2410c}\n"


def test_slash_at_the_end_leads_to_the_one_address() -> None:
    response = get("/posts/?before=x")

    assert (response.status_code, response["Location"]) == (301, "/posts?before=x")


def test_pages_answer_reading_only() -> None:
    match = resolve("/posts", urlconf="core.views.urls")

    assert match.func(RequestFactory().post("/posts"), **match.kwargs).status_code == 405
