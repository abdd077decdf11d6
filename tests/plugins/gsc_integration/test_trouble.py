"""What goes wrong on the way to Google: nothing is lost, the state is right, and tries end where they must."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core.actors import system_actor
from core.errors import Invalid
from core.scope import tenant_scope
from gsc_integration import client as client_module
from gsc_integration.models import SearchDay
from gsc_integration.syncing import STATE_KEY
from plugin_host.models import HealthVerdict
from plugin_host.runtime import store
from plugin_host.testing.host import PluginEnabled, plugin_scope
from plugin_host.testing.schedule import run_due, run_task
from tenants.models import Tenant
from tests.plugins.gsc_integration.conftest import Connect
from tests.plugins.gsc_integration.google import Account, Fault, Google, Pages, refusal

FETCH = "gsc-integration.fetch"


def pages(tenant: Tenant) -> Pages:
    return {f"https://{tenant.slug}.test/articles/tea": {"tea": (5, 100, 2.0)}}


@pytest.fixture
def connected(
    tenant: Tenant, connect: Connect, google: Google, account: Account, site: str, last: date
) -> Google:
    google.fill(site, last, 10, pages(tenant))
    connect(tenant, account, site, backfill_days=5)
    return google


def days(tenant: Tenant) -> int:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        return SearchDay.objects.count()


def state(tenant: Tenant) -> Any:
    with plugin_scope("gsc-integration", tenant):
        return store.get(STATE_KEY)


@pytest.mark.parametrize(
    "fault", [Fault(status=500), Fault(status=503), Fault(cut=True)], ids=["500", "503", "cut"]
)
def test_what_passes_is_tried_again_at_once(tenant: Tenant, connected: Google, fault: Fault) -> None:
    connected.fault("query", fault)

    run = run_task(tenant, FETCH)

    assert (run.ended, run.error, days(tenant)) == ("done", "", 3)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([Fault(status=500)] * 3, "Search Console answered 500"),
        ([Fault(status=409)], "Search Console answered 409"),
        ([Fault(status=200, body=b"<html>")], "answered something that is no JSON"),
        ([Fault(status=200, body=b"[]")], "answered JSON that is no object"),
        ([Fault(status=200, body=b'{"rows": 7}')], "rows is no list"),
        ([Fault(status=200, body=b'{"rows": [{"keys": ["soon"], "clicks": 1}]}')], "a row's date is none"),
        ([Fault(status=200, body=b'{"rows": [{"keys": [], "clicks": 1}]}')], "the keys of a row"),
        (
            [Fault(status=200, body=b'{"rows": [{"keys": ["2026-01-01"], "clicks": "many"}]}')],
            "figures that are no numbers",
        ),
    ],
    ids=["500", "409", "no-json", "list", "no-rows", "no-date", "no-keys", "no-numbers"],
)
def test_what_lasts_is_said_and_tried_later(
    tenant: Tenant, connected: Google, faults: list[Fault], said: str
) -> None:
    connected.fault("query", *faults)

    run = run_task(tenant, FETCH)

    assert (run.ended, days(tenant)) == ("", 0)
    assert said in run.error
    assert state(tenant)["kind"] == "failed"
    assert said in state(tenant)["message"]
    (again,) = [run for run in run_due(tenant, waiting=True) if run.item_id == FETCH]
    assert (again.ended, again.attempt, days(tenant)) == ("done", 2, 3)
    assert state(tenant)["kind"] == "current"


def test_who_does_not_answer_is_not_waited_for(
    tenant: Tenant, connected: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limit itself; everything else is as it is.
    monkeypatch.setattr(client_module, "TIMEOUT_SECONDS", 0.3)
    connected.fault("query", *[Fault(hang=True)] * 3)

    run = run_task(tenant, FETCH)

    assert (run.ended, days(tenant)) == ("", 0)
    assert "Search Console did not answer (ReadTimeout)" in run.error


@pytest.mark.parametrize("reason", ["quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"])
def test_quotas_ask_to_wait(tenant: Tenant, connected: Google, reason: str) -> None:
    connected.fault("query", refusal(403, reason, "Quota exceeded."))

    run = run_task(tenant, FETCH)

    assert (run.ended, run.wait_seconds >= 900) == ("", True)
    assert state(tenant)["kind"] == "waiting"
    assert len(connected.of_kind("refused query")) == 1


def test_too_many_requests_wait_as_long_as_google_says(tenant: Tenant, connected: Google) -> None:
    connected.fault("query", Fault(status=429, headers=(("retry-after", "120"),)))

    run = run_task(tenant, FETCH)

    assert run.ended == ""
    assert 120 <= run.wait_seconds < 900
    assert len(connected.of_kind("refused query")) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refusal(403, "accessNotConfigured"), "The Search Console API is off in the project"),
        (refusal(403, "forbidden"), "Add the address as a user of the property"),
        (refusal(404, "notFound"), "Search Console does not know the property (No)"),
        (refusal(400, "invalid"), "Search Console answered 400 (No)"),
    ],
    ids=["off", "forbidden", "404", "400"],
)
def test_what_never_succeeds_is_not_tried_again(
    tenant: Tenant, connected: Google, fault: Fault, said: str
) -> None:
    connected.fault("query", fault)

    run = run_task(tenant, FETCH)

    assert (run.ended, len(connected.of_kind("refused query"))) == ("dead", 1)
    assert said in run.error


def test_a_token_that_is_taken_back_is_replaced(
    tenant: Tenant, connected: Google, site: str, last: date
) -> None:
    run_task(tenant, FETCH)
    connected.forget_tokens()
    connected.data[site][last + timedelta(days=1)] = pages(tenant)

    run = run_task(tenant, FETCH)

    assert (run.ended, run.data["days"]) == ("done", 1)
    assert len(connected.of_kind("token")) == 2


def test_a_token_that_ends_soon_is_not_used_again(tenant: Tenant, connected: Google) -> None:
    connected.token_seconds = 100

    run_task(tenant, FETCH)

    asked = len(connected.of_kind("query"))
    assert len(connected.of_kind("token")) == asked > 1


def test_a_key_that_is_not_taken_any_more_is_said(
    tenant: Tenant, connected: Google, account: Account
) -> None:
    connected.accounts.clear()

    run = run_task(tenant, FETCH)

    assert run.ended == "dead"
    assert f"Google's sign-in refuses the key of {account.email} (invalid_grant" in run.error
    assert connected.of_kind("query") == []
    run_due(tenant)
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        verdict = HealthVerdict.objects.get(plugin="gsc-integration")
    assert (verdict.status, verdict.trouble) == ("unhealthy", "auth_failed")


def test_a_failed_run_degrades_the_health_until_one_succeeds(tenant: Tenant, connected: Google) -> None:
    def verdict() -> tuple[str, str]:
        run_due(tenant, now=datetime.now(UTC) + timedelta(hours=verdicts.pop()))
        with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
            found = HealthVerdict.objects.get(plugin="gsc-integration")
        return found.status, found.message

    verdicts = [6, 4, 2]
    assert verdict()[0] == "healthy"
    connected.fault("query", refusal(404, "notFound"))
    run_task(tenant, FETCH)
    status, message = verdict()
    assert status == "degraded"
    assert "The last run failed: Search Console does not know the property" in message
    run_task(tenant, FETCH)
    assert verdict()[0] == "healthy"


def test_another_accounts_signature_is_refused(
    tenant: Tenant, connected: Google, accounts: tuple[Account, Account], plugin_enabled: PluginEnabled
) -> None:
    forged = accounts[1].key_file(client_email=accounts[0].email)
    plugin_enabled("gsc-integration", tenant, secrets={"service_account_key": forged})

    run = run_task(tenant, FETCH)

    assert run.ended == "dead"
    assert "Invalid JWT Signature" in run.error


@pytest.mark.parametrize(
    ("fault", "ended", "said"),
    [
        (Fault(status=500), "", "Google's sign-in answered 500"),
        (Fault(status=200, body=b"{}"), "", "without an access token"),
        (Fault(status=200, body=b"no"), "", "no JSON"),
        (Fault(status=429, headers=(("retry-after", "100"),)), "", "Google's sign-in asks to wait"),
        (
            Fault(
                status=400,
                body=json.dumps(
                    {
                        "error": "invalid_grant",
                        "error_description": "Token must be in a reasonable timeframe. Check your iat and exp values.",
                    }
                ).encode(),
            ),
            "",
            "Set its clock",
        ),
        (Fault(status=401, body=b'{"error": "invalid_client"}'), "dead", "(invalid_client)"),
    ],
    ids=["500", "empty", "no-json", "429", "clock", "401"],
)
def test_trouble_at_the_sign_in(
    tenant: Tenant, connected: Google, fault: Fault, ended: str, said: str
) -> None:
    connected.fault("token", fault, fault, fault)

    run = run_task(tenant, FETCH)

    assert run.ended == ended
    assert said in run.error


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "authorized_user"}, "its type must be service_account, not authorized_user"),
        ({"type": "sesame"}, "its type must be service_account"),
        ({"client_email": ""}, "has no client_email"),
        ({"client_email": "sesame"}, "client_email of the service account's key is no address"),
        ({"private_key": ""}, "has no private_key"),
        ({"private_key": "sesame"}, "private_key of the service account's key cannot be read"),
    ],
)
def test_a_key_that_is_none_is_said_without_showing_it(
    tenant: Tenant,
    connected: Google,
    account: Account,
    plugin_enabled: PluginEnabled,
    changes: dict[str, str],
    said: str,
) -> None:
    plugin_enabled("gsc-integration", tenant, secrets={"service_account_key": account.key_file(**changes)})

    run = run_task(tenant, FETCH)

    assert run.ended == "dead"
    assert said in run.error
    assert "sesame" not in run.error
    assert connected.requests == []


def test_a_key_that_is_no_object_is_refused_when_it_is_saved(
    tenant: Tenant, connected: Google, plugin_enabled: PluginEnabled
) -> None:
    with pytest.raises(Invalid) as caught:
        plugin_enabled("gsc-integration", tenant, secrets={"service_account_key": "sesame"})

    assert [error.pointer for error in caught.value.errors] == ["/secrets/service_account_key"]


def test_the_private_key_stands_nowhere(
    tenant: Tenant, connected: Google, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    inside = json.loads(account.key_file())["private_key"].splitlines()[1]
    run = run_task(tenant, FETCH)
    connected.accounts.clear()
    connected.forget_tokens()
    refused = run_task(tenant, FETCH)

    assert inside not in caplog.text + run.error + refused.error + str(refused.log) + str(state(tenant))
    assert "ya29" not in caplog.text + refused.error
