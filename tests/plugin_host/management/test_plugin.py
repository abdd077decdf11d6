"""`manage.py plugin` as people and scripts use it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.actors import system_actor
from core.models import AuditEntry
from core.scope import tenant_scope
from plugin_host.breaker.conduct import Conduct
from plugin_host.management.commands.plugin import Command
from plugin_host.models import PluginSettings
from plugin_host.services import enable_plugin
from plugin_host.services.breaker import note_outcome
from plugin_host.state import PluginStatus, tenant_plugins
from tenants.models import Tenant
from tests.plugin_host.loading.trials import plugins_folder
from tests.plugin_host.management.commands import plugin_command
from tests.plugin_host.services.sample import plugins

__all__ = ["plugins"]

SAMPLES = pytest.mark.usefixtures("plugins")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("plugin", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    return str(error.value)


def status(tenant: Tenant, plugin: str) -> PluginStatus:
    return tenant_plugins(tenant.pk)[plugin].status


@SAMPLES
def test_list_shows_what_is_installed_and_what_it_is_for_a_tenant(tenant: Tenant) -> None:
    assert [line.split()[:3] for line in run("list").splitlines()] == [
        ["mailer", "1.2.0", "loaded"],
        ["plain", "1.0.0", "loaded"],
    ]

    found = json.loads(run("list", "--tenant", tenant.slug, "--json"))

    assert [(one["id"], one["status"]) for one in found] == [("mailer", "available"), ("plain", "available")]


@SAMPLES
def test_show_says_what_a_plugin_adds(tenant: Tenant) -> None:
    said = run("show", "mailer")
    assert "hook=dvp_plugin_enabled  kind=action" in said
    assert "settings: sender (required), limit, colour\nsecrets: token (required), spare\n" in said
    assert json.loads(run("show", "mailer", "--tenant", tenant.slug, "--json"))["state"] == "available"


@SAMPLES
def test_enabling_says_what_is_missing(tenant: Tenant) -> None:
    text = refused("enable", "mailer", "--tenant", tenant.slug)

    assert "sender is not configured; the secret token is not set" in text
    assert "/secrets/token" in text


@SAMPLES
def test_the_whole_way(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "open sesame")

    run("config", "set", "mailer", "sender=12345", "limit=5", "--tenant", tenant.slug)
    run("secret", "set", "mailer", "token", "--env", "THE_TOKEN", "--tenant", tenant.slug)
    assert "mailer is on" in run("enable", "mailer", "--tenant", tenant.slug)

    entry = tenant_plugins(tenant.pk)["mailer"]
    # A text stays one, also when it looks like a number.
    assert (entry.runs, entry.config) == (True, {"sender": "12345", "limit": 5})
    assert entry.secrets.require("token") == "open sesame"

    run("pause", "mailer", "--tenant", tenant.slug, "--for", "2h", "--reason", "moving")
    assert status(tenant, "mailer") is PluginStatus.PAUSED
    run("resume", "mailer", "--tenant", tenant.slug)
    run("disable", "mailer", "--tenant", tenant.slug)
    assert status(tenant, "mailer") is PluginStatus.DISABLED
    with tenant_scope(tenant.pk):
        assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"system:manage.py plugin"}


@SAMPLES
def test_configuration_is_shown_in_its_layers(tenant: Tenant) -> None:
    run("config", "set", "mailer", "sender=a@example.org", "--tenant", tenant.slug)

    assert run("config", "get", "mailer", "--tenant", tenant.slug).splitlines() == [
        "sender = a@example.org  (own)",
        "limit = 10  (default)",
    ]
    assert run("config", "get", "mailer", "limit", "--tenant", tenant.slug) == "10\n"

    run("config", "set", "mailer", "limit=3", "--tenant", tenant.slug)
    run("config", "unset", "mailer", "limit", "--tenant", tenant.slug)

    assert run("config", "get", "mailer", "limit", "--tenant", tenant.slug) == "10\n"


@SAMPLES
def test_configuration_comes_from_a_file(tenant: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"sender": "a@example.org", "limit": 7}')

    run("config", "set", "mailer", "--file", str(file), "--tenant", tenant.slug)

    assert tenant_plugins(tenant.pk)["mailer"].config == {"sender": "a@example.org", "limit": 7}


@SAMPLES
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["config", "set", "mailer", "limit"], "Write KEY=VALUE"),
        (["config", "set", "mailer"], "Say what to set"),
        (["config", "set", "mailer", "sender=a@b.org", "limt=3"], "Did you mean 'limit'?"),
        (["config", "set", "mailer", "--file", "/nowhere.json"], "cannot be read"),
        (["config", "get", "mailer", "limt"], "Did you mean 'limit'?"),
        (["secret", "set", "mailer", "token", "--env", "NOT_SET_ANYWHERE"], "is not set"),
        (["secret", "delete", "mailer", "token"], "is not set"),
        (["pause", "mailer", "--for", "soon"], "Write a time such as"),
        (["enable", "mialer"], "Did you mean 'mailer'?"),
        (["replay", "mailer"], "Say what to make again"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(tenant: Tenant, arguments: list[str], message: str) -> None:
    assert message in refused(*arguments, "--tenant", tenant.slug)
    with tenant_scope(tenant.pk):
        assert not PluginSettings.objects.exists()


@SAMPLES
@pytest.mark.parametrize("action", ["enable", "disable", "resume"])
def test_a_change_needs_a_tenant(action: str) -> None:
    assert "--tenant SLUG or --all-tenants" in refused(action, "plain")


@SAMPLES
def test_an_unknown_tenant_is_named() -> None:
    assert "no-such-tenant" in refused("enable", "plain", "--tenant", "no-such-tenant")


@SAMPLES
def test_one_tenant_that_refuses_does_not_keep_the_others(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_these = [(one.pk, one.slug) for one in (tenant, other_tenant)]
    monkeypatch.setattr(
        "plugin_host.management.tenants._all_tenants",
        lambda actor: [_named(pk, slug) for pk, slug in only_these],
    )
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        enable_plugin("plain")

    out = io.StringIO()
    with pytest.raises(CommandError, match=f"1 of 2 tenants.*{other_tenant.slug}"):
        call_command("plugin", "pause", "plain", "--all-tenants", stdout=out, stderr=out)

    assert f"{other_tenant.slug}: Plugin plain is not on" in out.getvalue()
    assert status(tenant, "plain") is PluginStatus.PAUSED


def _named(pk: Any, slug: str) -> Any:
    from plugin_host.management.tenants import NamedTenant

    return NamedTenant(id=pk, slug=slug)


@SAMPLES
def test_secrets_are_never_shown(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("very secret indeed\n"))

    said = run("secret", "set", "mailer", "token", "--stdin", "--tenant", tenant.slug)
    said += run("secret", "list", "mailer", "--tenant", tenant.slug)
    said += run("secret", "list", "mailer", "--tenant", tenant.slug, "--json")
    said += run("show", "mailer", "--tenant", tenant.slug)

    assert "very secret" not in said
    assert "fingerprint" in said
    assert tenant_plugins(tenant.pk)["mailer"].secrets.require("token") == "very secret indeed"


@SAMPLES
def test_deliveries_are_listed(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "open sesame")
    run("config", "set", "mailer", "sender=a@example.org", "--tenant", tenant.slug)
    run("secret", "set", "mailer", "token", "--env", "THE_TOKEN", "--tenant", tenant.slug)
    run("enable", "mailer", "--tenant", tenant.slug)

    (found,) = json.loads(run("deliveries", "mailer", "--tenant", tenant.slug, "--json"))

    assert (found["hook"], found["state"]) == ("dvp_plugin_enabled", "pending")
    assert found["id"] in run("deliveries", "mailer", "--tenant", tenant.slug)
    one = json.loads(run("deliveries", "mailer", "--id", found["id"], "--tenant", tenant.slug))
    assert one["attempts"] == []
    assert run("deliveries", "mailer", "--state", "dead", "--tenant", tenant.slug) == "No deliveries.\n"
    assert "0 to be made again" in run("replay", "mailer", "--dead", "--tenant", tenant.slug)
    assert "has not ended yet" in refused("replay", "mailer", found["id"], "--tenant", tenant.slug)


def test_a_mistyped_action_gets_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "plugin", "enabel"])

    assert ended.value.code == 1
    assert "Did you mean 'enable'?" in capsys.readouterr().err


def test_check_exits_1_and_names_stage_and_line(tmp_path: Path) -> None:
    names = ["syntax_error", "register_raises", "missing_import", "migration_raises"]
    folder = plugins_folder(tmp_path / "plugins", names)

    done = plugin_command(folder, "check")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "syntax_error             broken at import" in done.stdout
    assert "syntax_error/__init__.py, line 4" in done.stdout
    assert "register-raises          broken at register" in done.stdout
    assert "| ValueError: not today" in done.stdout
    assert "migration-raises         broken at migrations" in done.stdout
    assert "migration_raises/migrations/0001_initial.py, line 1" in done.stdout
    # Nobody has it on, so its missing package is no fault yet.
    assert "missing_import           needs_install at import" in done.stdout
    assert "3 of" in done.stderr


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plugin whose package is missing; once it was tried, every start knows that."""
    return plugins_folder(tmp_path_factory.mktemp("lacking") / "plugins", ["missing_import"])


