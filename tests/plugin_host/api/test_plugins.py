"""The API that manages plugins, as administrators, other members and operators use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from core.actors import system_actor
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from plugin_host.breaker.conduct import Conduct
from plugin_host.models import PlatformConfigRevision, PlatformPluginSettings
from plugin_host.registry import LoadedPlugins
from plugin_host.services import enable_plugin
from plugin_host.services.breaker import note_outcome
from plugin_host.state import forget_tenant_plugins, tenant_plugins
from tenants.models import Role, Tenant
from tests.plugin_host.services.sample import plugins
from tests.tenants.people import (
    PLATFORM_HOST,
    browser,
    host_of,
    make_key_text,
    make_member,
    make_operator_account,
    program,
)

__all__ = ["plugins"]

pytestmark = pytest.mark.usefixtures("plugins")
BASE = "/api/v1/admin/plugins"
JSON = "application/json"


@pytest.fixture
def admin(tenant: Tenant) -> Client:
    return program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.ADMIN)))


@pytest.fixture
def editor(tenant: Tenant) -> Client:
    return program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.EDITOR)))


@pytest.fixture
def clean_platform() -> Iterator[None]:
    yield
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY):
        PlatformPluginSettings.objects.all().delete()
        PlatformConfigRevision.objects.all().delete()
    forget_tenant_plugins()


def patch(client: Client, change: Any, plugin: str = "mailer", **headers: str) -> Any:
    return client.patch(f"{BASE}/{plugin}/settings", change, content_type=JSON, headers=headers)


def post(client: Client, address: str) -> Any:
    return client.post(address, content_type=JSON)


def put(client: Client, key: str, value: Any) -> Any:
    return client.put(f"{BASE}/mailer/secrets/{key}", {"value": value}, content_type=JSON)


def test_all_plugins_are_listed(admin: Client) -> None:
    found = admin.get(BASE).json()["data"]

    assert [(one["id"], one["version"], one["state"], one["status"]) for one in found] == [
        ("mailer", "1.2.0", "available", "available"),
        ("plain", "1.0.0", "available", "available"),
    ]


def test_one_plugin_says_what_it_adds(admin: Client) -> None:
    found = admin.get(f"{BASE}/mailer").json()

    assert [one["hook"] for one in found["hooks"]] == [
        "dvp_plugin_enabled",
        "dvp_plugin_disabled",
        "dvp_config_changed",
    ]
    assert found["config_schema"]["required"] == ["sender"]


def test_the_whole_way_from_missing_to_on_and_off(admin: Client, tenant: Tenant) -> None:
    refused = post(admin, f"{BASE}/mailer/enable")
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/config/sender", "/secrets/token"]

    assert patch(admin, {"sender": "a@example.org"}).status_code == 200
    assert put(admin, "token", "open sesame").status_code == 200
    enabled = post(admin, f"{BASE}/mailer/enable")
    assert (enabled.status_code, enabled.json()["status"]) == (200, "enabled")

    paused = admin.post(f"{BASE}/mailer/pause", {"reason": "moving"}, content_type=JSON)
    assert (paused.json()["status"], paused.json()["paused"]["reason"]) == ("paused", "moving")
    assert post(admin, f"{BASE}/mailer/resume").json()["status"] == "enabled"
    assert post(admin, f"{BASE}/mailer/disable").json()["status"] == "disabled"

    assert admin.get(f"{BASE}/mailer/settings").json()["config"] == {"sender": "a@example.org", "limit": 10}


def test_settings_are_merged_and_null_takes_one_back(admin: Client) -> None:
    patch(admin, {"sender": "a@example.org", "limit": 3})

    answer = patch(admin, {"limit": None, "colour": "red"})

    assert answer.json()["config"] == {"sender": "a@example.org", "limit": 10, "colour": "red"}
    assert answer.json()["own"] == {"sender": "a@example.org", "colour": "red"}
    assert answer["ETag"] == '"2"'


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"sender": "a@example.org", "colr": "red"}, "/config/colr", "unknown"),
        ({"sender": 5}, "/config/sender", "type"),
        ({"limit": 5}, "/config/sender", "required"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    admin: Client, tenant: Tenant, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = patch(admin, change)

    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert tenant_plugins(tenant.pk)["mailer"].config == {}


def test_settings_changed_meanwhile_are_not_overwritten(admin: Client) -> None:
    patch(admin, {"sender": "a@example.org"})

    assert patch(admin, {"limit": 5}, **{"If-Match": '"7"'}).status_code == 412
    assert patch(admin, {"limit": 5}, **{"If-Match": '"1"'}).status_code == 200


def test_malformed_settings_say_where(admin: Client) -> None:
    answer = admin.patch(f"{BASE}/mailer/settings", '{"sender": ', content_type=JSON)

    assert answer.status_code == 400
    assert "line 1" in answer.json()["detail"]


def test_gates_may_be_set_to_fail_open(admin: Client, tenant: Tenant) -> None:
    answer = admin.patch(f"{BASE}/plain", {"fail_open": True}, content_type=JSON)

    assert (answer.status_code, answer.json()["fail_open"]) == (200, True)
    assert tenant_plugins(tenant.pk)["plain"].fail_open
    assert admin.patch(f"{BASE}/plain", {"fail_open": "yes"}, content_type=JSON).status_code == 422


def test_no_answer_ever_has_a_secret(admin: Client) -> None:
    value = "very secret indeed"
    bodies = [put(admin, "token", value).content]
    for route in ("", "/secrets", "/settings", "/deliveries"):
        bodies.append(admin.get(f"{BASE}/mailer{route}").content)
    bodies.append(admin.get(BASE).content)
    bodies.append(put(admin, "token", 5).content)
    bodies.append(put(admin, "wrong", value).content)

    assert not [body for body in bodies if value.encode() in body]
    assert admin.get(f"{BASE}/mailer/secrets/token").status_code == 405


def test_a_secret_is_set_shown_as_set_and_taken_away(admin: Client) -> None:
    assert put(admin, "token", "open sesame").json()["is_set"] is True

    assert admin.delete(f"{BASE}/mailer/secrets/token").status_code == 204
    assert [one["is_set"] for one in admin.get(f"{BASE}/mailer/secrets").json()["data"]] == [False, False]
    assert admin.delete(f"{BASE}/mailer/secrets/token").status_code == 404


@pytest.mark.parametrize("key", ["mirror eu/ü", "mirror /a//b/"])
def test_a_secrets_name_may_have_slashes(admin: Client, key: str) -> None:
    address = f"{BASE}/mailer/secrets/{quote(key, safe='')}"

    answer = admin.put(address, {"value": "open sesame"}, content_type=JSON)

    assert (answer.status_code, answer.json()["key"], answer.json()["is_set"]) == (200, key, True)
    assert {one["key"]: one["is_set"] for one in admin.get(f"{BASE}/mailer/secrets").json()["data"]}[key]
    assert admin.delete(address).status_code == 204
    assert admin.delete(address).status_code == 404


def test_deliveries_are_listed_shown_and_only_ended_ones_replayed(admin: Client, tenant: Tenant) -> None:
    patch(admin, {"sender": "a@example.org"})
    put(admin, "token", "open sesame")
    post(admin, f"{BASE}/mailer/enable")

    page = admin.get(f"{BASE}/mailer/deliveries?state=pending&limit=2").json()

    assert {one["plugin"] for one in page["data"]} == {"mailer"}
    one = page["data"][0]
    assert (one["hook"], one["event_type"], one["state"]) == (
        "dvp_plugin_enabled",
        "plugin.enabled",
        "pending",
    )
    shown = admin.get(f"{BASE}/mailer/deliveries/{one['id']}").json()
    assert shown == {**one, "attempts": []}
    open_one = post(admin, f"{BASE}/deliveries/{one['id']}/replay")
    assert (open_one.status_code, open_one.json()["code"]) == (409, "delivery_open")


@pytest.mark.parametrize(
    ("query", "known"),
    [("stat=dead", "state"), ("state=ded", "dead"), ("limit=0", "1 to 200"), ("cursor=x", "first page")],
)
def test_parameters_that_make_no_sense_are_refused(admin: Client, query: str, known: str) -> None:
    answer = admin.get(f"{BASE}/mailer/deliveries?{query}")

    assert answer.status_code == 400
    assert known in answer.json()["detail"]


def test_an_unknown_plugin_gets_the_right_name(admin: Client) -> None:
    answer = admin.get(f"{BASE}/mialer")

    assert answer.status_code == 404
    assert "Did you mean 'mailer'?" in answer.json()["detail"]


EVERYTHING = [
    ("get", ""),
    ("get", "/mailer"),
    ("patch", "/mailer"),
    ("post", "/mailer/enable"),
    ("post", "/mailer/disable"),
    ("post", "/mailer/pause"),
    ("post", "/mailer/resume"),
    ("get", "/mailer/settings"),
    ("patch", "/mailer/settings"),
    ("get", "/mailer/secrets"),
    ("put", "/mailer/secrets/token"),
    ("delete", "/mailer/secrets/token"),
    ("get", "/mailer/deliveries"),
]


@pytest.mark.parametrize(("method", "route"), EVERYTHING)
def test_other_members_may_nothing_here(editor: Client, method: str, route: str) -> None:
    body = {"put": {"value": "open sesame"}, "patch": {"fail_open": True}}.get(method, {})

    answer = getattr(editor, method)(BASE + route, body, content_type=JSON)

    assert answer.status_code == 403
    assert "plugin." in answer.json()["detail"]


@pytest.mark.parametrize(("method", "route"), EVERYTHING)
def test_nobody_gets_in_without_credentials(tenant: Tenant, method: str, route: str) -> None:
    answer = getattr(browser(host_of(tenant)), method)(BASE + route)

    assert answer.status_code == 401


def test_a_tenant_sees_and_changes_its_own_alone(admin: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.pk, slug=other_tenant.slug, actor=system_actor("tests")):
        enable_plugin("plain")

    assert admin.get(f"{BASE}/plain").json()["state"] == "available"
    post(admin, f"{BASE}/plain/disable")

    assert tenant_plugins(other_tenant.pk)["plain"].runs


@pytest.mark.usefixtures("clean_platform")
def test_operators_change_what_lies_below_all_tenants(admin: Client, plugins: LoadedPlugins) -> None:
    operator = browser(PLATFORM_HOST, make_operator_account())

    answer = patch(operator, {"limit": 77})

    assert answer.status_code == 200, answer.content
    assert answer.json()["own"] == {"limit": 77}
    assert operator.get(f"{BASE}/mailer/settings").json()["revision"] == 1
    assert admin.get(f"{BASE}/mailer/settings").json()["config"] == {"limit": 77}
    assert admin.get(f"{BASE}/mailer/settings").json()["own"] == {}


def test_a_key_brings_its_tenant_to_the_platforms_host(tenant: Tenant) -> None:
    key = make_key_text(tenant, make_member(tenant, Role.ADMIN))
    client = program(PLATFORM_HOST, key)

    assert post(client, f"{BASE}/plain/enable").json()["status"] == "enabled"
    assert tenant_plugins(tenant.pk)["plain"].runs


def test_a_pause_by_the_breaker_says_everything(admin: Client, tenant: Tenant) -> None:
    post(admin, f"{BASE}/plain/enable")
    document = admin.get(f"{BASE}/plain").json()
    assert document["paused"] is None
    assert (document["breaker"]["state"], document["breaker"]["failures"]) == ("closed", 0)

    for _ in range(5):
        note_outcome(
            tenant_id=tenant.pk,
            plugin_id="plain",
            what="dvp_content_published",
            conduct=Conduct.FAILED,
            error="ConnectionError: refused",
        )

    document = admin.get(f"{BASE}/plain").json()
    paused, breaker = document["paused"], document["breaker"]
    assert (document["status"], paused["by"], paused["by_breaker"], paused["waiting"]) == (
        "paused",
        "breaker",
        True,
        0,
    )
    assert paused["reason"].endswith("ConnectionError: refused")
    assert (breaker["state"], breaker["failures"], breaker["openings"]) == ("open", 5, 1)
    assert (breaker["last_run"], breaker["last_error"]) == (
        "dvp_content_published",
        "ConnectionError: refused",
    )
    assert breaker["next_probe_at"] == paused["until"]
    listed = next(one for one in admin.get(BASE).json()["data"] if one["id"] == "plain")
    assert listed["breaker"] == breaker

    resumed = post(admin, f"{BASE}/plain/resume").json()
    assert (resumed["status"], resumed["breaker"]["state"], resumed["breaker"]["failures"]) == (
        "enabled",
        "closed",
        0,
    )
