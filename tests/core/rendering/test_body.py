from __future__ import annotations

from typing import Any

from core.rendering.body import render_body

SCHEMA: dict[str, Any] = {
    "properties": {
        "summary": {"type": "string"},
        "body": {"type": "string", "x-widget": "markdown"},
        "more": {"type": "string", "x-widget": "markdown"},
    }
}


def test_body_joins_markdown_fields_in_the_schemas_order() -> None:
    body = render_body(schema=SCHEMA, data={"more": "two", "body": "one"}, title="T")

    assert body.html == "<p>one</p>\n\n<p>two</p>\n"
    assert (body.text, body.word_count, body.excerpt) == ("one\ntwo", 2, "one two")


def test_body_drops_a_heading_that_repeats_the_title() -> None:
    assert (
        render_body(schema=SCHEMA, data={"body": "# The *Title*\n\nx"}, title="the title").html
        == "<p>x</p>\n"
    )
    assert "<h1" in render_body(schema=SCHEMA, data={"body": "# Another\n\nx"}, title="the title").html


def test_body_takes_the_excerpt_from_a_summary() -> None:
    assert (
        render_body(schema=SCHEMA, data={"body": "long", "summary": "In *short*."}, title="").excerpt
        == "In short."
    )


def test_body_without_markdown_lists_the_fields() -> None:
    schema = {
        "properties": {"name": {"title": "Name"}, "size": {}, "who": {"x-relation": "people"}, "tags": {}}
    }
    data = {"name": "<b>A</b>", "size": 3, "who": "id", "tags": ["x"]}

    body = render_body(schema=schema, data=data, title="")

    assert body.html == "<dl><dt>Name</dt><dd>&lt;b&gt;A&lt;/b&gt;</dd><dt>Size</dt><dd>3</dd></dl>"
