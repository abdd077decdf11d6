"""Places and values of settings in the words of their forms."""

from __future__ import annotations

from typing import Any, Final

import pytest

from plugin_host.admin.places import place_in_words, value_in_words

SCHEMA: Final[dict[str, Any]] = {
    "properties": {
        "endpoints": {
            "title": "Endpoints",
            "items": {"properties": {"url": {"title": "Address"}}},
        },
        "keep_days": {},
        "rules": {"title": "Rules", "additionalProperties": {"type": "string"}},
    }
}


@pytest.mark.parametrize(
    ("pointer", "words"),
    [
        ("/endpoints/1/url", "Endpoints, row 2, Address"),
        ("/keep_days", "Keep days"),
        ("/rules/a~1b", "Rules, a/b"),
        ("/unknown/0", "unknown, row 1"),
        ("", ""),
    ],
)
def test_a_place_is_named_by_the_titles_on_the_way(pointer: str, words: str) -> None:
    assert place_in_words(SCHEMA, pointer) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a text", "a text"),
        ("", "nothing"),
        (None, "nothing"),
        ([], "nothing"),
        (False, "no"),
        (True, "yes"),
        (0, "0"),
        (["a", 1], "a, 1"),
        ([{"a": 1}], '[\n  {\n    "a": 1\n  }\n]'),
    ],
)
def test_a_value_is_written_as_people_write_it(value: Any, words: str) -> None:
    assert value_in_words(value) == words
