"""Trying configuration and secrets before they are saved."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.actors import Actor
from core.errors import Conflict, Forbidden, Invalid
from core.scope import acting_as
from plugin_host.base import Plugin, Secrets
from plugin_host.errors import AuthFailed, NotReady, PluginError, PluginLoadError
from plugin_host.health import config_check
from plugin_host.health.config_check import try_config
from plugin_host.health.findings import Finding
from plugin_host.hooks.health_monitor import (
    HealthCheckDetail,
    HealthCheckResult,
    HealthSeverity,
    HealthStatus,
)
from plugin_host.loading.plugin import PluginDefinition, build_plugin
from plugin_host.metadata import metadata_from_meta
from plugin_host.models import PluginConfigRevision, PluginSecret, PluginSettings
from plugin_host.registry import LoadedPlugins, PluginRegistry, use_plugins
from plugin_host.services import enable_plugin, save_config, set_secret
from plugin_host.state import forget_tenant_plugins
from plugin_host.testing.peer import HttpPeer
from tenants.models import Role, Tenant
from tests.admin_people import SignIn, member_of
from tests.tenants.people import host_of, make_key_text, make_member, program

__all__ = ["member_of"]

SECRET = "open sesame, very much"
Check = Callable[[dict[str, Any], Secrets], object]


def healthy(message: str = "fine") -> HealthCheckResult:
    detail = HealthCheckDetail("dialler.line", HealthStatus.HEALTHY, HealthSeverity.INFO, message, 12.5)
    return HealthCheckResult("", HealthStatus.HEALTHY, [detail])


class Dialler(Plugin):
    """Tries what a test says."""

    name = "dialler"
    version = "1.0.0"
    CONFIG_SCHEMA = {
        "type": "object",
        "properties": {"number": {"type": "string"}, "rings": {"type": "integer", "default": 3}},
        "required": ["number"],
        "additionalProperties": False,
    }
    SECRETS_SCHEMA = {"type": "object", "properties": {"pin": {"type": "string"}}, "required": ["pin"]}
    check: Check = staticmethod(lambda config, secrets: healthy())
    seen: list[Any] = []
    begun: list[object] = []

    def initialize(self) -> None:
        self.begun.append(self)

    def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        self.seen.append((config, secrets.get("pin"), self.get_config(self._tenant()), threading.get_ident()))
        return self.check(config, secrets)  # type: ignore[return-value]  # what a test makes of it

    def _tenant(self) -> Any:
        from plugin_host.runtime_state import current_run

        run = current_run()
        assert run is not None
        return run.tenant_id


@pytest.fixture
def dialler(in_tenant: Tenant) -> Iterator[type[Dialler]]:
    plugin = type("Dialler", (Dialler,), {"seen": [], "begun": []})
    with use_plugins(LoadedPlugins()):
        PluginRegistry().register(plugin)
        yield plugin
    forget_tenant_plugins()


@pytest.fixture
def stored(dialler: type[Dialler]) -> type[Dialler]:
    save_config("dialler", {"number": "1"})
    set_secret("dialler", "pin", SECRET)
    return dialler


def does(plugin: type[Dialler], what: Check) -> None:
    plugin.check = staticmethod(what)


def raises(error: BaseException) -> Check:
    def check(config: dict[str, Any], secrets: Secrets) -> object:
        raise error

    return check


def test_what_is_stored_is_tried_without_anything_given(stored: type[Dialler]) -> None:
    found = try_config("dialler")

    assert (found.status, found.trouble, found.message) == (HealthStatus.HEALTHY, None, "fine")
    assert [detail["response_time_ms"] for detail in found.details] == [12.5]
    ((config, pin, own, thread),) = stored.seen
    assert (config, pin) == ({"number": "1", "rings": 3}, SECRET)
    assert own == config
    assert thread != threading.get_ident()


def test_what_is_typed_in_is_tried_and_nothing_of_it_is_saved(dialler: type[Dialler]) -> None:
    found = try_config("dialler", config={"number": "2"}, secrets={"pin": "typed"})

    assert found.status is HealthStatus.HEALTHY
    assert dialler.seen[0][:3] == (
        {"number": "2", "rings": 3},
        "typed",
        {"number": "2", "rings": 3},
    )
    assert not PluginSettings.objects.exists()
    assert not PluginSecret.objects.exists()
    assert not PluginConfigRevision.objects.exists()
    # It is no instance of the tenant's: nobody began it.
    assert dialler.begun == []


def test_the_rest_is_what_is_stored(stored: type[Dialler]) -> None:
    try_config("dialler", config={"rings": 9}, merge=True)
    try_config("dialler", config={"number": "2"})
    try_config("dialler", secrets={"pin": "typed"})

    assert [(config, pin) for config, pin, *_ in stored.seen] == [
        ({"number": "1", "rings": 9}, SECRET),
        ({"number": "2", "rings": 3}, SECRET),
        ({"number": "1", "rings": 3}, "typed"),
    ]


def test_it_runs_while_the_plugin_is_on_as_well(stored: type[Dialler]) -> None:
    enable_plugin("dialler")

    assert try_config("dialler").status is HealthStatus.HEALTHY


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"config": {"number": 5}}, ["/config/number"]),
        ({"config": {"numbr": "5"}}, ["/config/numbr", "/config/number"]),
        ({"config": {}}, ["/config/number"]),
        ({"secrets": {"pin": None}}, ["/secrets/pin"]),
        ({"secrets": {"pin": 5}}, ["/secrets/pin"]),
        ({"secrets": {"pn": "x"}}, ["/secrets/pn"]),
        ({"config": {"number": {"$env": "SECRET_KEY"}}}, ["/config/number"]),
    ],
)
def test_what_does_not_fit_is_refused_before_the_plugin_is_asked(
    stored: type[Dialler], given: dict[str, Any], pointers: list[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        try_config("dialler", **given)

    assert [error.pointer for error in refused.value.errors] == pointers
    assert stored.seen == []


@pytest.mark.parametrize(
    ("error", "trouble", "message"),
    [
        (NotReady("Still starting", retry_after=20), "not_ready", "Still starting"),
        (AuthFailed("The PIN is wrong."), "auth_failed", "The PIN is wrong."),
        (PluginError("No line."), "broken", "No line."),
        (LookupError("no such number"), "broken", "LookupError: no such number"),
        (SystemExit(3), "broken", "SystemExit: 3"),
    ],
)
def test_whatever_it_raises_is_unhealthy_and_says_which_kind_of_trouble(
    stored: type[Dialler], error: BaseException, trouble: str, message: str
) -> None:
    does(stored, raises(error))

    found = try_config("dialler")

    assert (found.status, found.trouble, found.message) == (HealthStatus.UNHEALTHY, trouble, message)
    assert found.retry_after_seconds == (20 if trouble == "not_ready" else None)


@pytest.mark.parametrize("answer", [None, True, "fine", {"overall_status": "healthy"}])
def test_what_is_no_result_is_unhealthy(stored: type[Dialler], answer: object) -> None:
    does(stored, lambda config, secrets: answer)

    found = try_config("dialler")

    assert found.status is HealthStatus.UNHEALTHY
    assert "it must be a HealthCheckResult" in found.message


def test_it_has_a_time_limit(stored: type[Dialler], monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_check.CHECK_SECONDS == 30
    monkeypatch.setattr(config_check, "CHECK_SECONDS", 0.2)
    go_on = threading.Event()

    def wait(config: dict[str, Any], secrets: Secrets) -> object:
        go_on.wait(60)
        return healthy()

    does(stored, wait)
    try:
        found = try_config("dialler")
    finally:
        go_on.set()

    assert (found.status, found.trouble) == (HealthStatus.UNHEALTHY, "broken")
    assert found.message == "The check took longer than 0.2 seconds."


def test_async_checks_and_constructors_that_fail(in_tenant: Tenant) -> None:
    class Modern(Plugin):
        name = "modern"
        version = "1.0.0"

        async def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
            await asyncio.sleep(0)
            return healthy(config["mood"])

    class Moody(Plugin):
        name = "moody"
        version = "1.0.0"
        is_cross = False

        def __init__(self) -> None:
            if self.is_cross:
                raise RuntimeError("not today")

        def check_config(self, config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
            return healthy()

    with use_plugins(LoadedPlugins()):
        PluginRegistry().register(Modern)
        PluginRegistry().register(Moody)
        Moody.is_cross = True
        assert try_config("modern", config={"mood": "good"}).message == "good"
        assert try_config("moody").message == "RuntimeError: not today"
    forget_tenant_plugins()


def test_a_plugin_in_function_style_has_it_in_its_metadata(in_tenant: Tenant) -> None:
    def check(config: dict[str, Any], secrets: Secrets) -> HealthCheckResult:
        return healthy(config["mood"])

    meta = {"id": "plain", "name": "Plain", "version": "1.0.0", "check_config": check}
    definition = PluginDefinition(
        metadata=metadata_from_meta(meta, found_as="plain"), cls=None, register=lambda ctx: None
    )
    with use_plugins(LoadedPlugins()) as loaded:
        loaded.add(build_plugin(definition))
        assert try_config("plain", config={"mood": "good"}).message == "good"
    forget_tenant_plugins()


def test_a_check_that_cannot_be_called_keeps_the_plugin_out(in_tenant: Tenant) -> None:
    class Wrong(Plugin):
        name = "wrong"
        version = "1.0.0"

        def check_config(self, config: dict[str, Any]) -> HealthCheckResult:
            return healthy()

    with use_plugins(LoadedPlugins()):
        with pytest.raises(PluginLoadError, match="check_config takes two arguments after self"):
            PluginRegistry().register(Wrong)
    with pytest.raises(PluginLoadError, match="must be a function"):
        metadata_from_meta({"id": "plain", "name": "P", "version": "1", "check_config": 3}, found_as="plain")


def test_a_plugin_without_one_says_so(in_tenant: Tenant) -> None:
    with pytest.raises(Conflict, match="task-manager has no check_config"):
        try_config("task-manager")


def test_only_those_who_manage_plugins_may(stored: type[Dialler]) -> None:
    with acting_as(Actor(kind="user", id="1", label="somebody", role="editor")), pytest.raises(Forbidden):
        try_config("dialler")


# -- the API ---------------------------------------------------------------------------------------------------------

ADDRESS = "/api/v1/admin/plugins/dialler/check"
JSON = "application/json"


def client_of(tenant: Tenant, role: Role = Role.ADMIN) -> Client:
    return program(host_of(tenant), make_key_text(tenant, make_member(tenant, role)))


def test_the_api_tries_what_is_in_the_body(stored: type[Dialler], in_tenant: Tenant) -> None:
    admin = client_of(in_tenant)

    empty = admin.post(ADDRESS, {}, JSON)
    changed = admin.post(ADDRESS, {"config": {"rings": 9}, "secrets": {"pin": "typed"}}, JSON)

    assert (empty.status_code, changed.status_code) == (200, 200)
    assert changed.json() == {
        "status": "healthy",
        "trouble": None,
        "message": "fine",
        "details": [
            {
                "check_id": "dialler.line",
                "status": "healthy",
                "severity": "info",
                "message": "fine",
                "response_time_ms": 12.5,
            }
        ],
        "response_time_ms": 12.5,
        "duration_ms": changed.json()["duration_ms"],
        "retry_after_seconds": None,
    }
    assert changed["Cache-Control"] == "no-store"
    assert [pin for _, pin, *_ in stored.seen] == [SECRET, "typed"]


def test_no_answer_ever_has_a_secret(stored: type[Dialler], in_tenant: Tenant) -> None:
    admin = client_of(in_tenant)
    typed = "typed in and very secret"

    def tell(config: dict[str, Any], secrets: Secrets) -> object:
        detail = HealthCheckDetail(
            "dialler.line", HealthStatus.UNHEALTHY, HealthSeverity.CRITICAL, f"PIN {secrets.require('pin')}"
        )
        return HealthCheckResult("", HealthStatus.UNHEALTHY, [detail])

    def fail(config: dict[str, Any], secrets: Secrets) -> object:
        raise ValueError(f"PIN {secrets.require('pin')}")

    answers = []
    for check in (tell, fail):
        does(stored, check)
        answers += [admin.post(ADDRESS, body, JSON) for body in ({}, {"secrets": {"pin": typed}})]
    answers += [
        admin.post(ADDRESS, {"secrets": {"pin": [typed]}}, JSON),
        admin.post(ADDRESS, {"secrets": {"pn": typed}}, JSON),
        admin.post(ADDRESS, {"secrets": typed}, JSON),
        admin.post(ADDRESS, {"secrets": {"pin": typed}, "config": {"number": 5}}, JSON),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4 + [422] * 4
    for answer in answers:
        assert SECRET not in answer.text
        assert typed not in answer.text
    assert "PIN ***" in answers[0].text


@pytest.mark.parametrize("body", [[], {"konfig": {}}, {"config": 5}])
def test_bodies_that_make_no_sense(stored: type[Dialler], in_tenant: Tenant, body: Any) -> None:
    assert client_of(in_tenant).post(ADDRESS, body, JSON).status_code == 422
    assert stored.seen == []


def test_who_may_ask(stored: type[Dialler], in_tenant: Tenant, other_tenant: Tenant) -> None:
    assert client_of(in_tenant, Role.EDITOR).post(ADDRESS, {}, JSON).status_code == 403
    # The other tenant has configured nothing.
    assert client_of(other_tenant).post(ADDRESS, {}, JSON).status_code == 422
    assert client_of(in_tenant).post("/api/v1/admin/plugins/dialer/check", {}, JSON).status_code == 404
    assert stored.seen == []


# -- the command line ------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("plugin", "config", "check", "dialler", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_tries_and_fails_where_it_does_not_work(
    stored: type[Dialler], in_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_PIN", "typed")

    said = run("rings=9", "--secret-env", "pin=NEW_PIN", "--tenant", in_tenant.slug)
    assert said.splitlines() == [f"{in_tenant.slug}: healthy: fine", "  dialler.line  healthy  fine  12.5 ms"]
    assert stored.seen[-1][:2] == ({"number": "1", "rings": 9}, "typed")
    assert json.loads(run("--tenant", in_tenant.slug, "--json"))["status"] == "healthy"

    does(stored, raises(AuthFailed("The PIN is wrong.")))
    with pytest.raises(CommandError, match="could not work with this"):
        run("--tenant", in_tenant.slug)
    with pytest.raises(CommandError, match="/config/rings"):
        run("rings=many", "--tenant", in_tenant.slug)
    with pytest.raises(CommandError, match="NOT_THERE is not set"):
        run("--secret-env", "pin=NOT_THERE", "--tenant", in_tenant.slug)


# -- the administration ----------------------------------------------------------------------------------------------

PAGES = "/admin/settings/plugins/dialler/"


def test_the_button_tries_what_is_typed_and_saves_nothing(
    stored: type[Dialler], in_tenant: Tenant, member_of: SignIn
) -> None:
    client = member_of(in_tenant)
    assert "Test connection" in client.get(f"{PAGES}config/").content.decode()
    form = {"do": "try", "config": json.dumps({"number": "2", "rings": 3})}

    page = client.post(f"{PAGES}config/", form).content.decode()
    fragment = client.post(f"{PAGES}config/", form, headers={"X-Requested-With": "fetch"}).content.decode()

    for answer in (page, fragment):
        assert "It works" in answer
        assert "<code>dialler.line</code> fine" in answer
    assert "<html" in page
    assert "<html" not in fragment
    assert [config["number"] for config, *_ in stored.seen] == ["2", "2"]
    assert PluginSettings.objects.get().config == {"number": "1"}


def test_the_button_beside_the_secrets(stored: type[Dialler], in_tenant: Tenant, member_of: SignIn) -> None:
    client = member_of(in_tenant)
    before = PluginSecret.objects.get().sealed
    does(stored, raises(AuthFailed("The PIN is wrong.")))

    answer = client.post(
        f"{PAGES}secrets/", {"do": "try", "pin": "typed"}, headers={"X-Requested-With": "fetch"}
    ).content.decode()

    assert "It does not work: credentials refused" in answer
    assert "The PIN is wrong." in answer
    assert stored.seen[-1][1] == "typed"
    assert PluginSecret.objects.get().sealed == before


def test_what_cannot_be_tried_says_why(stored: type[Dialler], in_tenant: Tenant, member_of: SignIn) -> None:
    client = member_of(in_tenant)

    for config in ('{"number": 5}', "no json"):
        page = client.post(f"{PAGES}config/", {"do": "try", "config": config}).content.decode()
        assert "Not tried." in page, config
    assert stored.seen == []


def test_a_plugin_without_a_check_has_no_button(in_tenant: Tenant, member_of: SignIn) -> None:
    page = member_of(in_tenant).get("/admin/settings/plugins/task-manager/config/").content.decode()

    assert "Test connection" not in page


# -- a real plugin ---------------------------------------------------------------------------------------------------


def test_webhooks_ping_their_addresses(in_tenant: Tenant, http_peer: HttpPeer) -> None:
    http_peer.answer("/good", 204)
    http_peer.answer("/bad", 401)
    secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

    def ping(*paths: str) -> Finding:
        endpoints = [{"name": path.strip("/"), "url": http_peer.url(path)} for path in paths]
        return try_config("webhooks", config={"endpoints": endpoints}, secrets={"signing_secret": secret})

    assert ping("/good").status is HealthStatus.HEALTHY
    found = ping("/good", "/bad")

    assert found.status is HealthStatus.UNHEALTHY
    assert found.message == f"bad ({http_peer.url('/bad')}) answered 401"
    assert [detail["status"] for detail in found.details] == ["healthy", "unhealthy"]
    assert not PluginSettings.objects.exists()
