"""Search metrics, patterns and learnings as people and programs see them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from core.models import Collection, Record
from core.services.records import create_record, delete_record
from plugin_host.admin import seo_pages
from plugin_host.models import SEOMetrics, SEOPattern
from tenants.models import Role
from tests.plugin_host.installing import Install
from tests.plugin_host.seo.sample import DOMAIN, Watching, emit, learn, payload, usual_rows
from tests.tenants.people import browser, host_of, make_key_text, make_member, program

BASE = "/api/v1/seo"
PAGE = "/admin/settings/search-metrics/"


@pytest.fixture
def record(posts: Collection, install: Install) -> Record:
    """A record from which something was learnt, after two payloads with two patterns."""
    install(Watching())
    made = create_record(collection=posts, data={"title": "Hello"})
    emit(payload(usual_rows(poor=(8, 1000, 3), other=(1, 1000, 3))))
    emit(payload(usual_rows(), day=1, source="ahrefs"))
    learn("low_click_rate", made.pk, {"title": "<b>Better</b>"})
    return made


def test_programs_read_them_in_pages(record: Record, posts: Collection) -> None:
    client = program(host_of(posts.tenant), make_key_text(posts.tenant))

    first = client.get(f"{BASE}/patterns", {"limit": "1", "total": "true", "sort": "-confidence"}).json()
    second = client.get(
        f"{BASE}/patterns", {"limit": 1, "sort": "-confidence", "cursor": first["next"]}
    ).json()

    assert (first["total"], second["next"]) == (2, None)
    shown = {one["page"].rpartition("/")[2]: one for one in (*first["data"], *second["data"])}
    assert set(shown) == {"poor", "other"}
    assert shown["poor"]["is_high_confidence"] is True
    assert shown["poor"]["evidence"]["usual_click_rate"] == 0.049
    metrics = client.get(f"{BASE}/metrics").json()["data"]
    assert [one["source"] for one in metrics] == ["ahrefs", "gsc"]
    assert "data" not in metrics[0]
    assert client.get(f"{BASE}/metrics", {"source": "gsc"}).json()["data"] == metrics[1:]
    assert client.get(f"{BASE}/patterns", {"domain": "rival.example"}).json()["data"] == []
    (learning,) = client.get(f"{BASE}/learnings").json()["data"]
    assert (learning["pattern"], learning["record_id"], learning["change"]) == (
        "low_click_rate",
        str(record.pk),
        {"title": "<b>Better</b>"},
    )
    details = client.get(f"{BASE}/metrics/{metrics[1]['id']}").json()
    assert len(details["data"]["rows"]) == 8
    assert client.get(f"{BASE}/metrics/{uuid4()}").status_code == 404
    assert client.get(f"{BASE}/patterns", {"colour": "red"}).status_code == 400


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.EDITOR, 200), (Role.AUTHOR, 403), (Role.VIEWER, 403)],
)
def test_they_are_for_editors(record: Record, posts: Collection, role: str, status: int) -> None:
    member = make_member(posts.tenant, role)
    metrics = SEOMetrics.objects.first()
    assert metrics is not None
    client = program(host_of(posts.tenant), make_key_text(posts.tenant, member))
    people = browser(host_of(posts.tenant), member)

    for path in ("metrics", "patterns", "learnings", f"metrics/{metrics.pk}"):
        assert client.get(f"{BASE}/{path}").status_code == status
    for path in (PAGE, f"{PAGE}{metrics.pk}/"):
        assert people.get(path).status_code == status
    assert (PAGE in people.get("/admin/").text) is (status == 200)


def test_people_read_them(record: Record, posts: Collection) -> None:
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))

    page = client.get(PAGE).text
    assert f"https://{DOMAIN}/posts/poor" in page
    assert "Clicked in 0.80% of 1,000 impressions at place 3; usual there: 4.90% (7 compared)." in page
    learnt = client.get(PAGE, {"show": "learnings"}).text
    assert "&lt;b&gt;Better&lt;/b&gt;" in learnt
    assert f"/admin/core/record/{record.pk}/change/" in learnt
    metrics = SEOMetrics.objects.get(source="gsc")
    assert f"{PAGE}{metrics.pk}/" in client.get(PAGE, {"show": "metrics"}).text
    payload_page = client.get(f"{PAGE}{metrics.pk}/").text
    assert "usual-0" in payload_page
    assert "low_click_rate" in payload_page
    assert client.get(PAGE, {"show": "rumours"}).status_code == 404
    assert client.get(PAGE, {"before": "x"}).status_code == 404
    assert PAGE in client.get("/admin/settings/plugins/").text


def test_a_record_that_is_gone_is_said_to_be(record: Record, posts: Collection) -> None:
    delete_record(record_id=record.pk)
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))

    assert "deleted" in client.get(PAGE, {"show": "learnings"}).text


def test_lists_are_paged_at_the_same_cost(
    posts: Collection, install: Install, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(seo_pages, "PAGE_SIZE", 3)
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))
    costs = []
    for count in (1, 4):
        for number in range(count):
            values = {"name": f"p{count}{number}", "source": "s", "domain": DOMAIN, "confidence": 0.7}
            SEOPattern.objects.create(**values)
        client.get(PAGE)
        with django_assert_max_num_queries(60) as found:
            page = client.get(PAGE).text
        costs.append(len(found))

    assert costs[0] == costs[1]
    assert page.count("<code>p4") == 3
    older = page.partition("?show=patterns&amp;before=")[2].partition('"')[0]
    following = client.get(PAGE, {"show": "patterns", "before": older}).text
    assert (following.count("<code>p4"), following.count("<code>p1")) == (1, 1)


def test_where_nothing_is_fed_in_the_menu_does_not_lead_there(posts: Collection, install: Install) -> None:
    client = browser(host_of(posts.tenant), make_member(posts.tenant, Role.OWNER))

    assert PAGE not in client.get("/admin/").text
    assert "No pattern was found yet" in client.get(PAGE).text
    assert "No plugin has applied" in client.get(PAGE, {"show": "learnings"}).text
    assert "No plugin has fed in" in client.get(PAGE, {"show": "metrics"}).text
