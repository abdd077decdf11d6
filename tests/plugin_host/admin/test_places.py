"""Places and values of settings in the words of their forms."""

from __future__ import annotations

from typing import Any, Final

import pytest

from plugin_host.admin.places import entry_by_entry, place_in_words, value_in_words
from plugin_host.config_changes import ChangeKind, ConfigChange

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
        ({"name": "crm", "events": ["a", "b"]}, "name: crm\nevents: a, b"),
        ([{"a": 1}], '[\n  {\n    "a": 1\n  }\n]'),
    ],
)
def test_a_value_is_written_as_people_write_it(value: Any, words: str) -> None:
    assert value_in_words(value) == words


def test_lists_of_objects_are_compared_entry_by_entry() -> None:
    before = [{"name": "crm", "url": "https://a.test/"}, {"name": "old"}]
    after = [{"name": "crm", "url": "https://b.test/"}]

    found = entry_by_entry(
        ConfigChange(pointer="/endpoints", kind=ChangeKind.CHANGED, before=before, after=after)
    )

    assert list(found) == [
        ConfigChange(
            pointer="/endpoints/0/url",
            kind=ChangeKind.CHANGED,
            before="https://a.test/",
            after="https://b.test/",
        ),
        ConfigChange(pointer="/endpoints/1", kind=ChangeKind.REMOVED, before={"name": "old"}),
    ]


@pytest.mark.parametrize(("before", "after"), [(None, [{"name": "crm"}]), ([1], [2]), ("a", "b"), (None, [])])
def test_what_is_no_pair_of_such_lists_stays_one_change(before: object, after: object) -> None:
    change = ConfigChange(pointer="/x", kind=ChangeKind.CHANGED, before=before, after=after)

    pointers = [one.pointer for one in entry_by_entry(change)]

    assert pointers == (["/x/0"] if after == [{"name": "crm"}] else ["/x"])
