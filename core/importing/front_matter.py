"""Markdown files with YAML (`---`) or TOML (`+++`) front matter.

Rules for the odd cases, so that nobody has to guess:

* A byte order mark is dropped, line ends become `\\n`; what is not UTF-8 is refused with the position.
* A file without front matter has no fields; one that opens it and never closes it is an error.
* A key given twice is an error (YAML's and TOML's own rule): one of the two values would be lost.
* YAML follows the 1.2 core rules for plain words: `no`, `off` and `12:30` are text, not false and 750.
* Dates stay dates (`2024-04-10`); a moment without a time zone is taken as UTC.
* Keys are lower-cased and spelled with `_` (`Cover Image` becomes `cover_image`), since they become field names.
* In `.mdx` files, `import` and `export` blocks and `{/* comments */}` outside code are dropped; component tags stay
  in the text, where rendering shows their content without them.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from math import isfinite
from typing import Any, Final

import yaml

from core.errors import Malformed

MAX_FRONT_MATTER_CHARACTERS: Final = 65_536
MAX_VALUES: Final = 10_000
MAX_VALUE_DEPTH: Final = 20

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_MDX_BLOCK: Final = re.compile(
    r"^(?:import\s*(?:[\"'{*]|\w+\s*(?:,|from\b))|export\s+(?:(?:default|const|let|var|function|async|class)\b|[{*]))"
)
_MDX_COMMENT: Final = re.compile(r"\{/\*.*?\*/\}", re.DOTALL)
_KEY_DROPPED: Final = re.compile(r"[^a-z0-9]+")
_TOML_POSITION: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """A Markdown file taken apart.

    Args:
        fields: Front matter as JSON values; keys are field names.
        body: What follows the front matter, without blank lines at its ends.
        body_line: Line of the file, from 1, on which the part after the front matter begins.
    """

    fields: dict[str, Json]
    body: str
    body_line: int


def parse_file(content: bytes, *, mdx: bool = False) -> ParsedFile:
    """Take a Markdown file apart.

    Raises:
        Malformed: The file cannot be read; the message begins with the line.
    """
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _malformed(line, f"byte {error.start} is not UTF-8; save the file as UTF-8") from error
    if "\0" in text:
        raise _malformed(
            text.count("\n", 0, text.index("\0")) + 1, "a NUL character cannot be stored; remove it"
        )
    marker, block, body, body_line = _split(text)
    fields = _read_fields(marker, block)
    return ParsedFile(
        fields=fields, body=(_without_modules(body) if mdx else body).strip("\n"), body_line=body_line
    )


def field_name(key: str) -> str:
    """Return the field name for a front matter key, or "" if nothing of it is left."""
    return _KEY_DROPPED.sub("_", key.strip().lower()).strip("_")


def _split(text: str) -> tuple[str, str, str, int]:
    """Marker (or ""), front matter, body and the body's first line."""
    lines = text.split("\n")
    marker = lines[0].rstrip()
    if marker not in {"---", "+++"}:
        return "", "", text, 1
    for index in range(1, len(lines)):
        if lines[index].rstrip() == marker:
            block = "\n".join(lines[1:index])
            if len(block) > MAX_FRONT_MATTER_CHARACTERS:
                raise _malformed(1, f"front matter is longer than {MAX_FRONT_MATTER_CHARACTERS:,} characters")
            return marker, block, "\n".join(lines[index + 1 :]), index + 2
    raise _malformed(1, f"front matter opens with {marker} and is never closed; end it with a line {marker}")


def _read_fields(marker: str, block: str) -> dict[str, Json]:
    loaded = _load_toml(block) if marker == "+++" else _load_yaml(block) if marker else {}
    fields: dict[str, Json] = {}
    budget = [MAX_VALUES]
    for key, value in loaded.items():
        name = field_name(str(key))
        if not name:
            raise _malformed(_line_of(block, key), f"the key {str(key)!r} has no letters or digits")
        if name in fields:
            raise _malformed(_line_of(block, key), f"the key {str(key)!r} is there twice (both mean {name})")
        try:
            fields[name] = _json(value, budget)
        except ValueError as error:
            raise _malformed(_line_of(block, key), f"{key}: {error}") from error
    return fields


