"""A change of a record on its way in: what hooks may still alter and what is checked at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from core.actors import Actor
from core.errors import FieldError, Invalid
from core.importing.source import slugify
from core.json_equality import same_json
from core.json_schema import fill_defaults, validate
from core.models import Collection, Record
from core.schema_keywords import as_uuid
from core.services.commands import CommandCall

MAX_SLUG_CHARACTERS: Final = 200
MAX_TITLE_CHARACTERS: Final = 500
MAX_LOCALE_CHARACTERS: Final = 20
_SLUG: Final = re.compile(r"^[a-z0-9_]+(?:-+[a-z0-9_]+)*$")
_LOCALE: Final = re.compile(r"^(?:[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousState:
    """What a record said before the change."""

    title: str
    slug: str
    locale: str
    data: Mapping[str, Any]
    version: int
    state: str


@dataclass(slots=True, kw_only=True)
class RecordDraft:
    """A record as it would be after the change; receivers of `before_record_*` may replace the first four values.

    Args:
        record: As stored before an update; None before a creation.
        previous: The stored values, to compare with.
        author: The name of the author, where the data names one.
    """

    collection: Collection
    data: dict[str, Any]
    slug: str
    title: str
    locale: str
    actor: Actor
    record: Record | None = None
    previous: PreviousState | None = None
    # A slug that nobody chose is numbered when it is taken; a chosen one is refused.
    slug_is_chosen: bool = False
    source_path: str = ""
    source_hash: str = ""
    comment: str = ""
    published_at: datetime | None = field(default=None)
    command: CommandCall | None = None
    # What `before_event` has the event say besides, or instead.
    event_changes: Mapping[str, Any] = field(default_factory=dict)

    def same_as_stored(self) -> bool:
        """Say whether the change changes nothing."""
        was = self.previous
        return (
            was is not None
            and (was.title, was.slug, was.locale) == (self.title, self.slug, self.locale)
            and same_json(was.data, self.data)
        )


def new_draft(
    *,
    collection: Collection,
    data: Mapping[str, Any],
    title: str,
    slug: str,
    locale: str,
    actor: Actor,
) -> RecordDraft:
    """Return the draft of a record to be made, with the schema's defaults filled in."""
    _require_object(data)
    filled: dict[str, Any] = fill_defaults(collection.schema, dict(data))
    title = title.strip() or title_in(filled)
    return RecordDraft(
        collection=collection,
        data=filled,
        title=title,
        slug=slug or _slug_from(title),
        slug_is_chosen=bool(slug),
        locale=locale,
        actor=actor,
    )


def changed_draft(
    *,
    record: Record,
    actor: Actor,
    data: Mapping[str, Any] | None,
    merge: bool,
    title: str | None,
    slug: str | None,
    locale: str | None,
) -> RecordDraft:
    """Return the draft of a change; what is None stays.

    Args:
        merge: Lay `data` over the stored data (RFC 7396: null takes a field away) instead of replacing it.
    """
    if data is not None:
        _require_object(data)
    stored: dict[str, Any] = record.data
    wanted = (
        deepcopy(stored) if data is None else merge_patch(stored, data) if merge else deepcopy(dict(data))
    )
    if title is None:
        # A title that came from the data follows it.
        title = title_in(wanted) if record.title == title_in(stored) and title_in(wanted) else record.title
    return RecordDraft(
        collection=record.collection,
        data=wanted,
        title=title.strip(),
        slug=record.slug if slug is None else slug,
        slug_is_chosen=True,
        locale=record.locale if locale is None else locale,
        actor=actor,
        record=record,
        previous=PreviousState(
            title=record.title,
            slug=record.slug,
            locale=record.locale,
            data=deepcopy(stored),
            version=record.version,
            state=record.state,
        ),
    )


def check_draft(draft: RecordDraft) -> None:
    """Pass a draft that may be stored, as far as can be told without the database.

    Raises:
        Invalid: with one entry per fault; see `draft_faults`.
    """
    if errors := draft_faults(draft):
        raise Invalid(f"The {draft.collection.name} record does not fit its schema.", errors=errors)


def draft_faults(draft: RecordDraft) -> list[FieldError]:
    """Return why a draft may not be stored; pointers begin with `/data`, `/title`, `/slug` or `/locale`."""
    if fault := _unstorable(draft.data):
        # First of all: the libraries that hold data against a schema stumble over such characters.
        errors = [FieldError(pointer="/data", message=fault, code="characters")]
    else:
        errors = [
            FieldError(pointer=f"/data{error.pointer}", message=error.message, code=error.code)
            for error in validate(draft.collection.schema, draft.data)
        ]
    if fault := _title_fault(draft.title):
        errors.append(FieldError(pointer="/title", message=fault, code="title"))
    if fault := slug_fault(draft.slug):
        errors.append(FieldError(pointer="/slug", message=fault, code="slug"))
    if not _is_locale(draft.locale):
        message = "Write the language as a tag such as en or pt-BR, or leave it out."
        errors.append(FieldError(pointer="/locale", message=message, code="locale"))
    return errors


def slug_fault(slug: object) -> str | None:
    """Return what is wrong with a slug, or None."""
    if not isinstance(slug, str) or not slug or len(slug) > MAX_SLUG_CHARACTERS:
        return f"A slug has 1 to {MAX_SLUG_CHARACTERS} characters."
    if not _SLUG.fullmatch(slug):
        return f"Use lower-case letters, digits, - and _ only, such as {slugify(slug) or 'my-page'}."
    if as_uuid(slug) is not None:
        return "A slug must not look like an id."
    return None


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `target` with `patch` laid over it. Source: RFC 7396, section 2."""
    merged = deepcopy(dict(target))
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            below = merged.get(name)
            merged[name] = merge_patch(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[name] = deepcopy(value)
    return merged


def title_in(data: Mapping[str, Any]) -> str:
    """Return the title that the data itself carries: its `title`, else its `name`."""
    for name in ("title", "name"):
        value = data.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()[:MAX_TITLE_CHARACTERS]
    return ""


def _slug_from(title: str) -> str:
    made = slugify(title)[: MAX_SLUG_CHARACTERS - 10].strip("-_")
    return made if made and as_uuid(made) is None else "record"


def _is_locale(locale: object) -> bool:
    if not isinstance(locale, str) or len(locale) > MAX_LOCALE_CHARACTERS:
        return False
    return _LOCALE.fullmatch(locale) is not None


def _title_fault(title: object) -> str | None:
    if not isinstance(title, str):
        return "A title is text."
    if len(title) > MAX_TITLE_CHARACTERS:
        return f"A title has at most {MAX_TITLE_CHARACTERS} characters."
    return _unstorable(title)


def _unstorable(value: object) -> str | None:
    """PostgreSQL's text has no NUL, and UTF-8 no half surrogate pairs."""
    if isinstance(value, str):
        if "\0" in value:
            return "The character NUL cannot be stored; remove it."
        try:
            value.encode()
        except UnicodeEncodeError:
            return "Half of a surrogate pair cannot be stored; remove it."
        return None
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list):
        parts = value
    else:
        return None
    return next((fault for part in parts if (fault := _unstorable(part))), None)


def _require_object(data: object) -> None:
    if not isinstance(data, Mapping):
        message = "The fields of a record are a JSON object."
        raise Invalid(message, errors=[FieldError(pointer="/data", message=message, code="type")])
