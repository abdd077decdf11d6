"""Configurations as they were: listed, compared, put in force again, from everywhere that people do it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.actors import system_actor
from core.errors import Invalid, Stale
from core.models import AuditEntry
from core.scope import tenant_scope
from plugin_host.base import Plugin
from plugin_host.models.settings import PluginConfigRevision, PluginSettings
from plugin_host.registry import PluginRegistry
from plugin_host.services import enable_plugin, restore_config, save_config, set_secret
from plugin_host.state import PluginStatus, forget_tenant_plugins, tenant_plugins
from tenants.models import Role, Tenant
from tests.admin_people import SignIn, member_of
from tests.core.admin.test_records import refusal_in
from tests.tenants.people import host_of, make_key_text, make_member, program

__all__ = ["member_of"]

pytestmark = pytest.mark.usefixtures("plugins")
BASE = "/api/v1/admin/plugins/mailer/settings"
JSON = "application/json"


class NewMailer(Plugin):
    """The next version: an address has to look like one, and colours are gone."""

    name = "mailer"
    version = "2.0.0"
    CONFIG_SCHEMA = {
        "type": "object",
        "properties": {"sender": {"type": "string", "pattern": "@"}, "limit": {"type": "integer"}},
        "required": ["sender"],
        "additionalProperties": False,
    }


def upgrade(to: type[Plugin]) -> None:
    PluginRegistry().unregister(to.name)
    PluginRegistry().register(to)
    forget_tenant_plugins()


@pytest.fixture
def history(in_tenant: Tenant) -> Tenant:
    """Three configurations, with a secret in between, which makes a number too."""
    save_config("mailer", {"sender": "nobody"})
    save_config("mailer", {"sender": "a@example.org", "colour": "red"})
    set_secret("mailer", "token", "open sesame")
    save_config("mailer", {"sender": "a@example.org", "limit": 3})
    return in_tenant


@pytest.fixture
def admin(in_tenant: Tenant) -> Client:
    return program(host_of(in_tenant), make_key_text(in_tenant, make_member(in_tenant, Role.ADMIN)))


def current() -> dict[str, Any]:
    config: dict[str, Any] = PluginSettings.objects.get(plugin_id="mailer").config
    return config


# -- the services ----------------------------------------------------------------------------------------------------


def test_what_comes_back_says_so_in_the_audit_log(history: Tenant) -> None:
    restore_config("mailer", 2)

    assert current() == {"sender": "a@example.org", "colour": "red"}
    assert AuditEntry.objects.latest("id").detail == {"changed": ["colour", "limit"], "restored": 2}


def test_a_revision_that_fits_the_newer_schema_no_more_is_refused_with_pointers(history: Tenant) -> None:
    upgrade(NewMailer)

    with pytest.raises(Invalid) as refused:
        restore_config("mailer", 1)
    assert [error.pointer for error in refused.value.errors] == ["/config/sender"]
    with pytest.raises(Invalid) as refused:
        restore_config("mailer", 2)
    assert [error.pointer for error in refused.value.errors] == ["/config/colour"]

    assert current() == {"sender": "a@example.org", "limit": 3}
    assert PluginConfigRevision.objects.count() == 3


def test_a_revision_that_cannot_be_migrated_is_refused(history: Tenant) -> None:
    class Forgetful(NewMailer):
        config_version = 2

        def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
            config["seen"] = True
            raise LookupError("what was that?")

    upgrade(Forgetful)

    with pytest.raises(Invalid, match=r"could not be brought into today's shape .LookupError: what was that"):
        restore_config("mailer", 2)


def test_a_change_meanwhile_is_not_overwritten(history: Tenant) -> None:
    with pytest.raises(Stale):
        restore_config("mailer", 1, expected_revision=3)


def test_a_failing_migration_needs_attention_says_why_and_harms_nothing_else(history: Tenant) -> None:
    class Broken(NewMailer):
        config_version = 2
        failure: BaseException = RuntimeError("no idea")

        def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
            config["sender"] = "spoilt"
            raise self.failure

    enable_plugin("mailer")
    upgrade(Broken)

    entry = tenant_plugins(history.pk)["mailer"]

    assert entry.status is PluginStatus.NEEDS_ATTENTION
    assert [(error.pointer, error.code) for error in entry.errors] == [("/config", "config_version")]
    assert "RuntimeError: no idea" in entry.errors[0].message
    assert entry.config == {"sender": "a@example.org", "limit": 3}
    assert tenant_plugins(history.pk)["plain"].status is PluginStatus.AVAILABLE
    # Saving it again is the way out, and the next version that can migrate is another.
    save_config("mailer", {"sender": "b@example.org"})
    assert tenant_plugins(history.pk)["mailer"].runs


# -- the API ---------------------------------------------------------------------------------------------------------


def test_the_history_is_listed_page_by_page_with_what_changed(history: Tenant, admin: Client) -> None:
    first = admin.get(f"{BASE}/revisions?limit=2").json()

    assert [one["number"] for one in first["data"]] == [4, 2]
    assert first["data"][0]["changes"] == [
        {"pointer": "/colour", "kind": "removed", "before": "red"},
        {"pointer": "/limit", "kind": "added", "after": 3},
    ]
    assert first["data"][0]["changed_by"] == "tests"
    rest = admin.get(f"{BASE}/revisions?limit=2&cursor={first['next']}").json()
    assert ([one["number"] for one in rest["data"]], rest["next"]) == ([1], None)
    assert rest["data"][0]["changes"] == [{"pointer": "/sender", "kind": "added", "after": "nobody"}]


def test_any_two_are_compared(history: Tenant, admin: Client) -> None:
    before = admin.get(f"{BASE}/revisions/4").json()
    first = admin.get(f"{BASE}/revisions/4?against=1").json()
    nothing = admin.get(f"{BASE}/revisions/2?against=0").json()
    backwards = admin.get(f"{BASE}/revisions/1?against=4").json()

    assert (before["against"], len(before["changes"])) == (2, 2)
    assert first["changes"] == [
        {"pointer": "/limit", "kind": "added", "after": 3},
        {"pointer": "/sender", "kind": "changed", "before": "nobody", "after": "a@example.org"},
    ]
    assert (nothing["against"], [one["kind"] for one in nothing["changes"]]) == (None, ["added", "added"])
    assert [one["kind"] for one in backwards["changes"]] == ["removed", "changed"]


def test_one_is_put_in_force_again(history: Tenant, admin: Client) -> None:
    assert admin.post(f"{BASE}/revisions/2/restore", {}, JSON, headers={"If-Match": '"3"'}).status_code == 412

    answer = admin.post(f"{BASE}/revisions/2/restore", {}, JSON, headers={"If-Match": '"4"'})

    assert (answer.status_code, answer.json()["own"]) == (200, {"sender": "a@example.org", "colour": "red"})
    assert answer["ETag"] == '"5"'
    upgrade(NewMailer)
    refused = admin.post(f"{BASE}/revisions/1/restore", {}, JSON)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/config/sender")


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("get", "/revisions?limit=0", 400),
        ("get", "/revisions?cursor=x", 400),
        ("get", "/revisions?page=2", 400),
        ("get", "/revisions/3", 404),
        ("get", "/revisions/99999999999999999999", 404),
        ("get", "/revisions/2?against=x", 400),
        ("get", "/revisions/2?against=3", 404),
        ("post", "/revisions/3/restore", 404),
        ("get", "/revisions/x", 404),
    ],
)
def test_what_is_not_there(history: Tenant, admin: Client, method: str, address: str, status: int) -> None:
    answer = admin.get(f"{BASE}{address}") if method == "get" else admin.post(f"{BASE}{address}", {}, JSON)

    assert answer.status_code == status


def test_another_tenants_history_is_not_there(
    history: Tenant, other_tenant: Tenant, member_of: SignIn
) -> None:
    stranger = program(
        host_of(other_tenant), make_key_text(other_tenant, make_member(other_tenant, Role.OWNER))
    )

    assert stranger.get(f"{BASE}/revisions").json()["data"] == []
    assert stranger.get(f"{BASE}/revisions/2").status_code == 404
    assert stranger.post(f"{BASE}/revisions/2/restore", {}, JSON).status_code == 404
    page = member_of(other_tenant)
    assert page.get("/admin/settings/plugins/mailer/config/compare/?from=1&to=2").status_code == 404
    with tenant_scope(other_tenant.pk, actor=system_actor("tests")):
        assert not PluginSettings.objects.exclude(config={}).exists()


def test_editors_may_neither_read_nor_restore(history: Tenant) -> None:
    editor = program(host_of(history), make_key_text(history, make_member(history, Role.EDITOR)))

    assert editor.get(f"{BASE}/revisions").status_code == 403
    assert editor.get(f"{BASE}/revisions/2").status_code == 403
    assert editor.post(f"{BASE}/revisions/2/restore", {}, JSON).status_code == 403


# -- the command line ------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("plugin", "config", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_line_lists_compares_and_restores(history: Tenant) -> None:
    said = run("history", "mailer", "--tenant", history.slug).splitlines()
    assert [line.split(",")[0] for line in said if line.startswith("revision")] == [
        "revision 4",
        "revision 2",
        "revision 1",
    ]
    assert said[1:3] == ["  - /colour = red", "  + /limit = 3"]

    assert run("diff", "mailer", "1", "2", "--tenant", history.slug).splitlines() == [
        "  + /colour = red",
        "  ~ /sender = nobody -> a@example.org",
    ]
    assert (
        json.loads(run("diff", "mailer", "2", "--tenant", history.slug, "--json"))[0]["pointer"] == "/colour"
    )
    assert run("diff", "mailer", "2", "2", "--tenant", history.slug) == "The two say the same.\n"
    assert len(json.loads(run("history", "mailer", "--tenant", history.slug, "--json"))) == 3

    run("restore", "mailer", "1", "--tenant", history.slug)
    assert current() == {"sender": "nobody"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["restore", "mailer", "3"], "no configuration of revision 3"),
        (["diff", "mailer", "1", "3"], "no configuration of revision 3"),
        (["diff", "mailer", "1", "2", "4"], "Name one revision, or two"),
        (["history", "mialer"], "Did you mean 'mailer'"),
    ],
)
def test_the_command_line_refuses_what_is_not_there(history: Tenant, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*arguments, "--tenant", history.slug)


# -- the administration ----------------------------------------------------------------------------------------------

PAGE = "/admin/settings/plugins/mailer/config/"


def test_the_page_shows_what_changed_and_compares(history: Tenant, member_of: SignIn) -> None:
    client = member_of(history)

    page = client.get(PAGE).content.decode()
    assert '<strong title="/colour">Colour</strong> <del class="diff-old">red</del>' in page
    compared = client.get(f"{PAGE}compare/?from=4&to=1").content.decode()
    assert '<td class="diff-old">nobody</td>' in compared
    assert "Restore revision 1" in compared
    assert client.get(f"{PAGE}compare/?from=1&to=1").content.decode().count("say the same") == 1
    for query in ("", "?from=1", "?from=1&to=x", "?from=1&to=3", "?from=1&to=9999999999"):
        assert client.get(f"{PAGE}compare/{query}").status_code == 404, query


def test_what_does_not_fit_any_more_is_refused_on_the_page(history: Tenant, member_of: SignIn) -> None:
    upgrade(NewMailer)

    page = member_of(history).post(f"{PAGE}1/restore/", follow=True).content.decode()

    assert "Configuration, Sender: This must match the pattern @" in refusal_in(page)
    assert current() == {"sender": "a@example.org", "limit": 3}


def test_a_configuration_that_needs_attention_says_so_on_the_plugins_page(
    history: Tenant, member_of: SignIn
) -> None:
    save_config("mailer", {"sender": "nobody"})
    enable_plugin("mailer")
    upgrade(NewMailer)

    page = member_of(history).get("/admin/settings/plugins/mailer/").content.decode()

    assert "Needs attention" in page
    assert "Configuration, Sender: This must match the pattern @" in page
