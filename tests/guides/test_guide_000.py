"""The plugin tutorial, carried out: its listings become a plugin, which is migrated, checked and tested.

Everything happens in processes of their own, in a folder and a database of their own, as an author would do it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.servers import PREFIX, PROJECT, database_urls

TUTORIAL = PROJECT / "docs/plugins/tutorial.md"
DATABASE = "tenantry_guide_000"
_LISTING = re.compile(r"```\w+\n(?:# |<!-- )plugins/(\S+)(?: -->)?\n(.*?)```", re.DOTALL)
# What an installation of one's own has in its conftest.py.
_CONFTEST = 'pytest_plugins = ["plugin_host.testing"]\n'


class Workplace:
    """An author's folder with the tutorial's plugin in it, and a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plugins = folder / "plugins"

    def write_listings(self) -> list[str]:
        """Write each listing that names a file; return the names."""
        found = dict(_LISTING.findall(TUTORIAL.read_text()))
        for name, text in {**found, "task_manager/migrations/__init__.py": ""}.items():
            path = self.plugins / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.folder / "conftest.py").write_text(_CONFTEST)
        return sorted(found)

    def manage(self, *arguments: str, owner: bool = False) -> str:
        return self._run(str(PROJECT / "manage.py"), *arguments, owner=owner)

    def pytest(self, *arguments: str) -> str:
        options = ["--rootdir", str(self.folder), "-c", os.devnull, "-p", "no:cacheprovider", "-q"]
        return self._run(
            "-m", "pytest", *options, "--confcutdir", str(self.folder), "-o", "asyncio_mode=auto", *arguments
        )

    def _run(self, *arguments: str, owner: bool = False) -> str:
        environment = {
            **os.environ,
            **database_urls(Path(os.environ["TENANTRY_TEST_SOCKETS"]), DATABASE),
            "PLUGINS_DIR": str(self.plugins),
            "PYTHONPATH": str(PROJECT),
            "DJANGO_SETTINGS_MODULE": "cms_project.settings",
            "TENANTRY_DB_ROLE": "owner" if owner else "",
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        return output


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    database = sql.Identifier(DATABASE)
    with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(f"{PREFIX}_owner"))
        )
        yield Workplace(tmp_path_factory.mktemp("author"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


def test_the_tutorial_makes_a_plugin_that_works(workplace: Workplace) -> None:
    assert workplace.write_listings() == [
        "task_manager/__init__.py",
        "task_manager/hooks.py",
        "task_manager/models.py",
        "task_manager/routes.py",
        "task_manager/templates/page.html",
        "task_manager/tests/test_routes.py",
    ]

    made = workplace.manage("makemigrations", "plugin_task_manager", owner=True)
    assert "Create model Task" in made
    assert (workplace.plugins / "task_manager/migrations/0001_initial.py").exists()

    workplace.manage("prepare", owner=True)
    assert "task-manager" in workplace.manage("plugin", "check")
    assert "2 passed" in workplace.pytest(str(workplace.plugins / "task_manager"))
