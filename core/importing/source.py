"""What a Markdown file says about the record that it becomes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from core.importing.front_matter import Json, ParsedFile, parse_file
from core.importing.infer import body_name, fit, markdown_field

SUFFIXES: Final = frozenset({".md", ".mdx", ".markdown"})
MAX_SLUG_CHARACTERS: Final = 200
MAX_TITLE_CHARACTERS: Final = 500

_HEADING: Final = re.compile(r"^# +(.+?)(?: +#+)?$", re.MULTILINE)
_DATED_NAME: Final = re.compile(r"^\d{4}-\d\d-\d\d-(?=.)")
_SLUG_DROPPED: Final = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that was read.

    Args:
        path: Relative to the imported folder, with `/`; the identity of the record it becomes.
        sha256: Of the file's bytes, in hex.
        wants_publishing: False where the front matter says `draft: true` or `published: false`.
    """

    path: str
    sha256: str
    parsed: ParsedFile
    title: str
    slug: str
    wants_publishing: bool

    def data(self, schema: Mapping[str, Any]) -> dict[str, Json]:
        """Return the record's fields in the shape that `schema` wants; the body goes to its Markdown field."""
        values = dict(self.parsed.fields)
        if self.parsed.body:
            values[markdown_field(schema) or body_name(values)] = self.parsed.body
        return fit(values, schema)


def source_paths(folder: Path) -> list[Path]:
    """Return all Markdown files below `folder` in a stable order; hidden files and folders are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def read_source(folder: Path, path: Path) -> SourceFile:
    """Read one file.

    Raises:
        Malformed: Its content cannot be read; the message begins with the line.
        OSError: The file itself cannot be read.
    """
    content = path.read_bytes()
    relative = PurePosixPath(path.relative_to(folder).as_posix())
    parsed = parse_file(content, mdx=path.suffix.lower() == ".mdx")
    fields = parsed.fields
    return SourceFile(
        path=str(relative),
        sha256=hashlib.sha256(content).hexdigest(),
        parsed=parsed,
        title=_title(fields, parsed.body, relative),
        slug=_slug(fields, relative),
        wants_publishing=fields.get("draft") is not True and fields.get("published") is not False,
    )


def slugify(text: str) -> str:
    """Return `text` as it may stand in an address: lower-case ASCII letters, digits, `_` and single `-`.

    Dots become `-`, so that `v1.10.1` and `v1.1.01` stay apart; text of other scripts gives "".
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().replace("'", "")
    return _SLUG_DROPPED.sub("-", plain)[:MAX_SLUG_CHARACTERS].strip("-")


def _title(fields: Mapping[str, Json], body: str, path: PurePosixPath) -> str:
    """The front matter's title; else the first heading; else the file's name."""
    given = fields.get("title")
    if isinstance(given, str | int | float) and not isinstance(given, bool) and str(given).strip():
        return str(given).strip()[:MAX_TITLE_CHARACTERS]
    heading = _HEADING.search(body)
    if heading:
        return heading.group(1).strip("*_` ")[:MAX_TITLE_CHARACTERS]
    return _name(path).replace("-", " ").replace("_", " ").strip().capitalize()[:MAX_TITLE_CHARACTERS]


def _slug(fields: Mapping[str, Json], path: PurePosixPath) -> str:
    """The front matter's slug (the last part, if it is a path); else the file's name."""
    given = fields.get("slug")
    if isinstance(given, str | int) and not isinstance(given, bool):
        slug = slugify(str(given).strip("/").rsplit("/", 1)[-1])
        if slug:
            return slug
    return slugify(_name(path)) or "record-" + hashlib.sha256(str(path).encode()).hexdigest()[:12]


def _name(path: PurePosixPath) -> str:
    """The file's name without suffix and date; an index file is named after its folder."""
    stem = path.name[: -len(path.suffix)] if path.suffix else path.name
    if stem.lower() in {"index", "readme", "_index"} and path.parent.name:
        stem = path.parent.name
    return _DATED_NAME.sub("", stem)
