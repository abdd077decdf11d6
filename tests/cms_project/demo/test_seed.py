from __future__ import annotations

import secrets
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cms_project import demo
from cms_project.demo import seed
from cms_project.demo.content import FOLDER
from cms_project.demo.plugins import switch_on
from cms_project.demo.tenants import PASSWORD, TENANTS, DemoPlugin
from core.errors import Conflict
from core.models import Event, PublishedSnapshot
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from tenants.models import Domain, Membership, Tenant


@pytest.fixture
def own_demo(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The demo under names of this test's own, since tenants are for ever."""
    names = [f"d{secrets.token_hex(5)}" for _ in TENANTS]
    contents = [demo_tenant.slug for demo_tenant in TENANTS]
    tenants = tuple(replace(demo_tenant, slug=name) for demo_tenant, name in zip(TENANTS, names, strict=True))
    monkeypatch.setattr(seed, "TENANTS", tenants)
    folder = dict(zip(names, contents, strict=True))
    monkeypatch.setattr(seed, "content_folder", lambda slug: FOLDER / folder[slug])
    return names


def test_seed_makes_tenants_people_articles_and_plugins(own_demo: list[str]) -> None:
    out = StringIO()

    seed.seed_demo(out)

    for slug in own_demo:
        with platform_scope(PlatformWork.TENANT_DIRECTORY):
            tenant = Tenant.objects.get(slug=slug)
        with tenant_scope(tenant.pk, slug=slug):
            assert tenant.accent_color
            assert list(Domain.objects.values_list("host", "is_primary")) == [(f"{slug}.localhost", True)]
            assert sorted(Membership.objects.values_list("role", flat=True)) == ["editor", "owner"]
            assert PublishedSnapshot.objects.filter(collection_name="articles").count() == 12
            assert Event.objects.filter(type="plugin.enabled").exists()
    assert "stays off: " not in out.getvalue().replace("The plugin reading-time stays off: ", "")


def test_seed_refuses_where_a_tenant_is_there(own_demo: list[str]) -> None:
    seed.seed_demo(StringIO())

    with pytest.raises(Conflict, match="for an empty installation"):
        seed.seed_demo(StringIO())


def test_plugin_that_is_not_installed_stays_off_and_is_named(in_tenant: Tenant) -> None:
    out = StringIO()

    switch_on([DemoPlugin(plugin_id="no-such-plugin")], out)

    assert out.getvalue().startswith("The plugin no-such-plugin stays off: ")


def test_demo_command_refuses_where_debug_is_off() -> None:
    with pytest.raises(CommandError, match="--force"):
        call_command("demo")


def test_sign_ins_name_host_account_and_password() -> None:
    lines = demo.sign_ins()

    assert PASSWORD in lines[0]
    assert "acme.localhost/admin/  owner@acme.example, editor@acme.example" in lines