def _load_toml(block: str) -> dict[str, Any]:
    try:
        return tomllib.loads(block)
    except tomllib.TOMLDecodeError as error:
        position = _TOML_POSITION.search(str(error))
        line = int(position.group(1)) + 1 if position and position.group(1) else block.count("\n") + 2
        raise _malformed(line, f"TOML: {_TOML_POSITION.sub('', str(error))}") from error
    except RecursionError as error:
        raise _malformed(2, "TOML: nested too deeply") from error


def _load_yaml(block: str) -> dict[Any, Any]:
    try:
        loaded = yaml.load(block, Loader=_FrontMatterLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 2 if mark else 2
        raise _malformed(line, f"YAML: {error.problem or error.context or 'cannot be read'}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise _malformed(2, f"YAML: {error}") from error
    except RecursionError as error:
        raise _malformed(2, "YAML: nested too deeply") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise _malformed(2, "front matter must be a list of keys and values, like title: My page")
    return loaded


class _FrontMatterLoader(yaml.SafeLoader):
    """A safe loader that refuses repeated keys and follows YAML 1.2 for plain words."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen and key not in {None, "<<"}:
                problem = f"the key {key!r} is there twice (first on line {seen[key]})"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen[key] = key_node.start_mark.line + 2
        return super().construct_mapping(node, deep=deep)


# Own table: a change of SafeLoader's would change every user of PyYAML in the process.
_FrontMatterLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", "-+0123456789"),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$", "-+0123456789"),
    ("merge", r"^<<$", "<"),
    (
        "timestamp",
        r"^\d{4}-\d\d-\d\d(?:(?:[Tt]|[ \t]+)\d{1,2}:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?)?$",
        "0123456789",
    ),
):
    _FrontMatterLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _json(value: Any, budget: list[int], depth: int = 0) -> Json:
    """The value as JSON knows it. `budget` and `depth` bound what aliases in YAML can multiply to."""
    if depth > MAX_VALUE_DEPTH:
        raise ValueError(f"nested more than {MAX_VALUE_DEPTH} levels deep")
    budget[0] -= 1
    if budget[0] < 0:
        raise ValueError(f"front matter holds more than {MAX_VALUES:,} values")
    match value:
        case None | bool() | int():
            return value
        case float():
            if not isfinite(value):
                raise ValueError("infinite numbers and NaN cannot be stored")
            return value
        case str():
            return _storable(value)
        case datetime():
            return moment_text(value)
        case date():
            return value.isoformat()
        case time():
            return value.isoformat()
        case list() | tuple():
            return [_json(item, budget, depth + 1) for item in value]
        case dict():
            return {_storable(str(key)): _json(item, budget, depth + 1) for key, item in value.items()}
    raise ValueError(f"a value of type {type(value).__name__} cannot be stored; write it as text")


def moment_text(value: datetime) -> str:
    """Return a moment as it stands in JSON: UTC, ending in Z; without a time zone it is taken as UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("NUL and half surrogate pairs cannot be stored; remove the escape")
    return text


def _without_modules(body: str) -> str:
    """MDX without its module lines and comments; code fences stay as they are."""
    kept: list[str] = []
    prose: list[str] = []
    fence = ""
    in_module = False
    previous_blank = True

    def end_prose() -> None:
        if prose:
            kept.append(_MDX_COMMENT.sub("", "\n".join(prose)))
            prose.clear()

    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            kept.append(line)
            if mark and line.strip() == mark.group(1) and mark.group(1).startswith(fence):
                fence = ""
            continue
        if in_module:
            in_module = bool(line.strip())
        elif mark:
            end_prose()
            kept.append(line)
            fence = mark.group(1)
        elif previous_blank and _MDX_BLOCK.match(line):
            in_module = True
        else:
            prose.append(line)
        previous_blank = not line.strip()
    end_prose()
    return "\n".join(kept)


def _line_of(block: str, key: object) -> int:
    """The file's line on which a top-level key stands; the front matter's first if it cannot be told."""
    for number, line in enumerate(block.split("\n"), start=2):
        if line.lstrip("'\" ").startswith(str(key)):
            return number
    return 2


def _malformed(line: int, problem: str) -> Malformed:
    return Malformed(f"line {line}: {problem}.", code="front_matter")
