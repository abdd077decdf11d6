"""The daily task through the host, against a server that plays Ahrefs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ahrefs_integration import client as client_module
from ahrefs_integration import plugin as plugin_module
from ahrefs_integration import syncing
from ahrefs_integration.models import BacklinkDay, Fetch, KeywordDay, UnitPeriod
from ahrefs_integration.pace import Pace
from ahrefs_integration.syncing import STATE_KEY, utc_today
from core.actors import system_actor
from core.errors import Invalid
from core.scope import tenant_scope
from plugin_host.models import HealthVerdict, SEOMetrics
from plugin_host.runtime import store
from plugin_host.testing.host import DeliverAll, plugin_scope
from plugin_host.testing.schedule import TaskRun, learn_definitions, run_due, run_task
from tenants.models import Tenant
from tests.plugins.ahrefs_integration.ahrefs import AhrefsPeer, Fault
from tests.plugins.ahrefs_integration.conftest import KEY, OTHER_KEY, TOTALS, Connect, backlinks, keywords

FETCH = "ahrefs-integration.fetch"
ALL: dict[str, Any] = {"features": ["keywords", "backlinks", "rankings"], "project_id": 77}


def rows(tenant: Tenant, model: type[Any], order: str = "id") -> list[Any]:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        return list(model.objects.order_by(order))


def state(tenant: Tenant) -> Any:
    with plugin_scope("ahrefs-integration", tenant):
        return store.get(STATE_KEY)


def spent(tenant: Tenant) -> int:
    return sum(period.spent for period in rows(tenant, UnitPeriod))


def fetched(tenant: Tenant) -> TaskRun:
    return run_task(tenant, FETCH)


def age(tenant: Tenant, days: int) -> None:
    """Make everything that was fetched older."""
    with plugin_scope("ahrefs-integration", tenant):
        for model in (Fetch, KeywordDay, BacklinkDay):
            for row in model.objects.all():
                row.day -= timedelta(days=days)
                row.save()


def test_everything_that_is_wanted_is_fetched_stored_and_fed_in(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    account = connect(tenant, **ALL)

    run = fetched(tenant)

    assert (run.ended, run.error) == ("done", "")
    # 30 keywords of 23 units, the totals for the least there is, 12 links of 6 units.
    units = 30 * 23 + 50 + 12 * 6
    assert run.data == {
        "rows": {"keywords": 30, "backlinks": 12, "rankings": 2},
        "completed": ["keywords", "backlinks", "rankings"],
        "left": False,
        "units": {"spent": units, "most": 20_000, "until": "2099-01-01"},
        "deleted": 0,
    }
    assert account.used == spent(tenant) == units
    assert {(row.feature, row.keyword, row.position) for row in rows(tenant, KeywordDay)} == {
        *(("keywords", row["keyword"], row["best_position"]) for row in keywords(tenant, 30)),
        ("rankings", "tea", 3),
        ("rankings", "coffee", None),
    }
    assert {row.url_from for row in rows(tenant, BacklinkDay)} == {
        row["url_from"] for row in backlinks(tenant, 12)
    }
    (metrics,) = rows(tenant, SEOMetrics)
    assert (metrics.source, metrics.domain, metrics.plugin) == (
        "ahrefs",
        f"{tenant.slug}.test",
        "ahrefs-integration",
    )
    assert metrics.data["backlinks"] == TOTALS
    assert metrics.data["keywords"][0] == {
        "keyword": "tea 0000",
        "place": "us",
        "page": f"https://{tenant.slug}.test/articles/tea",
        "position": 1,
        "volume": 1000,
        "traffic": 100,
    }
    assert {request.key for request in filled.requests} == {KEY}
    (asked,) = filled.asked("overview")
    assert (asked.query["project_id"], asked.query["device"]) == ("77", "desktop")


def test_what_is_fresh_costs_nothing_again(tenant: Tenant, connect: Connect, filled: AhrefsPeer) -> None:
    account = connect(tenant, **ALL, every_days=7)
    fetched(tenant)
    used = account.used

    again = fetched(tenant)
    age(tenant, 3)
    later = fetched(tenant)

    assert (again.data["rows"], later.data["rows"]) == ({}, {"rankings": 2})
    assert account.used == used
    age(tenant, 4)
    assert set(fetched(tenant).data["rows"]) == {"keywords", "backlinks", "rankings"}
    assert account.used == spent(tenant) == 2 * used
    assert len(rows(tenant, SEOMetrics)) == 3


@pytest.mark.parametrize("most_rows", [100_000, 100], ids=["unlimited", "cut-by-the-subscription"])
def test_many_rows_come_in_batches_and_none_is_lost(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer, monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    monkeypatch.setattr(syncing, "BATCH_ROWS", 150)
    filled.max_rows = most_rows
    filled.rows["keywords"][f"{tenant.slug}.test"] = keywords(tenant, 430)
    account = connect(tenant, features=["keywords"], rows=1000)

    run = fetched(tenant)

    assert run.data["rows"] == {"keywords": 430}
    assert {row.keyword for row in rows(tenant, KeywordDay)} == {
        row["keyword"] for row in keywords(tenant, 430)
    }
    assert account.used == spent(tenant) == 430 * 23
    first, second, *_ = filled.asked("organic-keywords")
    assert "where" not in first.query
    assert json.loads(second.query["where"])["or"][0]["field"] == "sum_traffic"


def test_the_budget_is_never_gone_over_and_says_so(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    account = connect(tenant, units_per_month=300)

    run = fetched(tenant)

    # Thirteen rows for 299 units; nothing else fits.
    assert (run.ended, run.error) == ("done", "")
    assert run.data["rows"] == {"keywords": 13}
    assert account.used == spent(tenant) == 299
    assert run.data["budget"].startswith("299 of 300 API units are spent")
    assert "It goes on after 2099-01-01, or with a higher budget." in state(tenant)["message"]
    assert state(tenant)["kind"] == "budget"
    asked = len(filled.asked("organic-keywords")) + len(filled.asked("backlinks-stats"))

    for _ in range(3):
        assert fetched(tenant).ended == "done"

    assert (account.used, spent(tenant)) == (299, 299)
    assert len(filled.asked("organic-keywords")) + len(filled.asked("backlinks-stats")) == asked


def test_a_higher_budget_goes_on_where_it_stopped(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    connect(tenant, units_per_month=300, features=["keywords"])
    fetched(tenant)
    account = connect(tenant, units_per_month=5000, features=["keywords"])

    run = fetched(tenant)

    assert (run.data["rows"], run.data["completed"]) == ({"keywords": 17}, ["keywords"])
    assert len(rows(tenant, KeywordDay)) == 30
    assert account.used == spent(tenant) == 30 * 23


def test_a_new_billing_period_begins_from_zero(tenant: Tenant, connect: Connect, filled: AhrefsPeer) -> None:
    connect(tenant, units_per_month=300, features=["keywords"])
    fetched(tenant)
    filled.reset_date = "2099-02-01"

    run = fetched(tenant)

    assert run.data["units"] == {"spent": 299, "most": 300, "until": "2099-02-01"}
    assert {(str(one.ends_on), one.spent) for one in rows(tenant, UnitPeriod)} == {
        ("2099-01-01", 299),
        ("2099-02-01", 299),
    }


def test_free_requests_are_made_with_no_units_left(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    account = connect(tenant, **ALL)
    account.limit = account.used = 1000

    run = fetched(tenant)

    assert (run.ended, run.data["rows"]) == ("done", {"rankings": 2})
    assert "The key has 0 API units left at Ahrefs" in run.data["budget"]
    assert filled.asked("organic-keywords") == []


def test_rows_that_cost_more_than_documented_are_learnt(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "BATCH_ROWS", 10)
    filled.extra_row_units = 7
    account = connect(tenant, features=["keywords"], units_per_month=640)

    run = fetched(tenant)

    # The first batch was thought to cost 230 and has cost 300; the second one is known to cost 300.
    assert run.data["rows"] == {"keywords": 20}
    assert account.used == spent(tenant) == 600


def test_answers_without_costs_count_as_estimated(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    filled.tells_cost = False
    account = connect(tenant, features=["keywords"], rows=30)

    fetched(tenant)

    assert spent(tenant) == account.used == 30 * 23


@pytest.mark.parametrize(
    ("fault", "ended", "said", "kept"),
    [
        (Fault(status=500), "", "Ahrefs answered 500", 0),
        (Fault(status=409, error="busy"), "", "Ahrefs answered 409 (busy)", 0),
        (Fault(status=404), "dead", "Ahrefs answered 404", 0),
        (Fault(status=400, error="bad column"), "dead", "Ahrefs answered 400 (bad column)", 0),
        (
            Fault(status=403, error="Insufficient plan"),
            "dead",
            "Ahrefs does not allow this (Insufficient plan)",
            0,
        ),
        (Fault(status=401, error="Expired"), "dead", "does not take the API key (Expired)", 0),
        (Fault(status=429), "", "Ahrefs asks to slow down", 0),
        (Fault(cut=True), "", "Ahrefs did not answer (RemoteProtocolError)", 30 * 23),
        (Fault(status=200, body=b"<html>"), "", "cannot be read: it is no JSON", 30 * 23),
        (Fault(status=200, body=b'{"keywords": 7}'), "", "keywords is no list of rows", 30 * 23),
        (Fault(status=200, body=b'{"keywords": [{"keyword": ""}]}'), "", "a row has no keyword", 30 * 23),
        (
            Fault(status=200, body=b'{"keywords": [{"keyword": "a", "volume": "many"}]}'),
            "",
            "a figure is no number from 0",
            30 * 23,
        ),
    ],
    ids=[
        "500",
        "409",
        "404",
        "400",
        "403",
        "401",
        "429",
        "cut",
        "html",
        "no-list",
        "no-keyword",
        "no-number",
    ],
)
def test_trouble_is_said_and_nothing_is_spent_twice(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer, fault: Fault, ended: str, said: str, kept: int
) -> None:
    account = connect(tenant, features=["keywords"], rows=30)
    filled.fault("organic-keywords", fault)

    run = fetched(tenant)

    assert run.ended == ended
    assert said in run.error
    assert KEY not in run.error
    # One request and no more: what may have cost something is not repeated at once, and counts as spent.
    assert len(filled.asked("organic-keywords")) == 1
    assert spent(tenant) == kept
    assert said in state(tenant)["message"]
    if not ended:
        (again,) = [run for run in run_due(tenant, waiting=True) if run.item_id == FETCH]
        assert (again.ended, again.data["rows"]) == ("done", {"keywords": 30})
        assert spent(tenant) == account.used + kept


def test_who_does_not_answer_is_not_waited_for(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit itself; everything else is as it is.
    monkeypatch.setattr(client_module, "TIMEOUT_SECONDS", 0.3)
    connect(tenant, features=["keywords"])
    filled.fault("organic-keywords", Fault(hang=True))

    run = fetched(tenant)

    assert "Ahrefs did not answer (ReadTimeout)" in run.error
    assert spent(tenant) == 100 * 23


def test_slowing_down_waits_as_long_as_ahrefs_says(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    connect(tenant)
    filled.fault("organic-keywords", Fault(status=429, headers=(("retry-after", "120"),)))

    run = fetched(tenant)

    assert (run.ended, run.wait_seconds >= 120, state(tenant)["kind"]) == ("", True, "waiting")
    assert filled.asked("backlinks-stats") == []


def test_units_that_ahrefs_says_are_gone_are_a_state_and_no_failure(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    connect(tenant, **ALL)
    gone = Fault(status=403, error="API units limit reached")
    filled.fault("organic-keywords", gone)
    filled.fault("backlinks-stats", gone)

    run = fetched(tenant)

    assert (run.ended, run.data["rows"]) == ("done", {"rankings": 2})
    assert "no API units are left (API units limit reached)" in run.data["budget"]
    assert spent(tenant) == 0


def test_one_feature_that_fails_does_not_keep_the_others_away(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    connect(tenant, **ALL)
    filled.fault("organic-keywords", Fault(status=400, error="bad column"))

    run = fetched(tenant)

    assert (run.ended, state(tenant)["kind"]) == ("dead", "failed")
    assert {row.feature for row in rows(tenant, Fetch) if row.is_complete} == {"backlinks", "rankings"}


def test_a_run_that_is_short_of_time_is_followed_by_another(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_module, "WORKING_SECONDS", 0.0)
    monkeypatch.setattr(plugin_module, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(syncing, "BATCH_ROWS", 10)
    account = connect(tenant)

    first = fetched(tenant)

    assert (first.data["rows"], first.data["left"]) == ({"keywords": 10}, True)
    # The runs that were asked for have followed meanwhile.
    assert {row.feature for row in rows(tenant, Fetch) if row.is_complete} == {"keywords", "backlinks"}
    assert (len(rows(tenant, KeywordDay)), len(rows(tenant, BacklinkDay))) == (30, 12)
    assert account.used == spent(tenant)


def test_switching_it_on_fetches_at_once(
    tenant: Tenant, connect: Connect, filled: AhrefsPeer, deliver_all: DeliverAll
) -> None:
    connect(tenant)
    learn_definitions(tenant)

    deliver_all(tenant)

    (run,) = [run for run in run_due(tenant) if run.item_id == FETCH]
    assert (run.ended, run.data["completed"]) == ("done", ["keywords", "backlinks"])


def test_two_tenants_never_mix(
    tenant: Tenant, other_tenant: Tenant, connect: Connect, filled: AhrefsPeer
) -> None:
    theirs = f"{other_tenant.slug}.test"
    filled.rows["keywords"][theirs] = keywords(other_tenant, 3, page="rice")
    mine = connect(tenant, features=["keywords"])
    other = connect(other_tenant, OTHER_KEY, features=["keywords"])

    fetched(tenant)
    fetched(other_tenant)

    seen = {(one.key, one.query["target"]) for one in filled.asked("organic-keywords")}
    assert seen == {(KEY, f"{tenant.slug}.test"), (OTHER_KEY, theirs)}
    assert {row.keyword[:4] for row in rows(other_tenant, KeywordDay)} == {"rice"}
    assert (mine.used, other.used) == (spent(tenant), spent(other_tenant)) == (690, 69)


def test_old_figures_are_deleted(tenant: Tenant, connect: Connect, filled: AhrefsPeer) -> None:
    connect(tenant, keep_days=30)
    fetched(tenant)
    age(tenant, 31)

    run = fetched(tenant)

    assert run.data["deleted"] == 2
    assert {row.day for row in rows(tenant, KeywordDay)} == {utc_today()}


def test_a_refused_key_stands_in_the_health(tenant: Tenant, connect: Connect, filled: AhrefsPeer) -> None:
    connect(tenant)
    filled.accounts.clear()

    run_due(tenant)

    (verdict,) = [one for one in rows(tenant, HealthVerdict) if one.plugin == "ahrefs-integration"]
    assert (verdict.status, verdict.trouble) == ("unhealthy", "auth_failed")


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"target": "https://example.com"}, "/config/target"),
        ({"country": "USA"}, "/config/country"),
        ({"features": ["links"]}, "/config/features/0"),
    ],
)
def test_wrong_configuration_is_refused_with_its_place(
    tenant: Tenant, connect: Connect, config: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        connect(tenant, **config)
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_rankings_need_a_project(tenant: Tenant, connect: Connect, filled: AhrefsPeer) -> None:
    connect(tenant, features=["rankings"])

    run = fetched(tenant)

    assert run.ended == "dead"
    assert "Rankings need the number of a Rank Tracker project" in run.error
    assert filled.requests == []


async def test_no_more_requests_a_minute_than_allowed() -> None:
    pace = Pace(requests=2, seconds=60.0)
    await pace.wait()
    await pace.wait()
    first = pace._made[0]

    assert pace.wait_seconds(first + 10.0) == 50.0
    assert pace.wait_seconds(first + 61.0) == 0.0
