"""The Plugins pages of a tenant's admin."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.models import AuditEntry, Event
from core.services.collections import create_collection
from core.services.records import create_record
from plugin_host.admin.config_page import own_layer
from plugin_host.breaker.conduct import Conduct
from plugin_host.deliveries.creation import new_delivery
from plugin_host.models import Delivery, PluginConfigRevision, PluginSecret, PluginSettings
from plugin_host.services import save_config
from plugin_host.services.breaker import note_outcome
from plugin_host.state import forget_tenant_plugins
from plugin_host.testing.host import DeliverAll, PluginEnabled
from tenants.models import Tenant
from tests.admin_people import SignIn
from tests.core.admin.test_records import refusal_in

PLUGINS = "/admin/settings/plugins/"
TASKS, WEBHOOKS = f"{PLUGINS}task-manager/", f"{PLUGINS}webhooks/"
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
URL = "https://listener.example.org/in"


def do(client: Client, plugin: str, step: str) -> str:
    return client.post(f"{plugin}state/", {"do": step}, follow=True).content.decode()


def posted(config: dict[str, Any]) -> dict[str, str]:
    return {"config": json.dumps(config)}


def state_of(plugin_id: str) -> str:
    return PluginSettings.objects.get(plugin_id=plugin_id).state


def test_every_plugin_has_a_card(member_of: SignIn, in_tenant: Tenant) -> None:
    page = member_of(in_tenant).get(PLUGINS).content.decode()

    assert [f'id="plugin-{name}"' in page for name in ("task-manager", "webhooks")] == [True, True]
    assert "Manage tasks linked to any collection." in page


def test_a_plugin_is_switched_on_paused_resumed_and_off(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "admin")

    seen = []
    for step in ("enable", "pause", "resume", "disable"):
        do(client, TASKS, step)
        seen.append(state_of("task-manager"))

    assert seen == ["enabled", "paused", "enabled", "disabled"]
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["plugin.enabled", "plugin.paused", "plugin.resumed", "plugin.disabled"]


def test_looking_switches_nothing(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    assert client.get(f"{TASKS}state/?do=enable").status_code == 302
    assert client.post(f"{TASKS}state/", {"do": "explode"}).status_code == 404
    assert PluginSettings.objects.count() == 0


def test_switching_on_says_what_is_missing(member_of: SignIn, in_tenant: Tenant) -> None:
    page = do(member_of(in_tenant), WEBHOOKS, "enable")

    text = refusal_in(page)
    # In the words of the forms, without pointers.
    assert "Configuration, Endpoints: " in text
    save_config("webhooks", {"endpoints": [{"name": "crm", "url": URL}]})
    text = refusal_in(do(member_of(in_tenant), WEBHOOKS, "enable"))
    assert "Configuration, Endpoints, row 1, Secret: " in text
    assert "signing_secret" in text
    assert "/config/" not in text
    assert not PluginSettings.objects.filter(state="enabled").exists()


def test_a_configuration_is_saved_and_restored(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    client.post(f"{TASKS}config/", posted({"max_tasks_per_user": 7, "webhook_url": ""}))
    client.post(f"{TASKS}config/", posted({"max_tasks_per_user": 8, "webhook_url": ""}))

    settings = PluginSettings.objects.get(plugin_id="task-manager")
    # What agrees with the schema's default is not frozen.
    assert settings.config == {"max_tasks_per_user": 8}
    first = PluginConfigRevision.objects.earliest("number")
    client.post(f"{TASKS}config/{first.number}/restore/")
    settings.refresh_from_db()
    assert settings.config == {"max_tasks_per_user": 7}


def test_a_wrong_configuration_is_shown_at_its_input_and_kept(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    page = client.post(f"{TASKS}config/", posted({"max_tasks_per_user": 99999})).content.decode()

    match = re.search(r'data-django-jsonform="([^"]*)"', page)
    assert match is not None
    config = json.loads(html.unescape(match[1]))
    assert list(config["errorMap"]) == ["max_tasks_per_user"]
    assert json.loads(config["data"])["max_tasks_per_user"] == 99999
    assert PluginSettings.objects.filter(config__max_tasks_per_user=99999).count() == 0


def test_defaults_are_shown_in_the_form(member_of: SignIn, in_tenant: Tenant) -> None:
    page = member_of(in_tenant).get(f"{TASKS}config/").content.decode()

    match = re.search(r'data-django-jsonform="([^"]*)"', page)
    assert match is not None
    assert json.loads(json.loads(html.unescape(match[1]))["data"])["max_tasks_per_user"] == 100


def test_a_tenant_sets_only_what_differs_from_below() -> None:
    below = {"a": 1, "b": [1], "c": "x"}

    assert own_layer({"a": 1, "b": [], "c": "", "d": None}, below) == {"b": [], "c": "", "d": None}


def test_secrets_go_in_and_never_come_out(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    saved = client.post(f"{WEBHOOKS}secrets/", {"signing_secret": SECRET}, follow=True).content.decode()

    stored = PluginSecret.objects.get(plugin_id="webhooks")
    assert SECRET not in saved
    assert stored.fingerprint in saved
    wrong = client.post(f"{WEBHOOKS}secrets/", {"signing_secret": "whsec_wrong"}).content.decode()
    assert "whsec_wrong" not in wrong
    assert "does not have the form" in refusal_in(wrong)
    client.post(f"{WEBHOOKS}secrets/", {"signing_secret": ""})
    assert PluginSecret.objects.get(plugin_id="webhooks").sealed == stored.sealed
    client.post(f"{WEBHOOKS}secrets/", {"signing_secret__clear": "on"})
    assert PluginSecret.objects.filter(plugin_id="webhooks").count() == 0


def test_a_plugin_without_secrets_has_no_form_for_them(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    assert client.get(f"{TASKS}secrets/").status_code == 404
    assert "secrets/" not in client.get(TASKS).content.decode()


def test_deliveries_are_listed_with_attempts_and_replayed(
    member_of: SignIn,
    in_tenant: Tenant,
    plugin_enabled: PluginEnabled,
    deliver_all: DeliverAll,
) -> None:
    wrong = [{"name": "crm", "url": URL, "previous_until": "2026-99-99T00:00:00Z"}]
    plugin_enabled("webhooks", in_tenant, config={"endpoints": wrong}, secrets={"signing_secret": SECRET})
    create_collection(name="posts", schema={"type": "object", "properties": {"title": {"type": "string"}}})
    create_record(collection="posts", data={"title": "Hello"})
    client = member_of(in_tenant)

    waiting = client.get(f"{WEBHOOKS}deliveries/?show=open").content.decode()
    assert "record.created" in waiting
    assert "Replay" not in waiting

    deliver_all(in_tenant)
    failed = client.get(f"{WEBHOOKS}deliveries/?show=failed").content.decode()
    address = re.search(rf'href="({WEBHOOKS}deliveries/[0-9a-f-]+/)"', failed)
    assert address is not None
    one = client.get(address[1]).content.decode()
    assert "Attempt 1" in one
    assert "is no time; write it like" in refusal_in(one)

    again = client.post(f"{address[1]}replay/", follow=True).content.decode()
    assert "It will be delivered again." in again
    assert Delivery.objects.filter(plugin="webhooks", reason="replay").count() == 1


@pytest.mark.parametrize("query", ["show=nothing", "before=x", "show=all&before="])
def test_a_list_that_is_not_there_is_not_found(member_of: SignIn, in_tenant: Tenant, query: str) -> None:
    assert member_of(in_tenant).get(f"{WEBHOOKS}deliveries/?{query}").status_code == 404


def test_an_unknown_plugin_is_not_found(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    for page in ("", "config/", "secrets/", "deliveries/"):
        assert client.get(f"{PLUGINS}no-such-plugin/{page}").status_code == 404, page


def test_editors_neither_see_nor_change_plugins(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "editor")

    assert PLUGINS not in client.get("/admin/").content.decode()
    for page in (PLUGINS, TASKS, f"{TASKS}config/", f"{WEBHOOKS}secrets/", f"{TASKS}deliveries/"):
        assert client.get(page).status_code == 403, page
    assert client.post(f"{TASKS}state/", {"do": "enable"}).status_code == 403
    assert client.post(f"{TASKS}config/", posted({"max_tasks_per_user": 1})).status_code == 403
    assert PluginSettings.objects.count() == 0


def test_one_tenant_does_not_see_what_another_has_set(
    member_of: SignIn, in_tenant: Tenant, other_tenant: Tenant, plugin_enabled: PluginEnabled
) -> None:
    plugin_enabled(
        "webhooks",
        other_tenant,
        config={"endpoints": [{"name": "crm", "url": URL}]},
        secrets={"signing_secret": SECRET},
    )
    client = member_of(in_tenant)

    assert URL not in client.get(f"{WEBHOOKS}config/").content.decode()
    assert "not set" in client.get(f"{WEBHOOKS}secrets/").content.decode()


def test_a_plugins_page_stands_in_the_menu_while_it_is_on(
    member_of: SignIn, in_tenant: Tenant, plugin_enabled: PluginEnabled
) -> None:
    client = member_of(in_tenant, "viewer")
    assert client.get("/admin/plugins/task-manager/").status_code == 404
    assert "/admin/plugins/task-manager" not in client.get("/admin/").content.decode()

    plugin_enabled("task-manager", in_tenant)

    assert 'href="/admin/plugins/task-manager/"' in client.get("/admin/").content.decode()


def test_a_plugins_page_is_drawn_inside_the_frame(
    member_of: SignIn, in_tenant: Tenant, plugin_enabled: PluginEnabled
) -> None:
    plugin_enabled("task-manager", in_tenant)
    client = member_of(in_tenant, "admin")

    page = client.get("/admin/plugins/task-manager/").content.decode()

    assert "<title>" in page
    assert "Task Manager" in page
    assert "plugin-page" in page
    assert "check_box" in page  # the icon of its line in the menu
    assert "/admin/core/collection/" in page  # the admin's menu stands beside it
    # The guide writes the address without a slash at the end.
    assert client.get("/admin/plugins/task-manager").status_code == 200


def test_a_page_nobody_has_is_not_found(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant)

    assert client.get("/admin/plugins/nothing/").status_code == 404
    assert client.get("/admin/plugins/nothing").status_code == 404


def break_down(tenant: Tenant, *, times: int = 5) -> None:
    """Have the breaker hear of failures of a plugin."""
    for _ in range(times):
        note_outcome(
            tenant_id=tenant.pk,
            plugin_id="task-manager",
            what="dvp_content_published",
            conduct=Conduct.FAILED,
            error="ConnectionError: db.internal refused",
        )


def test_a_plugin_that_the_breaker_paused_says_everything_and_one_click_resumes_it(
    member_of: SignIn, in_tenant: Tenant
) -> None:
    client = member_of(in_tenant, "admin")
    do(client, TASKS, "enable")
    for _ in range(3):
        event = Event.objects.create(type="record.published", actor="system:tests")
        new_delivery(event, "task-manager", "dvp_content_published").save()
    break_down(in_tenant)

    card = client.get(PLUGINS).content.decode()
    overview = text_of(client.get(TASKS))

    why = "5 runs in a row failed, the last of dvp_content_published: ConnectionError: db.internal refused."
    assert f"{why} 3 deliveries wait meanwhile." in card
    assert "Paused by the breaker since" in overview
    assert "Runs since the last success 5 failed" in overview
    assert "Paused by the breaker once" in overview
    assert "Tried again" in overview
    page = do(client, TASKS, "resume")
    assert "runs again" in page
    assert state_of("task-manager") == "enabled"
    assert 'id="trouble"' not in client.get(TASKS).content.decode()


def test_trouble_is_seen_before_it_leads_to_a_pause(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "admin")
    do(client, TASKS, "enable")

    break_down(in_tenant, times=2)

    overview = text_of(client.get(TASKS))
    assert "Runs since the last success 2 failed" in overview
    assert "Error ConnectionError: db.internal refused" in overview


def test_a_plugin_that_is_tried_again_says_so(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "admin")
    do(client, TASKS, "enable")
    break_down(in_tenant)
    PluginSettings.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    forget_tenant_plugins(in_tenant.pk)

    overview = text_of(client.get(TASKS))

    assert "its next run shows whether it works again" in overview
    assert "Tried again with its next run" in overview


def test_a_page_of_a_paused_plugin_says_that_it_will_be_back(member_of: SignIn, in_tenant: Tenant) -> None:
    client = member_of(in_tenant, "admin")
    do(client, TASKS, "enable")
    assert client.get("/admin/plugins/task-manager/").status_code == 200
    break_down(in_tenant)

    answer = client.get("/admin/plugins/task-manager/")

    assert answer.status_code == 503
    assert 20 < int(answer.headers["Retry-After"]) <= 40
    assert "Paused by the breaker since" in text_of(answer)
    assert "/admin/plugins/task-manager/" not in client.get(PLUGINS).content.decode()


def text_of(answer: Any) -> str:
    """Return a page's words, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
