from __future__ import annotations

import pytest

from cms_project.demo.content import FOLDER, seed_content
from core.importing.source import read_source, source_paths
from core.models import PublishedSnapshot, Record
from core.rendering.markdown import render_markdown
from core.rendering.text import plain_text, word_count


@pytest.mark.parametrize("tenant_name", ["acme", "globex"])
def test_demo_articles_are_a_dozen_of_readable_length(tenant_name: str) -> None:
    folder = FOLDER / tenant_name / "articles"
    sources = [read_source(folder, path) for path in source_paths(folder)]
    lengths = [word_count(plain_text(render_markdown(source.parsed.body))) for source in sources]

    assert len(sources) == 12
    assert min(lengths) >= 220
    assert max(lengths) <= 600


@pytest.mark.usefixtures("in_tenant")
@pytest.mark.parametrize("tenant_name", ["acme", "globex"])
def test_demo_content_is_published_with_authors(tenant_name: str) -> None:
    count = seed_content(
        folder=FOLDER / tenant_name, articles_title="Notes", articles_description="All of them."
    )

    assert count == 12
    articles = PublishedSnapshot.objects.filter(collection_name="articles")
    people = PublishedSnapshot.objects.filter(collection_name="people")
    assert (articles.count(), people.count()) == (12, 3)
    assert set(Record.objects.values_list("state", flat=True)) == {"published"}
    names = set(people.values_list("title", flat=True))
    assert all(
        any(f'"author":"{name}"' in document for name in names)
        for document in articles.values_list("document", flat=True)
    )
