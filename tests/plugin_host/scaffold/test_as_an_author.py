"""What an author does with a new plugin: an empty virtual environment, Tenantry's wheel, and the plugin's own checks.

Tenantry is built and installed as a package; what it depends on comes from this project's locked environment, through
a `.pth` file, because downloading it again would prove nothing about Tenantry.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.plugin_host.scaffold.plugins import write
from tests.servers import PROJECT

NAMES = ("author-class", "author-function")
PACKAGES = ("cms_project", "core", "tenants", "plugin_host", "plugins", "templates")
FOREIGN_TEST = """
import sys

import pytest


def test_nothing_of_tenantry_is_here(request):
    assert [name for name in sys.modules if name.startswith(("plugin_host.testing", "cms_project", "tenants"))] == []
    for name in ("tenant", "make_content", "http_peer", "secrets", "clock"):
        with pytest.raises(pytest.FixtureLookupError):
            request.getfixturevalue(name)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Somebody with a virtual environment and two plugins, one in each style, which have every part."""

    home: Path
    python: Path

    def project(self, name: str) -> Path:
        return self.home / name

    def run(self, folder: Path, *arguments: str) -> str:
        """Run a module of the environment in a folder; it must end well. Return what it says."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            [str(self.python), "-m", *arguments],
            cwd=folder,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def check_types(self) -> list[str]:
        """Check the types of both plugins; the second time most is known."""
        options = ["--strict", f"--cache-dir={self.home / 'mypy'}", "src", "tests"]
        return [self.run(self.project(name), "mypy", *options) for name in NAMES]


def copy_of_tenantry(target: Path) -> Path:
    """Copy what the wheel is made of: building leaves files beside what it builds."""
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(PROJECT / name, target / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, target / name)
    return target


def install(python: Path, *what: str) -> None:
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", *options, *what],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Author:
    home = tmp_path_factory.mktemp("author")
    venv.create(home / "venv", symlinks=True)
    python = home / "venv/bin/python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home / "venv")}))
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install(python, str(copy_of_tenantry(home / "tenantry")))
    for name in NAMES:
        install(python, "--editable", str(write(home, name, style=name.removeprefix("author-"))))
    return Author(home=home, python=python)


def test_a_new_plugin_passes_all_its_checks(author: Author) -> None:
    """Its tests, the contract, `mypy --strict` and ruff; the type checks run beside the tests."""
    first, second = (author.project(name) for name in NAMES)
    # Named together, the tests and the contract are one run.
    contract = [part for name in NAMES for part in ("--plugin-contract", name)]

    with ThreadPoolExecutor(1) as beside:
        typed = beside.submit(author.check_types)
        assert "25 passed" in author.run(first, "pytest", "-q")
        assert "49 passed" in author.run(second, "pytest", "-q", *contract, "tests")
        assert all("no issues found" in said for said in typed.result())

    for project in (first, second):
        author.run(project, "ruff", "check")
        author.run(project, "ruff", "format", "--check")


def test_pytest_elsewhere_knows_nothing_of_it(author: Author, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "foreign"\nversion = "1"\n')
    (tmp_path / "test_foreign.py").write_text(FOREIGN_TEST)

    quiet = ["-o", "asyncio_default_fixture_loop_scope=function"]
    assert "1 passed" in author.run(tmp_path, "pytest", "-q", "-W", "error", *quiet)
