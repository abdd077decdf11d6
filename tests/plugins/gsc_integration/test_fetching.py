"""The daily task through the host, against a server that plays Google."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from core.actors import system_actor
from core.errors import Invalid
from core.scope import tenant_scope
from gsc_integration import plugin as plugin_module
from gsc_integration.models import PageDay, QueryDay, SearchDay
from gsc_integration.syncing import google_today
from plugin_host.base import Plugin
from plugin_host.context import HookContext
from plugin_host.errors import PluginError
from plugin_host.hooks.seo_metrics import SEOMetricsPayload
from plugin_host.hookspec import SEOMetricsHooks
from plugin_host.models import ScheduledItem, SEOMetrics, SEOPattern
from plugin_host.registry import PluginRegistry, loaded_plugins
from plugin_host.state import forget_tenant_plugins
from plugin_host.testing import MakeContent
from plugin_host.testing.host import DeliverAll, plugin_scope
from plugin_host.testing.schedule import TaskRun, learn_definitions, run_due, run_task
from tenants.models import Tenant
from tests.plugins.gsc_integration.conftest import Connect
from tests.plugins.gsc_integration.google import Account, Google, Pages

FETCH = "gsc-integration.fetch"


def pages_of(tenant: Tenant, **clicks: int) -> Pages:
    """Return pages of a tenant's site with two search terms each."""
    return {
        f"https://{tenant.slug}.test/articles/{name}": {
            f"{name} how": (count, count * 10 + 10, 2.0),
            f"{name} why": (count, count * 10 + 10, 4.0),
        }
        for name, count in clicks.items()
    }


def rows(tenant: Tenant, model: type[Any]) -> list[Any]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        return list(model.objects.order_by("day"))


def fetched(tenant: Tenant) -> TaskRun:
    return run_task(tenant, FETCH)


def test_the_first_run_fetches_all_days_and_tells_other_plugins(
    tenant: Tenant,
    make_content: MakeContent,
    connect: Connect,
    google: Google,
    account: Account,
    site: str,
    last: date,
) -> None:
    make_content(title="Tea", body="Water, leaves, time.")
    make_content(title="Rice", body="Water, rice.")
    google.fill(site, last, 30, pages_of(tenant, tea=5, rice=2))
    connect(tenant, account, site)

    run = fetched(tenant)

    assert (run.ended, run.error) == ("done", "")
    # Twenty days up to yesterday, of which Google has no final figures for two.
    assert run.data == {
        "days": 18,
        "left": 0,
        "pages": 36,
        "queries": 72,
        "deleted": 0,
        "fed": [(last - timedelta(days=7)).isoformat(), last.isoformat()],
    }
    days = rows(tenant, SearchDay)
    assert [day.day for day in days] == [last - timedelta(days=back) for back in reversed(range(18))]
    assert {(day.clicks, day.impressions, round(day.position, 2), day.is_final) for day in days} == {
        (14, 180, 3.0, True)
    }
    assert {row.path for row in rows(tenant, PageDay)} == {"/articles/tea", "/articles/rice"}
    assert {row.query for row in rows(tenant, QueryDay)} == {"tea how", "tea why", "rice how", "rice why"}
    payloads = rows_of_metrics(tenant)
    assert [one.data["period"]["end"] for one in payloads] == run.data["fed"]
    assert payloads[-1].data["clicks"] == 7 * 14
    assert payloads[-1].data["rows"][0] == {
        "page": f"https://{tenant.slug}.test/articles/tea",
        "clicks": 70,
        "impressions": 840,
        "position": 3.0,
    }
    assert payloads[-1].data["queries"][0]["clicks"] == 35
    # One sign-in serves all requests; each day is asked for once by pages and once by search terms, to the end.
    assert len(google.of_kind("token")) == 1
    asked = [one.body["startDate"] for one in google.queries("page") if one.body["startRow"] == 0]
    assert asked == [(last - timedelta(days=back)).isoformat() for back in range(18)]
    assert {one.email for one in google.of_kind("query")} == {account.email}


def rows_of_metrics(tenant: Tenant) -> list[SEOMetrics]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        return list(SEOMetrics.objects.order_by("received_at"))


