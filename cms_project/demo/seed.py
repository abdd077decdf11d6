"""Fills an empty installation with two tenants, so that there is something to look at."""

from __future__ import annotations

from typing import Final, TextIO

from cms_project.demo.content import content_folder, seed_content
from cms_project.demo.plugins import switch_on
from cms_project.demo.tenants import OPERATOR, PASSWORD, TENANTS, DemoTenant
from core.actors import system_actor
from core.errors import Conflict
from core.platform_work import PlatformWork
from core.scope import platform_scope, tenant_scope
from tenants.models import Role, Tenant
from tenants.services.directory import create_tenant, update_tenant
from tenants.services.members import add_member
from tenants.services.people import make_operator, set_password

SEEDER: Final = system_actor("demo")


def seed_demo(stdout: TextIO) -> None:
    """Make the demo's tenants, people, articles and plugin settings.

    Raises:
        Conflict: One of the tenants is there already; nothing was changed.
    """
    with platform_scope(PlatformWork.SEED_DEMO, actor=SEEDER):
        _require_absent()
        make_operator(email=OPERATOR, password=PASSWORD, name="Operator")
        for demo in TENANTS:
            tenant = create_tenant(
                slug=demo.slug, name=demo.name, plan=demo.plan, time_zone=demo.time_zone, hosts=[demo.host]
            )
            with tenant_scope(tenant.pk, slug=tenant.slug, actor=SEEDER):
                _fill(demo, stdout)


def _require_absent() -> None:
    there = sorted(
        Tenant.objects.filter(slug__in=[demo.slug for demo in TENANTS]).values_list("slug", flat=True)
    )
    if there:
        raise Conflict(f"The demo is for an empty installation; there is {' and '.join(there)} already.")


def _fill(demo: DemoTenant, stdout: TextIO) -> None:
    update_tenant(changes={"tagline": demo.tagline, "accent_color": demo.accent_color})
    for email, role, name in (
        (demo.owner, Role.OWNER, "Olivia Owner"),
        (demo.editor, Role.EDITOR, "Edgar Editor"),
    ):
        set_password(user=add_member(email=email, role=role, name=name).user, password=PASSWORD)
    switch_on([plugin for plugin in demo.plugins if plugin.before_content], stdout)
    count = seed_content(
        folder=content_folder(demo.slug),
        articles_title=demo.articles_title,
        articles_description=demo.articles_description,
    )
    # Afterwards, so that nobody is told of articles that were never news.
    switch_on([plugin for plugin in demo.plugins if not plugin.before_content], stdout)
    stdout.write(f"{demo.name}: {count} articles, {demo.owner} and {demo.editor}.\n")
