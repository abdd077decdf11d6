from __future__ import annotations

import pytest

from core.rendering.markdown import render_markdown
from core.rendering.text import excerpt, plain_text, word_count


def test_plain_text_has_a_line_per_block() -> None:
    html = render_markdown(
        "# One\n\nTwo *three* &amp; <b>four</b>\nfive\n\n- six\n- seven\n\n| a | b |\n|---|---|\n| c | d |\n"
    )

    assert plain_text(html) == "One\nTwo three & four\nfive\nsix\nseven\na b\nc d"


def test_plain_text_ignores_angle_brackets_in_attributes() -> None:
    assert plain_text('<p title="a > b">text</p>') == "text"


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("one two", 2), ("don\u2019t stop", 2), ("v1.2.3 and 5,000 well-known", 4), ("日本語 text", 4)],
)
def test_word_count_counts_as_a_reader(text: str, count: int) -> None:
    assert word_count(text) == count


def test_excerpt_cuts_between_words() -> None:
    assert excerpt("alpha beta, gamma", 12) == "alpha beta…"
    assert excerpt("alpha\nbeta", 12) == "alpha beta"
    assert excerpt("a" * 50, 10) == "a" * 9 + "…"


def test_excerpt_of_a_long_text_is_marked_even_if_its_start_is_blank() -> None:
    assert excerpt("word" + " " * 500 + "tail", 20) == "word…"
