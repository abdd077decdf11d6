"""Tidying up by the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.actors import system_actor
from core.scope import tenant_scope
from plugin_host.services import save_config
from plugin_host.testing.host import headers_of_new_member
from plugin_host.testing.types import RunDue, RunTask
from task_manager.models import Task
from tenants.models import Membership, Tenant


@pytest.fixture
def config() -> dict[str, Any]:
    return {"keep_completed_days": 30}


def make_task(tenant: Tenant, *, completed: bool, days: int) -> None:
    headers_of_new_member(tenant, role="editor")
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        user_id = Membership.objects.values_list("user_id", flat=True)[0]
        made = timezone.now() - timedelta(days=days)
        Task.objects.create(
            user_id=user_id, title=f"{completed} {days}", completed=completed, created_at=made
        )


def titles(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.pk):
        return sorted(Task.objects.values_list("title", flat=True))


def test_old_completed_tasks_are_deleted_and_no_others(
    tenant: Tenant, other_tenant: Tenant, run_task: RunTask
) -> None:
    for completed, days in ((True, 40), (True, 20), (False, 40)):
        make_task(tenant, completed=completed, days=days)
    make_task(other_tenant, completed=True, days=40)

    run = run_task("task-manager.tidy-up")

    assert (run.ended, run.data) == ("done", {"deleted": 1})
    assert titles(tenant) == ["False 40", "True 20"]
    assert titles(other_tenant) == ["True 40"]


def test_where_nobody_wants_it_nothing_is_scheduled(tenant: Tenant, run_due: RunDue) -> None:
    with tenant_scope(tenant.pk, slug=tenant.slug, actor=system_actor("tests")):
        save_config("task-manager", {})

    assert run_due(now=timezone.now() + timedelta(days=3)) == []
