"""What type-checks against the SDK, and what does not, as an author's `mypy --strict` sees it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
_ERROR = re.compile(r"[^:]+:(\d+): error: .*\[([a-z-]+)\]$")
_MARK = re.compile(r"# E: ([a-z-]+)")


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy learnt of the SDK in the test before."""
    return tmp_path_factory.mktemp("mypy")


def mypy_errors(name: str, cache: Path) -> list[tuple[int, str]]:
    # Without the project's configuration and its Django plugin: authors need neither for the SDK's modules.
    report, problems, _ = api.run(
        [
            "--strict",
            "--config-file=",
            f"--cache-dir={cache}",
            "--follow-imports=silent",
            str(FOLDER / name),
        ]
    )
    assert problems == ""
    found = [_ERROR.match(line) for line in report.splitlines() if ": error: " in line]
    assert None not in found, report
    return [(int(match[1]), match[2]) for match in found if match]


def test_plugins_that_must_type_check_do(cache: Path) -> None:
    assert mypy_errors("accepted_plugins.py", cache) == []


def test_mistakes_do_not_type_check(cache: Path) -> None:
    lines = (FOLDER / "refused_plugins.py").read_text().splitlines()
    marked = [
        (number, match[1]) for number, line in enumerate(lines, start=1) if (match := _MARK.search(line))
    ]
    assert mypy_errors("refused_plugins.py", cache) == marked
