"""The reference pages say all there is, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cms_project.tables import TABLES_WITHOUT_TENANT

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")])
PAGES += sorted([*PROJECT.glob("plugins/*/README.md"), *PROJECT.glob("examples/*/README.md")])
NOT_IN_SETTINGS = {"DATABASE_OWNER_URL", "TENANTRY_ENV_FILE"}


def variables_of_the_settings() -> set[str]:
    source = (PROJECT / "cms_project/settings.py").read_text()
    return set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", source)) | NOT_IN_SETTINGS | {"DATABASE_URL"}


def variables_of_plugins() -> set[str]:
    """Return those that a bundled plugin reads itself, because no tenant may set them."""
    files = PROJECT.glob("plugins/*/operator_settings.py")
    return {
        name
        for file in files
        for name in re.findall(r"^[A-Z_]+ = \"([A-Z_]+)\"", file.read_text(), re.MULTILINE)
    }


def first_column(page: str) -> set[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", (PROJECT / "docs/reference" / page).read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_setting_is_described_and_no_other() -> None:
    assert first_column("settings.md") == variables_of_the_settings() | variables_of_plugins()


def test_every_setting_is_in_the_example_file_or_has_a_reason_not_to() -> None:
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))

    assert variables_of_the_settings() - named <= {"TENANTRY_ENV_FILE"}


def test_every_table_without_a_tenant_is_described_and_no_other() -> None:
    assert first_column("tables.md") == set(TABLES_WITHOUT_TENANT)


def without_listings(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return what a link into a page may name, as GitHub makes it from the headings."""
    headings = re.findall(r"^#+ (.+)$", without_listings(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", without_listings(page))
    lost = []
    for file, anchor in targets:
        if "://" in file:
            continue
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(f"{file}#{anchor}")

    assert lost == []


@pytest.mark.parametrize("page", ["docs/reference/promises.md", "docs/plugins/guides.md"])
def test_every_promise_names_tests_that_exist(page: str) -> None:
    text = (PROJECT / page).read_text()
    named = re.findall(r"`((?:tests|plugins|examples)/[^`:]+)::(\w+)`", text)

    assert [f"{file}::{test}" for file, test in named if not _has_test(PROJECT / file, test)] == []
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert [row for row in rows if "::" not in row] == []


def _has_test(path: Path, test: str) -> bool:
    return (
        path.exists() and re.search(rf"^(?:async )?def {test}\(", path.read_text(), re.MULTILINE) is not None
    )
