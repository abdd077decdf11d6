from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from core.errors import Conflict
from core.models import Collection, Record
from core.services.collections import create_collection
from core.services.deleting import delete_with_related
from core.services.records import create_record, delete_record
from task_manager.models import Task
from tenants.services.members import add_member

pytestmark = pytest.mark.usefixtures("in_tenant")


@pytest.fixture
def posts() -> Collection:
    return create_collection(name="posts", schema={})


@pytest.fixture
def unmigrated_plugin() -> Iterator[None]:
    """The task manager's table is not there, as before its migrations were run."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ALTER TABLE plugin_task_manager_task RENAME TO not_made_yet")
        try:
            yield
        finally:
            owner.execute("ALTER TABLE not_made_yet RENAME TO plugin_task_manager_task")


def test_what_points_at_a_record_goes_with_it(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="One")
    user = add_member(email="one@example.org", role="editor").user
    Task.objects.create(user=user, record=record, title="Check it")

    delete_record(record_id=record.pk)

    assert not Record.objects.exists()
    assert not Task.objects.exists()


@pytest.mark.usefixtures("unmigrated_plugin")
def test_a_plugin_that_waits_for_its_migrations_keeps_no_record_alive(posts: Collection) -> None:
    record = create_record(collection="posts", data={}, title="One")

    delete_record(record_id=record.pk)

    assert not Record.objects.exists()


def test_a_protected_row_is_refused_by_name(posts: Collection) -> None:
    create_record(collection="posts", data={}, title="One")

    with pytest.raises(Conflict, match="cannot be deleted: it is still used by record"):
        delete_with_related(posts)

    assert Collection.objects.filter(pk=posts.pk).exists()
