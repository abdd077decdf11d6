"""The platform's configuration as it was: brought into today's shape, listed, compared, put in force again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from core.actors import system_actor
from core.errors import Invalid, NotFound, Stale
from core.models import PlatformAuditEntry
from core.platform_work import PlatformWork
from core.scope import platform_scope
from plugin_host.base import Plugin
from plugin_host.loading.settings_reader import read_platform_config
from plugin_host.models import PlatformConfigRevision, PlatformPluginSettings
from plugin_host.registry import PluginRegistry, loaded_plugins
from plugin_host.selectors.plugins import settings_document
from plugin_host.services import enable_plugin, restore_platform_config, save_config, save_platform_config
from plugin_host.state import PluginStatus, forget_tenant_plugins, tenant_plugins
from tenants.models import Role, Tenant
from tests.admin_people import operator
from tests.tenants.people import (
    PLATFORM_HOST,
    browser,
    host_of,
    make_key_text,
    make_member,
    make_operator_account,
    program,
)

__all__ = ["operator"]

BASE = "/api/v1/admin/plugins/mailer/settings"
PAGE = "/admin/settings/plugins/mailer/"
JSON = "application/json"


class NewMailer(Plugin):
    """The next version has renamed a setting."""

    name = "mailer"
    version = "2.0.0"
    config_version = 2
    CONFIG_SCHEMA = {
        "type": "object",
        "properties": {"address": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["address"],
        "additionalProperties": False,
    }

    def migrate_config(self, old_version: int, config: dict[str, Any]) -> dict[str, Any]:
        if "colour" in config:
            raise LookupError("what was that?")
        if "sender" in config:
            config["address"] = config.pop("sender")
        return config


def upgrade() -> None:
    PluginRegistry().unregister("mailer")
    PluginRegistry().register(NewMailer)
    forget_tenant_plugins()


def save(config: dict[str, Any], **options: Any) -> None:
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        save_platform_config("mailer", config, **options)


def restore(number: int, **options: Any) -> None:
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY, actor=system_actor("tests")):
        restore_platform_config("mailer", number, **options)


def stored() -> tuple[dict[str, Any], int]:
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY):
        row = PlatformPluginSettings.objects.get(pk="mailer")
    return row.config, row.config_version


@pytest.fixture(autouse=True)
def clean_platform(plugins: Any) -> Iterator[None]:
    """The platform's settings are shared by all tests, so they are taken away again."""
    yield
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY):
        PlatformPluginSettings.objects.filter(pk="mailer").delete()
        PlatformConfigRevision.objects.filter(plugin_id="mailer").delete()
    forget_tenant_plugins()


@pytest.fixture
def history() -> None:
    save({"sender": "nobody"})
    save({"sender": "ops@example.org", "colour": "red"})
    save({"sender": "ops@example.org", "limit": 3})


# -- older shapes ------------------------------------------------------------------------------------------------------


