"""JSON bodies: what is refused, and where the fault is said to be."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.api.parsers import MAX_DEPTH, read_json
from core.errors import Malformed


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"title": "x",}', "line 1, column 1"),
        (b'{\n  "title": nope\n}', "line 2, column 12"),
        (b"", "line 1, column 1"),
        (b'{"a": 1} x', "line 1, column 10"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": "\xff"}', "byte 8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"[" * 100_000, "deep"),
        (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), "deep"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a": ["x\\u0000"]}', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'{"a": {"b": "\\ud800"}}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(body: bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_json(body)

    assert said in caught.value.message


def test_a_place_stands_with_the_errors_too() -> None:
    with pytest.raises(Malformed) as caught:
        read_json(b"{\n]")

    assert [error.message for error in caught.value.errors] == ["At line 2, column 1."]


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=20,
)


@given(_JSON)
def test_everything_that_is_json_is_read_as_it_is(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_nothing_else_than_malformed_is_raised(body: bytes) -> None:
    with suppress(Malformed):
        read_json(body)
