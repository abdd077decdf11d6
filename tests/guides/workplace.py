"""An author's workplace: the listings of a page as files, a database, and the commands that an author gives.

Everything runs in processes of its own, in a folder of its own, as an author would do it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import psycopg
from psycopg import sql

from tests.servers import PREFIX, PROJECT, clone_database, given_database

# A listing whose first line is a comment with a path is that file.
_LISTING = re.compile(r"```\w+\n(?:# |<!-- )(?:plugins/)?([\w./-]+\.\w+)(?: -->)?\n(.*?)```", re.DOTALL)
# What an installation of one's own has in its conftest.py.
_CONFTEST = 'pytest_plugins = ["plugin_host.testing"]\n'


def listings(page: Path) -> dict[str, str]:
    """Return the files that a page lists, by their paths below `plugins/`.

    Raises:
        ValueError: where a path is listed twice: a reader would not know which one is meant.
    """
    found: dict[str, str] = {}
    for name, text in _LISTING.findall(page.read_text()):
        if name in found:
            raise ValueError(f"{page} lists {name} twice.")
        found[name] = text
    return found


class Workplace:
    """A folder with plugins in it, and a database."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.plugins = folder / "plugins"
        self._database = database

    def write(self, files: dict[str, str]) -> None:
        """Write files below `plugins/`."""
        for name, text in files.items():
            path = self.plugins / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.folder / "conftest.py").write_text(_CONFTEST)

    def manage(self, *arguments: str, owner: bool = False) -> str:
        """Run a management command, which must succeed, and return what it says."""
        done = self.run(str(PROJECT / "manage.py"), *arguments, owner=owner)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pytest with the fixtures for plugins, whatever comes of it."""
        options = ["--rootdir", str(self.folder), "-c", os.devnull, "-p", "no:cacheprovider", "-q"]
        options += ["--confcutdir", str(self.folder), "-o", "asyncio_mode=auto", "--import-mode=importlib"]
        return self.run("-m", "pytest", *options, *arguments)

    def test_results(self) -> dict[str, str]:
        """Run all tests of all plugins; return what went wrong (or nothing) by plugin and test: `pages::test_x`."""
        report = self.folder / "report.xml"
        done = self.pytest(str(self.plugins), "--junitxml", str(report), "-o", "junit_family=xunit1")
        assert report.exists(), done.stdout + done.stderr
        results = {}
        for case in ET.parse(report).iter("testcase"):
            plugin = Path(case.get("file", "")).relative_to("plugins").parts[0]
            trouble = [part for part in case if part.tag in ("failure", "error", "skipped")]
            results[f"{plugin}::{case.get('name')}"] = "\n".join(part.text or part.tag for part in trouble)
        return results

    def contract_results(self, plugins: Iterable[str], *options: str) -> dict[str, dict[str, str]]:
        """Hold plugins to the contract; return what was said of each contract that is not kept: plugin -> contract."""
        report = self.folder / "contract.xml"
        wanted = [part for plugin in plugins for part in ("--plugin-contract", plugin)]
        done = self.pytest("-p", "plugin_host.pytest_plugin", *wanted, *options, "--junitxml", str(report))
        assert report.exists(), done.stdout + done.stderr
        results: dict[str, dict[str, str]] = {}
        for case in ET.parse(report).iter("testcase"):
            contract, _, plugin = case.get("name", "").rstrip("]").partition("[")
            trouble = [
                f"{part.get('message')}\n{part.text}" for part in case if part.tag in ("failure", "error")
            ]
            results.setdefault(plugin, {})[contract] = "\n".join(trouble)
        return results

    def run(self, *arguments: str, owner: bool = False) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments, whatever comes of it."""
        environment = {
            **os.environ,
            **given_database(self._database),
            "PLUGINS_DIR": str(self.plugins),
            "PYTHONPATH": str(PROJECT),
            "DJANGO_SETTINGS_MODULE": "cms_project.settings",
            "TENANTRY_DB_ROLE": "owner" if owner else "",
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def workplace(folder: Path, database: str, *, is_migrated: bool) -> Iterator[Workplace]:
    """Make a workplace whose database ends with the block.

    Args:
        is_migrated: Whether the database begins with the tables of the CMS and the bundled plugins, or empty.
    """
    name = sql.Identifier(database)
    with psycopg.connect(os.environ["TENANTRY_TEST_ADMIN_DSN"], autocommit=True) as connection:
        if is_migrated:
            clone_database(database)
        else:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(f"{PREFIX}_owner"))
            )
        yield Workplace(folder, database)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
