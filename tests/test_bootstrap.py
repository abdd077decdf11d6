"""`bootstrap.py` against interpreters that only pretend: shell scripts in temporary folders."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bootstrap

PROJECT = Path(__file__).resolve().parents[1]

# Answers the probe, makes environments that hold a copy of itself, and writes down everything it was asked to do.
FAKE_PYTHON = """#!/bin/sh
PATH=/bin:/usr/bin
case "$*" in
  *version_info*) echo '[[{major}, {minor}], "{path}", {complete}]'; exit {status};;
esac
echo "{name} $*" >> "{log}"
if [ "$2" = venv ]; then
  for folder in "$@"; do :; done
  rm -rf "$folder"; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python"
  : > "$folder/pyvenv.cfg"; : > "$folder/bin/pip"
fi
"""
FAKE_UV = """#!/bin/sh
PATH=/bin:/usr/bin
echo "uv $*" >> "{log}"
if [ "$1" = venv ]; then
  for folder in "$@"; do :; done
  mkdir -p "$folder/bin"; : > "$folder/bin/python"; chmod +x "$folder/bin/python"; : > "$folder/pyvenv.cfg"
fi
if [ "$1" = pip ]; then exit {status}; fi
"""
FakePython = Callable[..., Path]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def fake_python(tmp_path: Path, log: Path) -> FakePython:
    def make(path: Path, version: str, *, complete: bool = True, status: int = 0) -> Path:
        major, minor = version.split(".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            FAKE_PYTHON.format(
                major=major,
                minor=minor,
                path=path,
                name=path.name,
                complete=json.dumps(complete),
                log=log,
                status=status,
            )
        )
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with requirements and nothing else."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "requirements.txt").write_text("django==5.2 --hash=sha256:00\n")
    (root / "requirements-dev.txt").write_text("django==5.2 --hash=sha256:00\npytest==9 --hash=sha256:00\n")
    return root


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any usable Python: an old one runs the file, PATH and home are empty."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (
        "PYTHON",
        "PYENV_ROOT",
        "ASDF_DATA_DIR",
        "MISE_DATA_DIR",
        "UV_PYTHON_INSTALL_DIR",
        "XDG_DATA_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere" / "python3"))
    system = bootstrap.candidates
    ours = ("/opt/homebrew", "/usr/")
    monkeypatch.setattr(bootstrap, "candidates", lambda: (p for p in system() if not p.startswith(ours)))
    return home


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_python_on_the_path_is_found(tmp_path: Path, fake_python: FakePython, version: str) -> None:
    path = fake_python(tmp_path / "bin" / f"python{version}", version)

    assert bootstrap.find_python()[0] == str(path)


def test_plain_python3_on_the_path_is_found(tmp_path: Path, fake_python: FakePython) -> None:
    path = fake_python(tmp_path / "bin" / "python3", "3.12")

    assert bootstrap.find_python() == (str(path), (3, 12), True)


@pytest.mark.parametrize(
    "place",
    [
        ".pyenv/versions/3.13.0",
        ".asdf/installs/python/3.13.1",
        ".local/share/mise/installs/python/3.13.2",
        ".local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu",
    ],
)
def test_old_python_on_the_path_sends_the_search_to_the_version_managers(
    tmp_path: Path, bare_machine: Path, fake_python: FakePython, place: str
) -> None:
    fake_python(tmp_path / "bin" / "python3", "3.11")
    path = fake_python(bare_machine / place / "bin" / "python3.13", "3.13")

    assert bootstrap.find_python()[0] == str(path)


def test_version_managers_variables_are_followed(
    tmp_path: Path, fake_python: FakePython, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "elsewhere"))
    path = fake_python(tmp_path / "elsewhere" / "versions" / "3.12.9" / "bin" / "python3.12", "3.12")

    assert bootstrap.find_python()[0] == str(path)


def test_newest_patch_of_the_preferred_version_wins(bare_machine: Path, fake_python: FakePython) -> None:
    for version in ("3.12.11", "3.13.2", "3.13.10", "3.14.0"):
        minor = version.rsplit(".", 1)[0]
        fake_python(bare_machine / ".pyenv/versions" / version / "bin" / f"python{minor}", minor)

    assert "3.13.10" in bootstrap.find_python()[0]


def test_shim_without_a_version_is_passed_over(
    tmp_path: Path, bare_machine: Path, fake_python: FakePython
) -> None:
    shim = tmp_path / "bin" / "python3.13"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    path = fake_python(bare_machine / ".pyenv/versions/3.12.1/bin/python3.12", "3.12")

    assert bootstrap.find_python()[0] == str(path)


def test_python_that_was_named_comes_first(
    tmp_path: Path, fake_python: FakePython, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")
    named = fake_python(tmp_path / "named" / "python", "3.12")
    monkeypatch.setenv("PYTHON", str(named))

    assert bootstrap.find_python()[0] == str(named)


def test_python_without_venv_counts_only_where_uv_is(tmp_path: Path, fake_python: FakePython) -> None:
    path = fake_python(tmp_path / "bin" / "python3.13", "3.13", complete=False)

    with pytest.raises(bootstrap.BootstrapError, match=r"apt install python3\.13-venv"):
        bootstrap.find_python()
    assert bootstrap.find_python(uv="/somewhere/uv") == (str(path), (3, 13), False)


@pytest.mark.parametrize("version", ["2.7", "3.11", "3.15"])
def test_nothing_that_fits_is_said_in_one_line(
    tmp_path: Path,
    project: Path,
    fake_python: FakePython,
    version: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_python(tmp_path / "bin" / "python3", version)

    assert bootstrap.main([], root=str(project)) == 1

    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"no Python 3.12, 3.13 or 3.14 found (looked at: {version})" in message
    assert not (project / ".venv").exists()


def test_first_run_installs_with_hashes_and_the_second_does_nothing(
    tmp_path: Path, project: Path, fake_python: FakePython, log: Path
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")

    assert bootstrap.main([], root=str(project)) == 0
    first = log.read_text()
    assert bootstrap.main([], root=str(project)) == 0

    assert "-m venv --clear" in first
    assert "--require-hashes -r" in first
    assert "--compile" in first
    assert log.read_text() == first


def test_changed_requirements_are_installed_again(
    tmp_path: Path, project: Path, fake_python: FakePython, log: Path
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")
    bootstrap.main([], root=str(project))
    log.write_text("")
    (project / "requirements.txt").write_text("django==5.2.1 --hash=sha256:00\n")

    assert bootstrap.main([], root=str(project)) == 0

    assert "pip install" in log.read_text()
    assert "venv --clear" not in log.read_text()


def test_development_environment_serves_a_run_without_another_installation(
    tmp_path: Path, project: Path, fake_python: FakePython, log: Path
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")
    bootstrap.main(["requirements-dev.txt"], root=str(project))
    log.write_text("")

    assert bootstrap.main(["requirements.txt"], root=str(project)) == 0

    assert log.read_text() == ""


def test_environment_whose_python_was_removed_is_made_again(
    tmp_path: Path, project: Path, fake_python: FakePython, log: Path
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")
    bootstrap.main([], root=str(project))
    python = project / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "removed" / "python3.13")
    log.write_text("")

    assert bootstrap.main([], root=str(project)) == 0

    assert "-m venv --clear" in log.read_text()


def test_installation_that_broke_off_is_not_taken_for_finished(
    tmp_path: Path, project: Path, fake_python: FakePython, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")

    def fail(*arguments: object) -> None:
        raise bootstrap.BootstrapError("no network")

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install", fail)
        assert bootstrap.main([], root=str(project)) == 1
    assert not (project / ".venv" / "tenantry-stamp.json").exists()

    assert bootstrap.main([], root=str(project)) == 0
    assert (project / ".venv" / "tenantry-stamp.json").exists()


def test_example_plugin_is_installed_from_its_folder_without_network(
    tmp_path: Path, project: Path, fake_python: FakePython, log: Path
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")
    example = project / "examples" / "reading-time"
    example.mkdir(parents=True)
    (example / "pyproject.toml").write_text("[project]\nname = 'reading-time'\n")

    assert bootstrap.main([], root=str(project)) == 0

    assert f"--no-index --no-deps --no-build-isolation --editable {example}" in log.read_text()


def make_uv(folder: Path, log: Path, *, status: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / "uv"
    path.write_text(FAKE_UV.format(log=log, status=status))
    path.chmod(0o755)


def test_uv_installs_where_it_is(tmp_path: Path, project: Path, fake_python: FakePython, log: Path) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")
    make_uv(tmp_path / "bin", log)

    assert bootstrap.main([], root=str(project)) == 0

    assert "uv pip install --quiet --compile-bytecode --require-hashes" in log.read_text()
    assert "-m pip" not in log.read_text()


def test_pip_installs_where_uv_fails(
    tmp_path: Path, project: Path, fake_python: FakePython, log: Path
) -> None:
    fake_python(tmp_path / "bin" / "python3.13", "3.13")
    make_uv(tmp_path / "bin", log, status=2)

    assert bootstrap.main([], root=str(project)) == 0

    assert "-m pip install" in log.read_text()


def test_uv_makes_the_environment_for_a_python_without_venv(
    tmp_path: Path, project: Path, fake_python: FakePython, log: Path
) -> None:
    python = fake_python(tmp_path / "bin" / "python3.13", "3.13", complete=False)
    make_uv(tmp_path / "bin", log)

    assert bootstrap.main([], root=str(project)) == 0

    assert f"--python {python}" in log.read_text()


@pytest.mark.parametrize("arguments", [["a", "b"], ["--help"]])
def test_wrong_arguments_are_answered_with_the_usage(
    project: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(arguments, root=str(project)) == 1

    assert "usage: python3 bootstrap.py" in capsys.readouterr().err


def test_missing_requirements_file_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["other.txt"], root=str(project)) == 1

    assert "there is no file other.txt" in capsys.readouterr().err


def test_file_is_readable_for_python_3_6() -> None:
    ast.parse((PROJECT / "bootstrap.py").read_text(), feature_version=(3, 6))


def test_real_interpreter_answers_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    python = os.path.join(sys.prefix, "bin", "python3")  # noqa: PTH118  # as bootstrap writes paths

    found = bootstrap.probe(python)

    assert found is not None
    version, executable, _ = found
    assert version == sys.version_info[:2]
    # Not the environment's own: that one may be replaced.
    assert (
        subprocess.check_output([executable, "-c", "import sys; print(sys.prefix == sys.base_prefix)"])
        == b"True\n"
    )
