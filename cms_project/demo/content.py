"""The demo's articles: Markdown files beside this module, brought in through the content services."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.utils import timezone

from core.importing.infer import parse_moment
from core.importing.source import SourceFile, read_source, source_paths
from core.services.collections import create_collection
from core.services.publishing import publish_record
from core.services.records import create_record

FOLDER: Final = Path(__file__).resolve().parent

PEOPLE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "title": "Name", "minLength": 1, "maxLength": 120, "x-unique": True},
        "role": {"type": "string", "title": "Role", "maxLength": 120, "x-index": True},
        "body": {"type": "string", "title": "About", "x-widget": "markdown", "x-search": True},
    },
}


def article_schema(topics: list[str]) -> dict[str, Any]:
    """Return the schema of articles on the given topics."""
    return {
        "type": "object",
        "required": ["summary", "body"],
        "properties": {
            "summary": {
                "type": "string",
                "title": "Summary",
                "description": "One or two sentences for lists, feeds and search engines.",
                "maxLength": 300,
                "x-widget": "textarea",
                "x-search": True,
            },
            "author": {
                "type": "string",
                "title": "Author",
                "format": "uuid",
                "x-relation": "people",
                "x-index": True,
            },
            "date": {"type": "string", "title": "Date", "format": "date-time", "x-index": True},
            "topic": {"type": "string", "title": "Topic", "enum": topics, "x-index": True},
            "tags": {
                "type": "array",
                "title": "Tags",
                "items": {"type": "string", "minLength": 1, "maxLength": 40},
                "uniqueItems": True,
                "x-index": True,
            },
            "reading_minutes": {
                "type": "integer",
                "title": "Minutes to read",
                "description": "Written by the reading-time plugin.",
                "minimum": 0,
                "readOnly": True,
                "x-index": True,
            },
            "body": {"type": "string", "title": "Text", "x-widget": "markdown", "x-search": True},
        },
    }


def content_folder(slug: str) -> Path:
    """Return where a demo tenant's files are."""
    return FOLDER / slug


def seed_content(*, folder: Path, articles_title: str, articles_description: str) -> int:
    """Make the collections of the tenant in scope and publish the files of `folder`; return how many articles.

    Args:
        folder: Has `people` and `articles`; an article's `author` is the file name of a person.
    """
    articles = _read(folder / "articles")
    topics = sorted({str(article.parsed.fields["topic"]) for article in articles})
    create_collection(
        name="articles",
        title=articles_title,
        description=articles_description,
        schema=article_schema(topics),
    )
    create_collection(name="people", title="People", description="Who writes here.", schema=PEOPLE_SCHEMA)
    people = {
        person.slug: _publish("people", person, PEOPLE_SCHEMA, {}) for person in _read(folder / "people")
    }
    for article in sorted(articles, key=_moment):
        author = people[str(article.parsed.fields["author"])]
        _publish("articles", article, article_schema(topics), {"author": author})
    return len(articles)


def _read(folder: Path) -> list[SourceFile]:
    return [read_source(folder, path) for path in source_paths(folder)]


def _publish(collection: str, source: SourceFile, schema: dict[str, Any], replaced: dict[str, Any]) -> str:
    """Create and publish a record; return its id."""
    data = source.data(schema) | replaced
    title = "" if "name" in data else source.title
    record = create_record(collection=collection, data=data, title=title, slug=source.slug)
    publish_record(record_id=record.pk, published_at=min(_moment(source), timezone.now()))
    return str(record.pk)


def _moment(source: SourceFile) -> datetime:
    date = source.parsed.fields.get("date")
    # People have no date; they were there before the first article.
    return (parse_moment(date) if isinstance(date, str) else None) or datetime(2026, 1, 1, tzinfo=UTC)