def test_later_runs_fetch_only_what_is_new_or_has_changed(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> None:
    google.fill(site, last, 30, pages_of(tenant, tea=5))
    connect(tenant, account, site)
    fetched(tenant)
    before = len(google.of_kind("query"))

    again = fetched(tenant)
    assert (again.data["days"], again.data["fed"]) == (0, [])
    assert len(google.of_kind("query")) == before + 1

    late = last - timedelta(days=2)
    google.data[site][late] = pages_of(tenant, tea=6)
    google.data[site][last + timedelta(days=1)] = pages_of(tenant, tea=7, rice=1)
    run = fetched(tenant)

    assert (run.ended, run.data["days"]) == ("done", 2)
    assert run.data["fed"] == [(last + timedelta(days=1)).isoformat()]
    clicks = {day.day: day.clicks for day in rows(tenant, SearchDay)}
    assert (clicks[late], clicks[last], clicks[last + timedelta(days=1)]) == (12, 10, 16)
    assert [row.clicks for row in rows(tenant, PageDay) if row.day == late] == [12]


def test_a_fall_is_found_and_belongs_to_the_record(
    tenant: Tenant,
    make_content: MakeContent,
    connect: Connect,
    google: Google,
    account: Account,
    site: str,
    last: date,
) -> None:
    tea = make_content(title="Tea", body="Water, leaves, time.")
    google.fill(site, last, 30, pages_of(tenant, tea=20))
    google.fill(site, last, 7, pages_of(tenant, tea=3))
    connect(tenant, account, site)

    fetched(tenant)

    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        falls = SEOPattern.objects.filter(name="falling_clicks").exclude(subject="")
        (fall,) = falls
        assert str(fall.record_id) == tea["content_id"]


class Refuser(Plugin, SEOMetricsHooks):
    """Another plugin, which wants no metrics."""

    name = "refuser"
    version = "1.0.0"

    def dvp_seo_metrics_received(self, ctx: HookContext, payload: SEOMetricsPayload) -> SEOMetricsPayload:
        raise PluginError("These are not wanted.")


@pytest.fixture
def refuser() -> Iterator[None]:
    PluginRegistry().register(Refuser())
    loaded_plugins().switch_here("refuser", on=True)
    forget_tenant_plugins()
    yield
    PluginRegistry().unregister("refuser")
    forget_tenant_plugins()


def test_metrics_that_another_plugin_refuses_are_stored_here_and_not_fed_in_again(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date, refuser: None
) -> None:
    google.fill(site, last, 30, pages_of(tenant, tea=5))
    connect(tenant, account, site)

    first, second = fetched(tenant), fetched(tenant)

    assert (first.ended, first.data["days"], first.data["fed"]) == ("done", 18, [])
    assert first.data["refused"] == "These are not wanted."
    assert "refused" not in second.data
    assert rows_of_metrics(tenant) == []
    assert len(rows(tenant, SearchDay)) == 18


def test_days_without_figures_are_known_to_have_none(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> None:
    google.data[site][last - timedelta(days=8)] = pages_of(tenant, tea=5)
    connect(tenant, account, site)

    run = fetched(tenant)

    # Up to four days ago: what is younger may still come.
    assert run.data["days"] == 17
    assert len(google.queries("page")) == 2
    assert sum(day.clicks for day in rows(tenant, SearchDay)) == 10
    assert fetched(tenant).data["days"] == 0


def test_fresh_days_are_fetched_until_they_are_final(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> None:
    yesterday = google_today() - timedelta(days=1)
    google.first_incomplete = yesterday - timedelta(days=1)
    google.fill(site, yesterday, 30, pages_of(tenant, tea=5))
    connect(tenant, account, site, data_state="all")
    fetched(tenant)
    assert [day.is_final for day in rows(tenant, SearchDay)][-3:] == [True, False, False]

    google.first_incomplete = None
    google.data[site][yesterday] = pages_of(tenant, tea=9)
    run = fetched(tenant)

    assert run.data["days"] == 2
    assert [(day.clicks, day.is_final) for day in rows(tenant, SearchDay)][-2:] == [(10, True), (18, True)]


def test_long_days_are_fetched_page_by_page(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> None:
    google.page_rows = 4
    google.data[site][last] = pages_of(tenant, **{f"p{number}": number + 1 for number in range(10)})
    connect(tenant, account, site, backfill_days=4, query_rows_per_day=7)

    run = fetched(tenant)

    assert (run.data["pages"], run.data["queries"]) == (10, 7)
    assert [one.body["startRow"] for one in google.queries("page")] == [0, 4, 8, 10]
    assert [(one.body["startRow"], one.body["rowLimit"]) for one in google.queries("page", "query")] == [
        (0, 7),
        (4, 3),
    ]


def test_a_used_up_quota_stops_the_run_and_the_next_one_goes_on(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> None:
    google.fill(site, last, 30, pages_of(tenant, tea=5))
    # The list of days, and two whole days with two pages each by pages and by search terms.
    google.refuse_after = 1 + 2 * 4
    connect(tenant, account, site)

    first = fetched(tenant)

    assert (first.ended, first.wait_seconds >= 900) == ("", True)
    assert "The quota of Search Console is used up" in first.error
    assert [day.day for day in rows(tenant, SearchDay)] == [last - timedelta(days=1), last]
    asked = len(google.of_kind("query"))
    google.refuse_after = None

    (second,) = [run for run in run_due(tenant, waiting=True) if run.item_id == FETCH]

    assert (second.ended, second.attempt, second.data["days"]) == ("done", 2, 16)
    assert len(rows(tenant, SearchDay)) == 18
    again = [
        one.body["startDate"] for one in google.of_kind("query")[asked:] if "page" in one.body["dimensions"]
    ]
    assert last.isoformat() not in again


def test_a_quota_that_stays_used_up_loses_no_day_however_long_it_takes(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> None:
    google.fill(site, last, 30, pages_of(tenant, tea=5))
    google.refuse_after = 1 + 2 * 4
    connect(tenant, account, site)
    attempts = [fetched(tenant)]
    while not attempts[-1].ended:
        attempts += [run for run in run_due(tenant, waiting=True) if run.item_id == FETCH][:1]
    assert (len(attempts), attempts[-1].ended) == (6, "done")
    assert "quota of Search Console is used up" in attempts[-1].data["waiting"]
    asked = len(google.of_kind("query"))
    google.refuse_after = None

    following = next(run for run in run_due(tenant, waiting=True) if run.item_id == FETCH)

    assert (following.ended, following.attempt, following.data["days"]) == ("done", 1, 16)
    assert len(rows(tenant, SearchDay)) == 18
    again = [
        one.body["startDate"] for one in google.of_kind("query")[asked:] if "page" in one.body["dimensions"]
    ]
    assert last.isoformat() not in again


def test_a_run_that_is_short_of_time_is_followed_by_another(
    tenant: Tenant,
    connect: Connect,
    google: Google,
    account: Account,
    site: str,
    last: date,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugin_module, "WORKING_SECONDS", 0.0)
    monkeypatch.setattr(plugin_module, "PAUSE_SECONDS", 0.0)
    google.fill(site, last, 30, pages_of(tenant, tea=5))
    connect(tenant, account, site, backfill_days=6)

    first = run_task(tenant, FETCH)

    assert (first.ended, first.data["days"], first.data["left"]) == ("done", 1, 3)
    # The runs that were asked for have followed meanwhile, a day each.
    assert len(rows(tenant, SearchDay)) == 4
    assert len(google.queries("date")) == 4


def test_switching_it_on_fetches_at_once(
    tenant: Tenant,
    connect: Connect,
    google: Google,
    account: Account,
    site: str,
    last: date,
    deliver_all: DeliverAll,
) -> None:
    google.fill(site, last, 30, pages_of(tenant, tea=5))
    connect(tenant, account, site)
    learn_definitions(tenant)

    deliver_all(tenant)

    (run,) = [run for run in run_due(tenant) if run.item_id == FETCH]
    assert (run.ended, run.data["days"]) == ("done", 18)


def test_old_days_are_deleted(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> None:
    google.fill(site, last, 40, pages_of(tenant, tea=5))
    connect(tenant, account, site, keep_days=30)
    with plugin_scope("gsc-integration", tenant):
        old = google_today() - timedelta(days=31)
        figures = {
            "site": "sc-domain:earlier.example",
            "day": old,
            "clicks": 1,
            "impressions": 1,
            "position": 1,
        }
        SearchDay.objects.create(**figures, is_final=True, pages=1, queries=1)
        PageDay.objects.create(**figures, page="x", path="x", page_key="x", path_key="x")
        QueryDay.objects.create(**figures, page_key="x", query="x", query_key="x")

    assert fetched(tenant).data["deleted"] == 1
    assert {row.site for model in (SearchDay, PageDay, QueryDay) for row in rows(tenant, model)} == {site}


def test_two_tenants_never_mix(
    tenant: Tenant,
    other_tenant: Tenant,
    connect: Connect,
    google: Google,
    accounts: tuple[Account, Account],
    site: str,
    last: date,
) -> None:
    theirs = f"https://www.{other_tenant.slug}.test/"
    google.fill(site, last, 30, pages_of(tenant, tea=5))
    google.fill(theirs, last, 30, pages_of(other_tenant, rice=2))
    connect(tenant, accounts[0], site)
    connect(other_tenant, accounts[1], theirs)

    fetched(tenant)
    fetched(other_tenant)

    seen = {(one.email, one.site) for one in google.of_kind("query")}
    assert seen == {(accounts[0].email, site), (accounts[1].email, theirs)}
    assert {row.path for row in rows(tenant, PageDay)} == {"/articles/tea"}
    assert {row.path for row in rows(other_tenant, PageDay)} == {"/articles/rice"}


def test_the_task_runs_each_day_at_the_configured_hour(
    tenant: Tenant, connect: Connect, account: Account, site: str
) -> None:
    connect(tenant, account, site, hour=4)
    run_due(tenant)

    (item,) = [one for one in rows_of_items(tenant) if one.item_id == FETCH]

    assert item.cron_expression == "15 4 * * *"


def rows_of_items(tenant: Tenant) -> list[ScheduledItem]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        return list(ScheduledItem.objects.all())


@pytest.mark.parametrize(
    "name", ["example.com", "https://example.com", "sc-domain:", "sc-domain:https://a.b"]
)
def test_a_property_that_is_none_is_refused(
    tenant: Tenant, connect: Connect, account: Account, name: str
) -> None:
    with pytest.raises(Invalid) as caught:
        connect(tenant, account, name)
    assert [error.pointer for error in caught.value.errors] == ["/config/property"]
