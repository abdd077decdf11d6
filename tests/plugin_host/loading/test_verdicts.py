"""Verdicts are kept by the hash of the code: a start that finds its verdict tries nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from plugin_host.discovery import Candidate
from plugin_host.loading import trial, verdicts
from plugin_host.loading.verdicts import ApprovedPlugin, Verdict, verdict_for
from tests.plugin_host.loading.trials import plugins_folder


class Trials:
    """Counts trials instead of starting processes."""

    def __init__(self) -> None:
        self.count = 0
        self.is_kept = True
        self.is_certain = True

    def __call__(self, candidates: Sequence[Candidate], *, plugins_dir: Path) -> Verdict:
        self.count += 1
        approved = tuple(
            ApprovedPlugin(id=one.name.replace("_", "-"), candidate=one)
            for one in candidates
            if not one.problem
        )
        failures = tuple(trial._undiscovered(one) for one in candidates if one.problem)
        return Verdict(approved=approved, failures=failures, is_kept=self.is_kept, is_certain=self.is_certain)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Trials:
    made = Trials()
    monkeypatch.setattr(trial, "try_plugins", made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return plugins_folder(tmp_path / "plugins", ["good_neighbour", "no_package"])


def test_a_known_verdict_is_not_made_again(trials: Trials, folder: Path, tmp_path: Path) -> None:
    first = verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")
    second = verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    assert trials.count == 1
    assert second == first
    assert "good-neighbour" in [plugin.id for plugin in second.approved]
    assert [failure.name for failure in second.failures] == ["no_package"]


@pytest.mark.parametrize("file", ["__init__.py", "models.py", "new_module.py"])
def test_changed_code_is_tried(trials: Trials, folder: Path, tmp_path: Path, file: str) -> None:
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    with (folder / "good_neighbour" / file).open("a") as code:
        code.write("\n# changed\n")
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    assert trials.count == 2


def test_a_plugin_that_comes_or_goes_is_tried(trials: Trials, folder: Path, tmp_path: Path) -> None:
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")
    plugins_folder(folder, ["newer_core"])
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")
    shutil.rmtree(folder / "newer_core")
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    assert trials.count == 2  # the last state is the first one again


def test_asked_for_a_fresh_one_it_tries_again(trials: Trials, folder: Path, tmp_path: Path) -> None:
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var", fresh=True)

    assert trials.count == 2


def test_a_verdict_about_a_host_that_does_not_start_is_not_kept(
    trials: Trials, folder: Path, tmp_path: Path
) -> None:
    trials.is_kept = False
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    assert trials.count == 2


def test_an_uncertain_verdict_is_believed_for_a_while(trials: Trials, folder: Path, tmp_path: Path) -> None:
    trials.is_certain = False
    for _ in range(2):
        verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")
    assert trials.count == 1

    (kept,) = (tmp_path / "var" / "plugins").glob("*.json")
    long_ago = kept.stat().st_mtime - 2 * 3600
    os.utime(kept, (long_ago, long_ago))
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    assert trials.count == 2


def test_a_folder_that_others_can_write_to_is_not_believed(
    trials: Trials, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "var"
    in_the_way.write_text("no folder")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    private = tmp_path / f"tenantry-{os.getuid()}"
    private.mkdir()
    private.chmod(0o777)

    for _ in range(2):
        verdict_for(plugins_dir=folder, var_dir=in_the_way)

    assert trials.count == 2
    assert list(private.iterdir()) == []


def test_a_damaged_verdict_is_made_again(
    trials: Trials, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")
    (kept,) = (tmp_path / "var" / "plugins").glob("*.json")
    kept.write_text('{"approved": [{}]}')

    verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    assert trials.count == 2
    assert "tried again" in caplog.text


def test_without_a_writable_folder_the_temporary_one_serves(
    trials: Trials, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "var"
    in_the_way.write_text("no folder")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))

    for _ in range(2):
        verdict_for(plugins_dir=folder, var_dir=in_the_way)

    assert trials.count == 1


def test_without_any_writable_folder_plugins_are_tried_each_time(
    trials: Trials,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    in_the_way = tmp_path / "var"
    in_the_way.write_text("no folder")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(in_the_way))

    for _ in range(2):
        verdict_for(plugins_dir=folder, var_dir=in_the_way)

    assert trials.count == 2
    assert "tried at every start" in caplog.text


def test_old_verdicts_are_cleared_away(
    trials: Trials, folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(verdicts, "_KEPT_FILES", 2)
    for number in range(4):
        (folder / "good_neighbour" / "__init__.py").write_text(f"# {number}")
        verdict_for(plugins_dir=folder, var_dir=tmp_path / "var")

    assert len(list((tmp_path / "var" / "plugins").glob("*.json"))) == 2
