"""The plugin's page in the admin."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.services import disable_plugin
from plugin_host.testing.host import PluginEnabled
from task_manager.models import Task
from tenants.models import Tenant, User
from tenants.services.members import add_member, remove_member
from tests.admin_people import client_at, make_person, signed_in_client

PAGE = "/admin/plugins/task-manager/"


@pytest.fixture
def owner(tenant: Tenant, plugin_enabled: PluginEnabled) -> User:
    plugin_enabled("task-manager", tenant)
    return make_person(tenant=tenant)


@pytest.fixture
def browser(tenant: Tenant, owner: User) -> Client:
    return signed_in_client(owner, f"{tenant.slug}.test")


def add_tasks(tenant: Tenant, user: User, *titles: str) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        for title in titles:
            Task.objects.create(user=user, title=title)


def test_it_lists_everybodys_tasks(tenant: Tenant, owner: User, browser: Client) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        other = add_member(email=f"other@{tenant.slug}.example", role="editor").user
    add_tasks(tenant, owner, "Write docs")
    add_tasks(tenant, other, "Read <docs>")

    page = browser.get(PAGE).content.decode()

    assert "Write docs" in page
    assert owner.email in page
    assert "Read &lt;docs&gt;" in page
    assert other.email in page


def test_tasks_of_people_who_have_left_stay_in_the_list(tenant: Tenant, owner: User, browser: Client) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        membership = add_member(email=f"gone@{tenant.slug}.example", role="editor")
        Task.objects.create(user=membership.user, title="Hand over")
        remove_member(member_id=membership.pk)

    page = browser.get(PAGE).content.decode()

    assert "Hand over" in page
    assert "former member" in page
    assert "gone@" not in page


def test_without_tasks_it_says_so(browser: Client) -> None:
    assert "No tasks yet." in browser.get(PAGE).content.decode()


def test_three_tasks_cost_as_many_queries_as_one(tenant: Tenant, owner: User, browser: Client) -> None:
    counts = []
    for titles in (("One",), ("Two", "Three")):
        add_tasks(tenant, owner, *titles)
        browser.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            browser.get(PAGE)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_others_do_not_see_it(
    tenant: Tenant, owner: User, other_tenant: Tenant, plugin_enabled: PluginEnabled
) -> None:
    add_tasks(tenant, owner, "Write docs")
    plugin_enabled("task-manager", other_tenant)
    theirs = signed_in_client(make_person(tenant=other_tenant), f"{other_tenant.slug}.test")

    assert "Write docs" not in theirs.get(PAGE).content.decode()
    assert client_at(f"{tenant.slug}.test").get(PAGE).status_code == 302


def test_it_is_not_there_while_the_plugin_is_off(tenant: Tenant, browser: Client) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        disable_plugin("task-manager")

    assert browser.get(PAGE).status_code == 404
