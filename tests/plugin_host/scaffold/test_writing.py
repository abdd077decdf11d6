"""What `manage.py plugin new` writes: whole plugins, whatever is chosen, or nothing."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from plugin_host.discovery import find_candidates
from plugin_host.loading.trial import try_plugins
from plugin_host.scaffold import FEATURES, STYLES
from tests.plugin_host.scaffold.plugins import ALL, every_choice, write
from tests.servers import PROJECT

CHOICES = [(style, features) for style in STYLES for features in every_choice()]


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("plugin", "new", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    return str(error.value)


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_usual_plugin_has_all_that_plugins_have(tmp_path: Path) -> None:
    said = run("my-plugin", "--dest", str(tmp_path))

    assert files_in(tmp_path / "my-plugin") == [
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "src/my_plugin/__init__.py",
        "src/my_plugin/announcements.py",
        "src/my_plugin/client.py",
        "src/my_plugin/config.py",
        "src/my_plugin/migrations/0001_initial.py",
        "src/my_plugin/migrations/__init__.py",
        "src/my_plugin/models.py",
        "src/my_plugin/pages.py",
        "src/my_plugin/plugin.py",
        "src/my_plugin/py.typed",
        "src/my_plugin/routes.py",
        "src/my_plugin/templates/page.html",
        "tests/conftest.py",
        "tests/test_client.py",
        "tests/test_config.py",
        "tests/test_models.py",
        "tests/test_page.py",
        "tests/test_plugin.py",
        "tests/test_routes.py",
    ]
    assert [line for line in said.splitlines() if line.startswith("my-plugin/")] == [
        f"my-plugin/{name}" for name in files_in(tmp_path / "my-plugin")
    ]
    project = tomllib.loads((tmp_path / "my-plugin/pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"tenantry.plugins": {"my-plugin": "my_plugin:MyPlugin"}}
    assert project["dependencies"] == ["tenantry>=1.0.0,<2.0.0"]
    assert set(project["optional-dependencies"]) == {"all", "test"}


def test_what_to_do_next_are_commands(tmp_path: Path) -> None:
    said = run("my-plugin", "--dest", str(tmp_path))

    assert re.findall(r"^    (?:python manage.py )?(.*)", said, re.MULTILINE) == [
        f'pip install --editable "{tmp_path}/my-plugin[test]"',
        f"cd {tmp_path}/my-plugin && pytest",
        "pytest --plugin-contract my-plugin",
        "migrate",
        "plugin check my-plugin",
        "plugin config set my-plugin api_endpoint=https://example.com/ --tenant SLUG",
        "plugin secret set my-plugin api_token --tenant SLUG",
        "plugin enable my-plugin --tenant SLUG",
    ]


def test_the_smallest_plugin_has_a_hook_and_its_tests(tmp_path: Path) -> None:
    run("my-plugin", "--dest", str(tmp_path), "--with", "none")

    assert [name for name in files_in(tmp_path / "my-plugin") if name.endswith(".py")] == [
        "src/my_plugin/__init__.py",
        "src/my_plugin/announcements.py",
        "src/my_plugin/client.py",
        "src/my_plugin/config.py",
        "src/my_plugin/plugin.py",
        "tests/conftest.py",
        "tests/test_client.py",
        "tests/test_config.py",
        "tests/test_plugin.py",
    ]


def test_in_the_folder_of_plugins_it_is_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PLUGINS_DIR", tmp_path)

    run("my-plugin", "--dest", str(tmp_path), "--with", "none")

    assert [path.name for path in tmp_path.iterdir()] == ["my_plugin"]
    assert {"__init__.py", "tests/__init__.py", "README.md"} <= set(files_in(tmp_path / "my_plugin"))
    assert "pyproject.toml" not in files_in(tmp_path / "my_plugin")


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_what_is_there_already_is_left_alone(tmp_path: Path, there: str) -> None:
    target = tmp_path / "my-plugin"
    match there:
        case "folder":
            target.mkdir()
        case "file":
            target.touch()
        case "link":
            target.symlink_to("nowhere")

    assert f"{target} is there already" in refused("my-plugin", "--dest", str(tmp_path))

    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["MyPlugin"], "Try 'my-plugin'"),
        (["my-plugin", "--with", "route"], "There is no part 'route'. Did you mean 'routes'?"),
        (["my-plugin", "--with", "all,routes"], "There is no part 'all'."),
    ],
)
def test_what_is_not_understood_writes_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    assert said in refused(*arguments, "--dest", str(tmp_path))

    assert list(tmp_path.iterdir()) == []


def test_a_place_inside_a_plugin_is_refused() -> None:
    assert "lies inside a plugin" in refused("my-plugin", "--dest", str(PROJECT / "plugins/webhooks"))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "cannot be written" in refused("my-plugin", "--dest", str(tmp_path / "file"))


def test_every_choice_is_a_plugin_that_loads(tmp_path: Path) -> None:
    """All of them together, in one trial: imports, models, checks, `register`, routes, pages, OpenAPI."""
    for number, (style, features) in enumerate(CHOICES):
        write(tmp_path, f"choice-{number}", style=style, features=features, in_tree=True)

    verdict = try_plugins(find_candidates(tmp_path)[: len(CHOICES)], plugins_dir=tmp_path)

    assert [(failure.name, failure.message) for failure in verdict.failures] == []
    assert len(verdict.approved) == len(CHOICES) == 2 * 2 ** len(FEATURES)


def test_every_choice_is_formatted_and_linted(tmp_path: Path) -> None:
    projects, folders = tmp_path / "projects", tmp_path / "plugins"
    for number, (style, features) in enumerate(CHOICES):
        write(projects, f"choice-{number}", style=style, features=features)
        write(folders, f"choice-{number}", style=style, features=features, in_tree=True)

    # A project brings its own rules; a folder has to keep those of the installation.
    for options in ([str(projects)], ["--config", str(PROJECT / "pyproject.toml"), str(folders)]):
        for action in (["check"], ["format", "--diff"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *action, "--quiet", "--no-cache", *options],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["ab", "x" * 63], ids=["short", "long"])
def test_short_and_long_names_are_written_too(tmp_path: Path, name: str) -> None:
    for style in STYLES:
        for path in write(tmp_path / style, name, style=style, features=ALL).rglob("*.py"):
            ast.parse(path.read_text())
