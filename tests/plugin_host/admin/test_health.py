"""The Health pages of a plugin."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from plugin_host.errors import AuthFailed
from plugin_host.hooks.health_monitor import HealthCheckDefinition, HealthStatus
from plugin_host.models.schedule import ScheduledRun
from plugin_host.registry import PluginRegistry
from plugin_host.services import disable_plugin, enable_plugin, pause_plugin
from plugin_host.testing.schedule import learn_definitions, run_due
from tenants.models import Tenant
from tests.admin_people import SignIn
from tests.core.admin.test_records import refusal_in
from tests.plugin_host.health.history import past_results
from tests.plugin_host.health.watchers import Watcher, detail, result
from tests.plugin_host.installing import no_plugins

__all__ = ["no_plugins"]

PLUGINS = "/admin/settings/plugins/"
HEALTH = f"{PLUGINS}watcher/health/"
UNHEALTHY, HEALTHY, DEGRADED = HealthStatus.UNHEALTHY, HealthStatus.HEALTHY, HealthStatus.DEGRADED


@pytest.fixture
def watcher(no_plugins: object, in_tenant: Tenant) -> Watcher:
    """The plugin, on for the tenant in scope; its check is known and has not run."""
    made = Watcher()
    PluginRegistry().register(made)
    enable_plugin("watcher")
    learn_definitions(in_tenant)
    return made


def page(client: Client, url: str = HEALTH) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return str(answer.content.decode())


def check_url(tenant: Tenant, more: str = "") -> str:
    return f"{HEALTH}check/?check=watcher.default&target={tenant.slug}.test{more}"


def badges(text: str) -> list[str]:
    return re.findall(r'frame-badge[^"]*"[^>]*>([^<]*)<', text)


def test_checks_are_shown_before_they_have_run(
    member_of: SignIn, in_tenant: Tenant, watcher: Watcher
) -> None:
    text = page(member_of(in_tenant))

    assert f"{in_tenant.slug}.test" in text
    assert "Not run yet" in badges(text)
    assert "Run all now" in text


def test_run_now_shows_what_was_found(member_of: SignIn, in_tenant: Tenant, watcher: Watcher) -> None:
    client = member_of(in_tenant, "admin")
    watcher.answer = lambda: result(DEGRADED, detail(DEGRADED, "slow <b>today</b>", 812.4))

    text = client.post(f"{HEALTH}run/", follow=True).content.decode()

    assert "A check runs now" in text
    assert "Runs now" in badges(text)
    assert '<meta http-equiv="refresh" content="2;url=?reloads=9">' in text
    run_due(in_tenant)
    text = page(client, f"{HEALTH}?reloads=9")
    assert "http-equiv" not in text
    assert "slow &lt;b&gt;today&lt;/b&gt;" in text
    assert "812 ms" in text
    assert {"Degraded"} <= set(badges(text))
    text = page(client, check_url(in_tenant))
    assert "slow &lt;b&gt;today&lt;/b&gt;" in text
    assert "By hand" in text


def test_the_page_does_not_load_itself_again_for_ever(
    member_of: SignIn, in_tenant: Tenant, watcher: Watcher
) -> None:
    client = member_of(in_tenant)
    client.post(f"{HEALTH}run/")

    assert [
        "http-equiv" in page(client, f"{HEALTH}?reloads={left}") for left in ("1", "0", "-1", "x", "²")
    ] == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_who_may_only_look_runs_nothing(member_of: SignIn, in_tenant: Tenant, watcher: Watcher) -> None:
    client = member_of(in_tenant, "editor")

    answer = client.post(f"{HEALTH}run/")

    assert answer.status_code == 403
    assert ScheduledRun.objects.filter(kind="check").count() == 0
    owner = member_of(in_tenant)
    assert owner.get(f"{HEALTH}run/").status_code == 302
    assert ScheduledRun.objects.filter(kind="check").count() == 0


def test_refused_credentials_lead_to_the_secrets(
    member_of: SignIn, in_tenant: Tenant, watcher: Watcher
) -> None:
    def fail() -> Any:
        raise AuthFailed

    watcher.answer = fail
    run_due(in_tenant)

    text = page(member_of(in_tenant), check_url(in_tenant))

    assert "Credentials refused" in badges(text)
    assert f'href="{PLUGINS}watcher/secrets/">Renew the secret' in text


def test_off_is_shown_as_off(member_of: SignIn, in_tenant: Tenant, watcher: Watcher) -> None:
    client = member_of(in_tenant)
    run_due(in_tenant)
    for step, said in ((pause_plugin, "is paused"), (disable_plugin, "is off")):
        step("watcher")
        text = page(client)
        assert f"Plugin watcher {said}, so its checks do not run" in text
        assert "What stands here is what they found before" in text
        assert "Run all now" not in text
        assert "Healthy" not in page(client, PLUGINS)
        refused = client.post(f"{HEALTH}run/", follow=True).content.decode()
        assert said in refusal_in(refused)


def test_the_card_says_how_the_worst_check_fares(
    member_of: SignIn, in_tenant: Tenant, watcher: Watcher
) -> None:
    client = member_of(in_tenant)
    assert "Healthy" not in page(client, PLUGINS)

    run_due(in_tenant)
    assert f'href="{HEALTH}" title="Health">Healthy</a>' in page(client, PLUGINS)

    past_results(HealthCheckDefinition("watcher.api", "API", "api.test"), [UNHEALTHY])
    assert f'href="{HEALTH}" title="Health">Unhealthy</a>' in page(client, PLUGINS)


def test_what_is_wrong_with_the_list_of_checks_is_shown(
    member_of: SignIn, in_tenant: Tenant, no_plugins: object
) -> None:
    class Lists(Watcher):
        name = "watcher"

        def dvp_register_health_checks(self, ctx: Any) -> Any:
            return ["ping"]

    PluginRegistry().register(Lists())
    enable_plugin("watcher")
    learn_definitions(in_tenant)

    assert "Item 0 of the list must be a HealthCheckDefinition" in page(member_of(in_tenant))


def test_history_is_a_chart_with_a_table(member_of: SignIn, in_tenant: Tenant, watcher: Watcher) -> None:
    check = HealthCheckDefinition("watcher.default", "Watcher", f"{in_tenant.slug}.test")
    past_results(
        check,
        [HEALTHY] * 20 + [UNHEALTHY] * 4 + [HEALTHY] * 6,
        ms=range(10, 40),
        every=timedelta(minutes=10),
    )

    text = page(member_of(in_tenant), check_url(in_tenant))

    assert "The last 24 hours: 26 healthy, 4 unhealthy; the slowest response took 39 ms." in text
    assert text.count('<rect class="health-unhealthy" x=') == 4
    assert 'points="' in text
    assert text.count("<time ") > 25
    older = re.search(r'href="(\?check=[^"]*before=[^"]*)"', text)
    assert older is not None
    second = page(member_of(in_tenant), f"{HEALTH}check/{older[1].replace('&amp;', '&')}")
    assert len(re.findall("By hand", second)) == 5


def test_charts_reach_back_a_month(member_of: SignIn, in_tenant: Tenant, watcher: Watcher) -> None:
    check = HealthCheckDefinition("watcher.default", "Watcher", f"{in_tenant.slug}.test")
    past_results(check, [DEGRADED] * 20, every=timedelta(days=1))
    client = member_of(in_tenant)

    for span, days, count in (("day", "24 hours", 1), ("week", "7 days", 7), ("month", "30 days", 20)):
        assert f"The last {days}: {count} degraded" in page(client, check_url(in_tenant, f"&range={span}"))


@pytest.mark.parametrize(
    "query",
    ["", "check=watcher.default", "check=x&target=y", "check=%00&target=%00"],
)
def test_what_is_not_checked_has_no_page(
    member_of: SignIn, in_tenant: Tenant, watcher: Watcher, query: str
) -> None:
    client = member_of(in_tenant)

    assert client.get(f"{HEALTH}check/?{query}").status_code in (400, 404)
    assert client.get(check_url(in_tenant, "&range=year")).status_code == 404
    assert client.get(check_url(in_tenant, "&before=7")).status_code == 404


def test_the_list_costs_the_same_for_one_and_for_many(
    member_of: SignIn,
    in_tenant: Tenant,
    watcher: Watcher,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = member_of(in_tenant)
    for count in (1, 3):
        for number in range(count):
            past_results(HealthCheckDefinition(f"watcher.c{number}", "C", "x.test"), [HEALTHY] * 3)
        page(client)
        with django_assert_max_num_queries(11):
            page(client)


def test_a_check_is_switched_off_and_on_by_who_manages_plugins(
    member_of: SignIn, in_tenant: Tenant, watcher: Watcher
) -> None:
    client = member_of(in_tenant)
    wanted = {"check": "watcher.default", "target": f"{in_tenant.slug}.test"}
    assert "Switch off" in page(client, check_url(in_tenant))

    off = client.post(f"{HEALTH}switch/", {**wanted, "do": "switch_off"}, follow=True).content.decode()
    assert "does not run by itself any more" in off
    assert "Switched off" in badges(off)
    assert "Switched off" in badges(page(client))
    on = client.post(f"{HEALTH}switch/", {**wanted, "do": "switch_on"}, follow=True).content.decode()
    assert "Switched off" not in badges(on)

    assert client.post(f"{HEALTH}switch/", {**wanted, "do": "explode"}).status_code == 404
    editor = member_of(in_tenant, "editor")
    assert editor.post(f"{HEALTH}switch/", {**wanted, "do": "switch_off"}).status_code == 403
