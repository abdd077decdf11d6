from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from core.importing.infer import infer_schema
from core.importing.source import read_source, slugify, source_paths

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "data" / "nodejs-blog"


def write(folder: Path, path: str, text: str) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


@pytest.mark.parametrize(
    ("path", "text", "title", "slug"),
    [
        ("a.md", "---\ntitle: T\nslug: My/Own Slug\n---\n", "T", "own-slug"),
        ("2020-01-02-some_post.md", "# The *heading* #\n", "The *heading", "some_post"),
        ("guides/intro/index.md", "text", "Intro", "intro"),
        ("v1.10.1.md", "---\ntitle: 1.10\n---\n", "1.1", "v1-10-1"),
        ("Über uns.markdown", "text", "Über uns", "uber-uns"),
    ],
)
def test_source_finds_title_and_slug(tmp_path: Path, path: str, text: str, title: str, slug: str) -> None:
    source = read_source(tmp_path, write(tmp_path, path, text))

    assert (source.path, source.title, source.slug) == (path, title, slug)


def test_source_slug_of_other_scripts_is_stable(tmp_path: Path) -> None:
    first = read_source(tmp_path, write(tmp_path, "日本.md", "x"))

    assert first.slug.startswith("record-")
    assert first.slug == read_source(tmp_path, tmp_path / "日本.md").slug


@pytest.mark.parametrize(
    ("line", "wanted"), [("draft: true", False), ("published: false", False), ("draft: false", True)]
)
def test_source_draft_is_not_for_publishing(tmp_path: Path, line: str, wanted: bool) -> None:
    assert read_source(tmp_path, write(tmp_path, "a.md", f"---\n{line}\n---\n")).wants_publishing is wanted


def test_source_paths_are_sorted_and_visible(tmp_path: Path) -> None:
    for path in ("b.md", "a/c.MDX", ".git/x.md", "a/.hidden.md", "a/readme.txt"):
        write(tmp_path, path, "x")

    assert [path.relative_to(tmp_path).as_posix() for path in source_paths(tmp_path)] == ["a/c.MDX", "b.md"]


def test_slugify_keeps_versions_apart() -> None:
    assert slugify("v1.10.1") != slugify("v1.1.01")
    assert slugify("  Don't -- stop!  ") == "dont-stop"


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the real content is not here: {CORPUS}")
def test_source_reads_the_whole_real_blog() -> None:
    sources = [read_source(CORPUS, path) for path in source_paths(CORPUS)]
    schema = infer_schema([source.parsed.fields for source in sources])
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())

    assert len(sources) == 321
    assert len({source.slug for source in sources}) == 321
    assert all(source.title and source.parsed.body for source in sources)
    assert [error.message for source in sources for error in validator.iter_errors(source.data(schema))] == []
    assert schema["properties"]["date"]["format"] == "date-time"
    assert len(schema["properties"]["category"]["enum"]) == 11
    assert schema["properties"]["author"]["x-index"] is True
