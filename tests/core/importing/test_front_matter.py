from __future__ import annotations

import pytest

from core.errors import Malformed
from core.importing.front_matter import parse_file


def test_yaml_values_become_json() -> None:
    content = (
        b"\xef\xbb\xbf---\r\ntitle: 'A: b'\r\nCover Image: x.png\r\ndate: 2024-04-10\r\n"
        b"at: 2020-01-02 03:04:05 +02:00\r\nviews: 12\r\nok: true\r\nnone:\r\n"
        b"tags: [a, b]\r\n---\r\n\r\nBody\r\n\r\nmore\r\n"
    )

    parsed = parse_file(content)

    assert parsed.fields == {
        "title": "A: b",
        "cover_image": "x.png",
        "date": "2024-04-10",
        "at": "2020-01-02T01:04:05Z",
        "views": 12,
        "ok": True,
        "none": None,
        "tags": ["a", "b"],
    }
    assert (parsed.body, parsed.body_line) == ("Body\n\nmore", 11)


def test_yaml_plain_words_stay_text() -> None:
    parsed = parse_file(b"---\ncountry: no\nat: 12:30\ncode: 0123\nswitch: off\n---\n")

    assert parsed.fields == {"country": "no", "at": "12:30", "code": "0123", "switch": "off"}


def test_toml_values_become_json() -> None:
    parsed = parse_file(
        b'+++\ntitle = "x"\nat = 2020-01-02T03:04:05\non = 2020-01-02\n[more]\na = 1\n+++\nBody\n'
    )

    assert parsed.fields == {"title": "x", "at": "2020-01-02T03:04:05Z", "on": "2020-01-02", "more": {"a": 1}}


@pytest.mark.parametrize("content", [b"Just text\n\n---\n\nmore", b""])
def test_file_without_front_matter_is_all_body(content: bytes) -> None:
    parsed = parse_file(content)

    assert (parsed.fields, parsed.body, parsed.body_line) == ({}, content.decode(), 1)


def test_empty_front_matter_has_no_fields() -> None:
    assert parse_file(b"---\n---\nx").fields == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"---\ntitle: a\n\ntitle: b\n---\n",
            "line 4: YAML: the key 'title' is there twice (first on line 2).",
        ),
        (b"+++\na = 1\na = 2\n+++\n", "line 3: TOML: Cannot overwrite a value."),
        (b"+++\na = \n+++\n", "line 2: TOML: Invalid value."),
        (b"---\nMy Key: 1\nmy-key: 2\n---\n", "line 3: the key 'my-key' is there twice (both mean my_key)."),
        (
            b"---\ntitle: a\nbody",
            "line 1: front matter opens with --- and is never closed; end it with a line ---.",
        ),
        (b"---\ntitle: a\nb: 'x\n---\n", "line 3: YAML: found unexpected end of stream."),
        (b"---\n- a\n---\n", "line 2: front matter must be a list of keys and values, like title: My page."),
        (b"---\nd: 2020-13-45\n---\n", "line 2: YAML: month must be in 1..12."),
        (b"ok\n\xff", "line 2: byte 3 is not UTF-8; save the file as UTF-8."),
        (b"ok\n\n\0", "line 3: a NUL character cannot be stored; remove it."),
        (
            b'---\na: 1\nb: "\\0"\n---\n',
            "line 3: b: NUL and half surrogate pairs cannot be stored; remove the escape.",
        ),
        (b"---\na: &a [*a]\n---\n", "line 2: a: nested more than 20 levels deep."),
        (b"---\n'?': 1\n---\n", "line 2: the key '?' has no letters or digits."),
        (b"---\na: " + b"[" * 5000 + b"\n---\n", "line 2: YAML: nested too deeply."),
    ],
)
def test_unreadable_front_matter_names_line_and_fault(content: bytes, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_file(content)

    assert caught.value.message == message
    assert caught.value.code == "front_matter"


def test_yaml_cannot_make_objects() -> None:
    with pytest.raises(Malformed, match="line 2: YAML: could not determine a constructor"):
        parse_file(b"---\na: !!python/object/apply:os.system [ls]\n---\n")


def test_yaml_aliases_cannot_multiply_without_end() -> None:
    levels = [
        f"{name}: &{name} [{', '.join(['*' + last] * 10)}]"
        for last, name in zip("abcde", "bcdef", strict=True)
    ]
    content = "\n".join(["---", "a: &a [x, x, x, x]", *levels, "---"]).encode()

    with pytest.raises(Malformed, match="more than 10,000 values"):
        parse_file(content)


def test_mdx_modules_and_comments_leave_code_alone() -> None:
    body = (
        b'import A from "a";\nimport {\n  B,\n} from "b";\n\n# Hello {/* not\nshown */}\n\nimport duties are text\n\n'
        b"```js\nimport c from 'c';\n{/* kept */}\n```\n\nexport const x = 1\n\nEnd"
    )

    parsed = parse_file(body, mdx=True)

    assert parsed.body == (
        "# Hello \n\nimport duties are text\n\n```js\nimport c from 'c';\n{/* kept */}\n```\n\nEnd"
    )
