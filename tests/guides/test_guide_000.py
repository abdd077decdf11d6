"""The plugin tutorial, carried out: its listings become a plugin, which is migrated, checked and tested."""

from __future__ import annotations

from pathlib import Path

from tests.guides.workplace import listings, workplace
from tests.servers import PROJECT

TUTORIAL = PROJECT / "docs/plugins/tutorial.md"


def test_the_tutorial_makes_a_plugin_that_works(tmp_path: Path) -> None:
    files = listings(TUTORIAL)
    assert sorted(files) == [
        "task_manager/__init__.py",
        "task_manager/hooks.py",
        "task_manager/models.py",
        "task_manager/routes.py",
        "task_manager/templates/page.html",
        "task_manager/tests/test_routes.py",
    ]
    with workplace(tmp_path, "tenantry_guide_000", is_migrated=False) as author:
        author.write({**files, "task_manager/migrations/__init__.py": ""})

        made = author.manage("makemigrations", "plugin_task_manager", owner=True)
        assert "Create model Task" in made
        assert (author.plugins / "task_manager/migrations/0001_initial.py").exists()

        author.manage("prepare", owner=True)
        assert "task-manager" in author.manage("plugin", "check")
        assert author.test_results() == {
            "task_manager::test_list_tasks_requires_auth": "",
            "task_manager::test_create_task": "",
        }