def test_what_an_older_version_stored_is_brought_into_shape_below_the_tenants(
    in_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_SENDER", "ops@example.org")
    save({"sender": {"$env": "MAIL_SENDER"}, "limit": 50})
    upgrade()
    save_config("mailer", {"limit": 5})
    enable_plugin("mailer")

    entry = tenant_plugins(in_tenant.pk)["mailer"]

    assert entry.runs
    assert entry.config == {"address": "ops@example.org", "limit": 5}
    assert settings_document("mailer")["platform"] == {"address": {"$env": "MAIL_SENDER"}, "limit": 50}
    metadata = loaded_plugins().get("mailer").metadata
    assert read_platform_config(metadata) == {"address": "ops@example.org", "limit": 50}


def test_a_change_keeps_the_rest_in_todays_shape(in_tenant: Tenant) -> None:
    save({"sender": "ops@example.org"})
    upgrade()
    save({"limit": 7}, merge=True)

    assert stored() == ({"address": "ops@example.org", "limit": 7}, 2)


def test_what_cannot_be_brought_into_shape_needs_attention_and_says_whose_it_is(in_tenant: Tenant) -> None:
    save({"sender": "ops@example.org", "colour": "red"})
    upgrade()
    with pytest.raises(Invalid, match="The platform's configuration of version 1 could not be brought"):
        enable_plugin("mailer")

    save({"address": "ops@example.org"})
    enable_plugin("mailer")
    assert tenant_plugins(in_tenant.pk)["mailer"].status is PluginStatus.ENABLED


# -- history -----------------------------------------------------------------------------------------------------------


def test_an_earlier_one_comes_back_as_a_new_revision(history: None) -> None:
    with pytest.raises(Stale):
        restore(2, expected_revision=2)
    restore(2)

    assert stored()[0] == {"sender": "ops@example.org", "colour": "red"}
    with platform_scope(PlatformWork.PLUGIN_DIRECTORY):
        numbers = PlatformConfigRevision.objects.filter(plugin_id="mailer").order_by("number")
        assert list(numbers.values_list("number", flat=True)) == [1, 2, 3, 4]
        assert PlatformAuditEntry.objects.latest("at").detail == {"restored": 2}
    with pytest.raises(NotFound):
        restore(9)


def test_one_of_an_older_version_comes_back_in_todays_shape_or_not_at_all(history: None) -> None:
    upgrade()
    restore(1)
    assert stored() == ({"address": "nobody"}, 2)
    with pytest.raises(Invalid, match="what was that"):
        restore(2)


def test_operators_use_the_api_on_the_platforms_host(history: None, tenant: Tenant) -> None:
    api = browser(PLATFORM_HOST, make_operator_account())

    page = api.get(f"{BASE}/revisions?limit=2").json()
    assert ([one["number"] for one in page["data"]], page["next"]) == ([3, 2], "2")
    assert page["data"][0]["changes"] == [
        {"pointer": "/colour", "kind": "removed", "before": "red"},
        {"pointer": "/limit", "kind": "added", "after": 3},
    ]
    against = api.get(f"{BASE}/revisions/3?against=1").json()
    assert [one["pointer"] for one in against["changes"]] == ["/limit", "/sender"]
    answer = api.post(f"{BASE}/revisions/1/restore", {}, JSON, headers={"If-Match": '"3"'})
    assert (answer.status_code, answer.json()["own"], answer["ETag"]) == (200, {"sender": "nobody"}, '"4"')

    admin = program(host_of(tenant), make_key_text(tenant, make_member(tenant, Role.ADMIN)))
    assert admin.get(f"{BASE}/revisions").json()["data"] == []
    assert admin.get(f"{BASE}/revisions/1").status_code == 404


def test_operators_use_their_page(history: None, operator: Client) -> None:
    page = operator.get(PAGE).content.decode()
    assert "Earlier configurations" in page
    compared = operator.get(f"{PAGE}compare/?from=1&to=3").content.decode()
    assert "ops@example.org" in compared
    assert f"{PAGE}1/restore/" in compared

    again = operator.post(f"{PAGE}1/restore/", follow=True).content.decode()

    assert "The configuration of revision 1 is in force again." in again
    assert stored()[0] == {"sender": "nobody"}
    assert operator.get(f"{PAGE}compare/?from=1&to=77").status_code == 404


def test_operators_use_the_command_line(history: None) -> None:
    def said(*words: str) -> str:
        out = io.StringIO()
        call_command("plugin", "config", *words, "--platform", stdout=out)
        return out.getvalue()

    assert "revision 3" in said("history", "mailer")
    assert said("diff", "mailer", "1", "2").splitlines() == [
        "  + /colour = red",
        "  ~ /sender = nobody -> ops@example.org",
    ]
    assert "revision 1 is in force again, as revision 4" in said("restore", "mailer", "1")
    with pytest.raises(CommandError, match="no configuration of revision 9"):
        said("restore", "mailer", "9")
