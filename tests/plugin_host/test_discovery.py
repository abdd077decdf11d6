"""Folders and entry points that say they are plugins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from plugin_host.discovery import Candidate, find_candidates, put_on_path
from plugin_host.errors import PluginLoadError
from plugin_host.loading.app_config import import_package
from plugin_host.loading.loader import define_candidate


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path in which packages can be installed."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(folder: Path, points: str) -> None:
    info = folder / "sample-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tenantry.plugins]\n{points}\n")


def package(folder: Path, name: str, code: str = "") -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "__init__.py").write_text(code)
    return made


def found(name: str, plugins_dir: Path | None = None) -> Candidate:
    (candidate,) = (one for one in find_candidates(plugins_dir) if one.name == name)
    return candidate


def test_a_folder_is_a_candidate_under_its_own_name(tmp_path: Path) -> None:
    package(tmp_path, "shiny_things")

    candidate = found("shiny_things", tmp_path)

    assert candidate == Candidate(
        name="shiny_things", module="shiny_things", source="folder", path=tmp_path / "shiny_things"
    )


@pytest.mark.parametrize("name", [".git", "__pycache__", "_private", "empty", "notes"])
def test_other_folders_are_none(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    if name == "notes":
        (folder / "README.md").write_text("no code")
    elif name != "empty":
        (folder / "__init__.py").write_text("")

    assert [one for one in find_candidates(tmp_path) if one.source == "folder"] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-plugin", "rename it, for example to 'my_plugin'"),
        ("json", "a part of Python"),
        ("django", "installed already"),
    ],
)
def test_a_folder_that_cannot_be_imported_under_its_name_says_so(
    tmp_path: Path, name: str, message: str
) -> None:
    package(tmp_path, name)

    problem = found(name, tmp_path).problem

    assert problem is not None
    assert problem.stage == "discovery"
    assert message in problem.message


def test_a_missing_folder_of_plugins_has_none(tmp_path: Path) -> None:
    assert [one for one in find_candidates(tmp_path / "nowhere") if one.source == "folder"] == []


def test_installed_modules_come_before_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])

    put_on_path(tmp_path)
    put_on_path(tmp_path)

    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


def test_an_entry_point_names_a_package(site_packages: Path) -> None:
    package(site_packages, "sample_plugin_a")
    install(site_packages, "sample-a = sample_plugin_a")

    assert found("sample-a") == Candidate(
        name="sample-a",
        module="sample_plugin_a",
        source="entry point",
        path=site_packages / "sample_plugin_a",
    )


def test_an_entry_point_names_a_class_in_a_module_of_a_package(site_packages: Path) -> None:
    folder = package(site_packages, "sample_plugin_b")
    (folder / "plugin.py").write_text("")
    install(site_packages, "sample-b = sample_plugin_b.plugin:Sample")

    candidate = found("sample-b")

    assert (candidate.module, candidate.attribute) == ("sample_plugin_b", "Sample")


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("sample-c = sample_plugin_nowhere", "no module named 'sample_plugin_nowhere'"),
        ("Sample_C = sample_plugin_c", "cannot be a plugin's id"),
        ("sample-c = sample_file_c", "a single file"),
    ],
)
def test_an_entry_point_that_leads_nowhere_says_so(site_packages: Path, point: str, message: str) -> None:
    (site_packages / "sample_file_c.py").write_text("")
    install(site_packages, point)

    problem = found(point.partition(" ")[0]).problem

    assert problem is not None
    assert message in problem.message


def test_finding_a_plugin_imports_nothing(site_packages: Path) -> None:
    package(site_packages, "sample_plugin_d", "raise RuntimeError('imported')")
    install(site_packages, "sample-d = sample_plugin_d")

    assert found("sample-d").problem is None
    assert "sample_plugin_d" not in sys.modules


def test_an_entry_point_has_the_name_of_the_plugin(site_packages: Path) -> None:
    code = "PLUGIN_META = {'id': 'other', 'name': 'Other', 'version': '1.0'}\ndef register(ctx): pass\n"
    package(site_packages, "sample_plugin_e", code)
    install(site_packages, "sample-e = sample_plugin_e")
    candidate = found("sample-e")

    with pytest.raises(PluginLoadError, match="make them equal"):
        define_candidate(candidate, import_package(candidate))


def test_a_package_whose_name_another_module_answers_to_is_refused(tmp_path: Path) -> None:
    candidate = Candidate(name="core", module="core", source="folder", path=tmp_path / "core")

    with pytest.raises(PluginLoadError, match="belongs to another module"):
        import_package(candidate)
