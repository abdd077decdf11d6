"""The part of a record's page that depends on the record alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from core.rendering.markdown import clean_html, render_markdown
from core.rendering.text import excerpt, plain_text, word_count
from core.schema_keywords import markdown_fields, properties

SUMMARY_FIELDS: Final = ("summary", "description", "excerpt", "lead", "abstract", "subtitle", "tagline")
_FIRST_HEADING: Final = re.compile(r"\A\s*<h1[^>]*>(.*?)</h1>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A record's text, rendered.

    Args:
        html: Safe HTML of all its Markdown fields.
        text: The same without markup; for a record without Markdown its texts, line by line.
        excerpt: One line for lists: the summary field where there is one, else the beginning of the text.
    """

    html: str
    text: str
    excerpt: str

    @property
    def word_count(self) -> int:
        return word_count(self.text)


def render_body(*, schema: Mapping[str, Any], data: Mapping[str, Any], title: str) -> Body:
    """Render what a record says.

    A heading of the first level that repeats the title is dropped: pages show the title themselves.

    Raises:
        Invalid: A text is too long to be rendered.
    """
    sources = [data[name] for name in markdown_fields(schema) if isinstance(data.get(name), str)]
    html = "\n".join(_without_title(render_markdown(source), title) for source in sources)
    text = plain_text(html) if html else "\n".join(_plain_values(schema, data))
    summary = next((data[name] for name in SUMMARY_FIELDS if isinstance(data.get(name), str)), "")
    return Body(
        html=html or _plain_html(schema, data),
        text=text,
        excerpt=excerpt(plain_text(render_markdown(summary)) if summary else text),
    )


def _without_title(html: str, title: str) -> str:
    heading = _FIRST_HEADING.match(html)
    if heading and plain_text(heading.group(1)).casefold() == title.strip().casefold():
        return html[heading.end() :]
    return html


def _plain_values(schema: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    return [data[name] for name in properties(schema) if isinstance(data.get(name), str)]


def _plain_html(schema: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Fields and values as a description list, for records without Markdown."""
    rows = []
    for name, subschema in properties(schema).items():
        value = data.get(name)
        if value is None or "x-relation" in subschema or isinstance(value, dict | list):
            continue
        label = subschema.get("title") or name.replace("_", " ").capitalize()
        rows.append(f"<dt>{escape(str(label))}</dt><dd>{escape(str(value))}</dd>")
    return clean_html(f"<dl>{''.join(rows)}</dl>") if rows else ""