def test_check_is_silent_about_sound_plugins(lacking: Path) -> None:
    done = plugin_command(lacking, "check", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["plugin"]: one for one in json.loads(done.stdout)}
    assert found["missing_import"]["status"] == "needs_install"
    assert found["missing_import"]["is_fault"] is False


def test_check_of_one_plugin_names_the_nearest(lacking: Path) -> None:
    done = plugin_command(lacking, "check", "missing-imprt")

    assert done.returncode == 1
    assert "Did you mean 'missing_import'?" in done.stderr


@SAMPLES
def test_list_and_show_say_why_a_plugin_is_paused_and_what_waits(tenant: Tenant) -> None:
    run("enable", "plain", "--tenant", tenant.slug)
    for _ in range(3):
        note_outcome(
            tenant_id=tenant.pk,
            plugin_id="plain",
            what="dvp_content_published",
            conduct=Conduct.TIMED_OUT,
            error="HookTimeout: it took longer than 120 seconds.",
        )

    listed, shown = run("list", "--tenant", tenant.slug), run("show", "plain", "--tenant", tenant.slug)

    assert "Paused by breaker since" in listed
    assert "3 runs in a row took longer than allowed" in listed
    assert "0 deliveries wait meanwhile." in listed
    assert "by=breaker  by_breaker=true  waiting=0" in shown
    assert "breaker: state=open  failures=0  timeouts=3" in shown
    run("resume", "plain", "--tenant", tenant.slug)
    assert "state=closed  failures=0  timeouts=0" in run("show", "plain", "--tenant", tenant.slug)
