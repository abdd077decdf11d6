"""The cookbook (docs/plugins/cookbook.md): every recipe is a plugin that loads, and its test passes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guides.workplace import Workplace, listings, workplace
from tests.servers import PROJECT

PAGE = PROJECT / "docs/plugins/cookbook.md"
FILES = listings(PAGE)
# More tests of recipes than the page shows.
MORE = Path(__file__).parent / "recipes"
PLUGINS = sorted({Path(name).parts[0] for name in FILES})
TESTS = {
    f"{Path(name).parts[0]}::{test}"
    for name, text in FILES.items()
    for test in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
}


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """Every recipe of the page in one folder, with migrations where it has models."""
    more = {f"{path.stem}/tests/test_more.py": path.read_text() for path in MORE.glob("*.py")}
    with workplace(tmp_path_factory.mktemp("cookbook"), "tenantry_cookbook", is_migrated=True) as made:
        with_models = [name for name in PLUGINS if f"{name}/models.py" in FILES]
        made.write({**FILES, **more, **{f"{name}/migrations/__init__.py": "" for name in with_models}})
        made.manage("makemigrations", *(f"plugin_{name}" for name in with_models), owner=True)
        made.manage("prepare", owner=True)
        yield made


@pytest.fixture(scope="module")
def results(author: Workplace) -> dict[str, str]:
    return author.test_results()


def test_all_recipes_load_together(author: Workplace) -> None:
    report = author.manage("plugin", "check")

    assert sorted(re.findall(r"^(\S+) +loaded$", report, re.MULTILINE)) == sorted(
        [*(name.replace("_", "-") for name in PLUGINS), "reading-time"]
    )


@pytest.mark.parametrize("test", sorted(TESTS))
def test_recipe_does_what_its_test_says(results: dict[str, str], test: str) -> None:
    # One with parameters has a result for each.
    found = {name: trouble for name, trouble in results.items() if name.partition("[")[0] == test}

    assert found
    assert not any(found.values()), found


def test_no_other_test_fails(results: dict[str, str]) -> None:
    assert {test: trouble for test, trouble in results.items() if trouble} == {}
    assert len(results) >= len(TESTS) > 20


def test_every_recipe_stands_in_the_table() -> None:
    page = PAGE.read_text()
    recipes = re.findall(r"^## (.+)$", page, re.MULTILINE)
    table = page.partition("\n## ")[0]

    assert set(re.findall(r"\[([^\]]+)\]\(#[^)]+\)", table)) == {
        name[0].lower() + name[1:] for name in recipes
    }
