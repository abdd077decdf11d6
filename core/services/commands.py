"""Use cases of the content services as values, so that apps above `core` may take part in them.

A service makes a `CommandCall` of what it was asked, checks permission, and lets receivers of `before_command` replace
the arguments. What it then does runs inside `run_command`: where it fails, receivers of `command_failed` may answer
instead; where it succeeds, the service sends `command_completed` inside its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast
from uuid import UUID

from django.db import DatabaseError

from core.actors import Actor
from core.errors import FieldError, Forbidden, Invalid, NoScope, TenantryError, Unauthenticated
from core.json_schema import validate
from core.models import Collection, Record
from core.selectors.records import collection_named, record_with_id
from core.signals import before_command, command_completed, command_failed

type Schema = Mapping[str, Any]

_TEXT: Final = {"type": "string"}
_TEXT_OR_NONE: Final = {"type": ["string", "null"]}
_FLAG: Final = {"type": "boolean"}
_FLAG_OR_NONE: Final = {"type": ["boolean", "null"]}
_VERSION: Final = {"type": ["integer", "null"], "minimum": 0}
_OBJECT: Final = {"type": "object"}
_OBJECT_OR_NONE: Final = {"type": ["object", "null"]}
_MOMENT_OR_NONE: Final = {"type": ["string", "null"], "format": "date-time"}
_SURROUNDINGS: Final = {
    "title": _TEXT_OR_NONE,
    "description": _TEXT_OR_NONE,
    "is_public": _FLAG_OR_NONE,
    "has_pages": _FLAG_OR_NONE,
    "requires_if_match": _FLAG_OR_NONE,
}


def _arguments(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


# What each use case takes, as JSON; the names are those of the services' own arguments.
COMMANDS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "create_record": _arguments(
            collection=_TEXT, data=_OBJECT, title=_TEXT, slug=_TEXT, locale=_TEXT, comment=_TEXT
        ),
        "update_record": _arguments(
            record_id=_TEXT,
            data=_OBJECT_OR_NONE,
            merge=_FLAG,
            title=_TEXT_OR_NONE,
            slug=_TEXT_OR_NONE,
            locale=_TEXT_OR_NONE,
            expected_version=_VERSION,
            comment=_TEXT,
        ),
        "delete_record": _arguments(record_id=_TEXT, expected_version=_VERSION),
        "publish_record": _arguments(
            record_id=_TEXT, expected_version=_VERSION, published_at=_MOMENT_OR_NONE, comment=_TEXT
        ),
        "unpublish_record": _arguments(record_id=_TEXT, expected_version=_VERSION, comment=_TEXT),
        "create_collection": _arguments(
            name=_TEXT,
            schema=_OBJECT,
            title=_TEXT,
            description=_TEXT,
            is_public=_FLAG,
            has_pages=_FLAG,
            requires_if_match=_FLAG,
        ),
        "update_collection": _arguments(name=_TEXT, **_SURROUNDINGS),
        "update_collection_schema": _arguments(name=_TEXT, schema=_OBJECT, allow_misfits=_FLAG),
        "delete_collection": _arguments(name=_TEXT),
    }
)


# Neither compared nor hashed by value: receivers keep what belongs to one call beside it.
@dataclass(slots=True, eq=False, weakref_slot=True)
class CommandCall:
    """One use case that somebody asks for.

    Args:
        name: One of `COMMANDS`.
        arguments: What the service was called with.
        actor: Who asks.
        has_begun: Whether plugins have let it through; what fails before is the caller's own mistake.
    """

    name: str
    arguments: dict[str, Any]
    actor: Actor
    has_begun: bool = False

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def json_arguments(self) -> dict[str, Any]:
        """Return the arguments as JSON values; not a copy of what is JSON already."""
        return {name: _as_json(value) for name, value in self.arguments.items()}

    def replace_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Take other arguments, as JSON values without `argument_faults`."""
        self.arguments = dict(arguments)
        if isinstance(moment := self.arguments.get("published_at"), str):
            self.arguments["published_at"] = datetime.fromisoformat(moment.upper())


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What a service answers instead of its error; the value is of the service's own type."""

    value: Record | Collection | None


def argument_faults(name: str, arguments: Mapping[str, Any]) -> list[FieldError]:
    """Return why a use case cannot be called with these JSON values; pointers begin with the argument's name."""
    faults = validate(COMMANDS[name], dict(arguments))
    if not faults and isinstance(moment := arguments.get("published_at"), str):
        try:
            datetime.fromisoformat(moment.upper())
        except ValueError:
            # Such as a leap second, which the format allows and no calendar here has.
            message = f"{moment!r} is no moment that can be kept; write one such as 2026-01-31T12:00:00Z."
            return [FieldError(pointer="/published_at", message=message, code="format")]
    return faults


def let_through(command: CommandCall) -> bool:
    """Send `before_command` and say whether the arguments are other ones now, so that all checks begin again."""
    was = command.arguments
    before_command.send(sender=CommandCall, command=command)
    command.has_begun = True
    return command.arguments is not was


def run_command[T](command: CommandCall, run: Callable[[CommandCall], T]) -> T:
    """Carry out a use case, or answer what a receiver of `command_failed` has to offer instead.

    Raises:
        TenantryError, DatabaseError: whatever it fails with.
    """
    try:
        return run(command)
    except (TenantryError, DatabaseError) as error:
        answer = answer_instead(command, error)
        if answer is None:
            raise
        return cast("T", answer.value)


def answer_instead(command: CommandCall, error: Exception) -> CommandAnswer | None:
    """Ask for an answer to give instead of an error; nobody is asked about what the caller may not do at all."""
    if not command.has_begun or isinstance(error, Forbidden | Unauthenticated | NoScope):
        return None
    answers = command_failed.send(sender=CommandCall, command=command, error=error)
    return next((answer for _, answer in answers if answer is not None), None)


def complete_command(
    command: CommandCall | None, *, record: Record | None = None, collection: Collection | None = None
) -> None:
    """Say that a use case has done its work; called inside its transaction."""
    if command is not None:
        command_completed.send(sender=CommandCall, command=command, record=record, collection=collection)


def read_answer(command: CommandCall, given: object) -> CommandAnswer:
    """Return what a service answers where `given` is offered instead of its error.

    Args:
        given: The id of a record, or a dictionary with `content_id`; for use cases of collections the name of one, or
            a dictionary with `name`. Where the use case answers nothing, anything.

    Raises:
        Invalid: It names nothing.
        NotFound: What it names is not there.
    """
    if command.name in ("delete_record", "delete_collection"):
        return CommandAnswer(None)
    of_record = "record" in command.name
    key = "content_id" if of_record else "name"
    named = given.get(key) if isinstance(given, Mapping) else given
    if not isinstance(named, str | UUID):
        what = "the id of a record" if of_record else "the name of a collection"
        raise Invalid(
            f"An answer to {command.name} is {what}, or a dictionary with {key!r}, not {given!r:.80}."
        )
    return CommandAnswer(record_with_id(named) if of_record else collection_named(str(named)))


def _as_json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Collection):
        return value.name
    if isinstance(value, Mapping):
        return dict(value)
    return value.isoformat() if isinstance(value, datetime) else value
