"""JSON Schema (draft-07): is the schema sound, does a value fit, and what is missing.

Two libraries share the work: jsonschema-rs says whether (a microsecond), jsonschema says why (for values that
do not fit only). Nothing is ever fetched: references may point into the same schema only.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NoReturn

import jsonschema_rs
from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import NoSuchResource, Unresolvable

from core.errors import FieldError, Invalid
from core.json_messages import field_errors
from core.json_patterns import BoundedValidator, undeclared

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
MAX_ERRORS = 100
_KEPT_VALIDATORS = 512
_FORMATS: FormatChecker = Draft7Validator.FORMAT_CHECKER

type Schema = Mapping[str, Any]

_MANY = ("properties", "patternProperties", "definitions", "dependencies", "$defs")
_ONE = (
    "items",
    "additionalItems",
    "additionalProperties",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "not",
)
_LIST = ("allOf", "anyOf", "oneOf", "items")


class SchemaValidator:
    """A schema made ready for many values.

    Args:
        schema: A sound draft-07 schema (see `check_schema`); it must not be changed afterwards.
    """

    __slots__ = ("_asks_why", "_is_valid", "schema")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        fast = jsonschema_rs.Draft7Validator(dict(schema), validate_formats=True, offline=True)
        self._is_valid: Callable[[Any], bool] = fast.is_valid
        self._asks_why = _explaining(schema)

    def is_valid(self, value: Any) -> bool:
        """Say whether `value` fits; it must be made of JSON types."""
        try:
            return self._is_valid(value)
        except (ValueError, TypeError):
            return False  # not JSON: the explaining side says so

    def errors(self, value: Any) -> list[FieldError]:
        """Return every fault of `value`, the outermost first; none where it fits."""
        if self.is_valid(value):
            return []
        if (fault := _not_json(value)) is not None:
            return [fault]
        try:
            return field_errors(self._asks_why.iter_errors(value), limit=MAX_ERRORS)
        except RecursionError:
            message = "The schema refers to itself without end here, so nothing can fit it."
            return [FieldError(pointer="", message=message, code="schema")]

    def check(self, value: Any, message: str = "The input does not fit the schema.") -> None:
        """Pass a value that fits.

        Raises:
            Invalid: with one entry per fault.
        """
        if errors := self.errors(value):
            raise Invalid(message, errors=errors)


_validators: OrderedDict[str, SchemaValidator] = OrderedDict()
_validators_lock = threading.Lock()


def validator_for(schema: Schema) -> SchemaValidator:
    """Return the validator of a schema; equal schemas share one."""
    key = json.dumps(schema, separators=(",", ":"))
    with _validators_lock:
        if (known := _validators.get(key)) is not None:
            _validators.move_to_end(key)
            return known
    made = SchemaValidator(json.loads(key))  # a copy, so that the caller may change its own
    with _validators_lock:
        _validators[key] = made
        if len(_validators) > _KEPT_VALIDATORS:
            _validators.popitem(last=False)
    return made


def validate(schema: Schema, value: Any) -> list[FieldError]:
    """Return every fault of `value` under `schema`, with JSON pointers; none where it fits."""
    return validator_for(schema).errors(value)


def check_schema(schema: object) -> list[FieldError]:
    """Return what is wrong with a schema itself; none where it is sound.

    It must be draft-07, refer to nothing outside itself, and each `default` must satisfy its own subschema.
    """
    if not isinstance(schema, Mapping):
        return [
            FieldError(pointer="", message=f"A schema is a JSON object, not {_kind(schema)}.", code="type")
        ]
    if (fault := _not_json(schema)) is not None:
        return [fault]
    named = schema.get("$schema", DRAFT_7)
    if not isinstance(named, str) or named.rstrip("#") != DRAFT_7.rstrip("#"):
        return [
            FieldError(
                pointer="/$schema", message=f"Only draft-07 is understood: write {DRAFT_7!r}.", code="draft"
            )
        ]
    errors = _metaschema_errors(schema)
    if errors:
        return errors
    errors = [
        error for path, part in _subschemas(schema, ()) for error in _reference_errors(schema, path, part)
    ]
    if errors:
        return errors
    try:
        SchemaValidator(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        return [FieldError(pointer="", message=f"The schema cannot be used: {error}", code="schema")]
    return _default_errors(schema)


def fill_defaults(schema: Schema, value: Any) -> Any:
    """Return a deep copy of `value` in which missing properties have their defaults.

    A missing object whose own properties all have defaults, or need none, is made too; a list's
    entries are completed one by one.
    """
    return _filled(schema, deepcopy(value), schema, frozenset())


def schema_defaults(schema: Schema) -> dict[str, Any]:
    """Return the object that a schema's defaults make by themselves."""
    filled = fill_defaults(schema, {})
    assert isinstance(filled, dict)  # an object goes in
    return filled


def prune_blank(schema: Schema, value: Any) -> Any:
    """Return `value` without the blanks that a form posts for untouched optional fields.

    `""` and `None` go where the property is not required and its schema refuses them; `""` entries of lists go too.
    """
    return _pruned(schema, value, schema)


def prune_unknown(schema: Schema, value: Any) -> Any:
    """Return `value` without properties that a closed object (`additionalProperties: false`) does not know."""
    part = _resolved(schema, schema)
    return _without_unknown(part, value, schema)


def described_parts(schema: Schema, value: Any) -> Iterator[tuple[tuple[str | int, ...], Schema, Any]]:
    """Yield (path, subschema, part) of a value and of everything in it that `properties` and `items` describe."""
    yield from _described(schema, value, schema, ())


def subschemas(schema: Schema) -> Iterator[tuple[tuple[str | int, ...], Schema]]:
    """Yield (path, subschema) of a schema and of every schema in it."""
    yield from _subschemas(schema, ())


def pointer_to(path: Iterable[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) of a path of keys and positions."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _described(
    schema: Any, value: Any, root: Schema, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Schema, Any]]:
    part = _resolved(schema, root)
    yield path, part, value
    if isinstance(value, Mapping):
        for name, child in part.get("properties", {}).items():
            if name in value:
                yield from _described(child, value[name], root, (*path, name))
    elif isinstance(value, list) and isinstance(items := part.get("items"), Mapping):
        for place, entry in enumerate(value):
            yield from _described(items, entry, root, (*path, place))


def _explaining(schema: Schema, root: Schema | None = None) -> Draft7Validator:
    registry: Registry[Any] = Registry(retrieve=_refuse_to_fetch)  # type: ignore[call-arg]  # an attrs alias
    whole = BoundedValidator(
        dict(root if root is not None else schema), registry=registry, format_checker=_FORMATS
    )
    # Evolved, it goes on resolving references against the whole.
    return whole if root is None else whole.evolve(schema=schema)  # type: ignore[return-value]  # same class


def _refuse_to_fetch(uri: str) -> NoReturn:
    raise NoSuchResource(ref=uri)  # type: ignore[call-arg]  # an attrs class


def _metaschema_errors(schema: Schema) -> list[FieldError]:
    errors = field_errors(Draft7Validator(Draft7Validator.META_SCHEMA).iter_errors(schema), limit=MAX_ERRORS)
    if errors:
        return errors
    try:
        Draft7Validator.check_schema(schema, format_checker=_FORMATS)
    except SchemaError as error:
        return [
            FieldError(pointer=pointer_to(error.absolute_path), message=f"{error.message}.", code="schema")
        ]
    return [
        FieldError(
            pointer=pointer_to((*path, "pattern")),
            message=f"The pattern {part['pattern']!r} is no regular expression: {fault}.",
            code="pattern",
        )
        for path, part in _subschemas(schema, ())
        if "pattern" in part and (fault := _pattern_fault(part["pattern"])) is not None
    ]


def _pattern_fault(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return None


def _reference_errors(root: Schema, path: tuple[str | int, ...], part: Schema) -> Iterator[FieldError]:
    reference = part.get("$ref")
    if reference is None:
        return
    where = pointer_to((*path, "$ref"))
    if not reference.startswith("#"):
        yield FieldError(
            pointer=where,
            message=f"{reference!r} points outside the schema: move it under 'definitions' and point there.",
            code="ref",
        )
    elif _lookup(root, reference) is None:
        yield FieldError(
            pointer=where, message=f"{reference!r} points at nothing in this schema.", code="ref"
        )
    elif _leads_back(part, root):
        yield FieldError(
            pointer=where,
            message=f"{reference!r} leads back to itself and describes nothing: let it point at a schema of its own.",
            code="ref",
        )


def _leads_back(part: Schema, root: Schema) -> bool:
    """Say whether asking a schema about a value ends in asking it about the same value again."""
    seen: set[int] = set()
    waiting = list(_about_the_same_value(part, root))
    while waiting:
        current = waiting.pop()
        if current is part:
            return True
        if id(current) not in seen:
            seen.add(id(current))
            waiting += _about_the_same_value(current, root)
    return False


def _about_the_same_value(part: Any, root: Schema) -> Iterator[Any]:
    if not isinstance(part, Mapping):
        return
    if isinstance(reference := part.get("$ref"), str):
        yield _lookup(root, reference)  # draft-07 reads nothing beside it
        return
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from part.get(keyword, ())
    for keyword in ("not", "if", "then", "else"):
        yield part.get(keyword)


def _default_errors(root: Schema) -> list[FieldError]:
    found: list[FieldError] = []
    for path, part in _subschemas(root, ()):
        if "default" not in part:
            continue
        try:
            errors = field_errors(_explaining(part, root).iter_errors(part["default"]), limit=MAX_ERRORS)
        except Unresolvable as error:
            errors = [FieldError(pointer="", message=f"{error}", code="ref")]
        found.extend(
            FieldError(
                pointer=pointer_to((*path, "default")) + error.pointer,
                message=f"The default does not fit its own schema: {error.message}",
                code="default",
            )
            for error in errors
        )
    return found


def _subschemas(schema: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Schema]]:
    if not isinstance(schema, Mapping):
        return
    yield path, schema
    for keyword in _MANY:
        if isinstance(parts := schema.get(keyword), Mapping):
            for name, part in parts.items():
                yield from _subschemas(part, (*path, keyword, name))
    for keyword in _ONE:
        yield from _subschemas(schema.get(keyword), (*path, keyword))
    for keyword in _LIST:
        if isinstance(listed := schema.get(keyword), list):
            for place, part in enumerate(listed):
                yield from _subschemas(part, (*path, keyword, place))


def _lookup(root: Schema, reference: str) -> Schema | bool | None:
    part: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, Mapping) and key in part:
            part = part[key]
        elif isinstance(part, Sequence) and key.isdigit() and int(key) < len(part):
            part = part[int(key)]
        else:
            return None
    return part if isinstance(part, Mapping | bool) else None


def _resolved(schema: Any, root: Schema) -> Schema:
    """Return the schema that `schema` stands for: what its `$ref` points at, in as many steps as it takes."""
    seen: set[str] = set()
    while isinstance(schema, Mapping) and isinstance(reference := schema.get("$ref"), str):
        if reference in seen:
            return {}
        seen.add(reference)
        schema = _lookup(root, reference)
    return schema if isinstance(schema, Mapping) else {}


def _filled(schema: Any, value: Any, root: Schema, parents: frozenset[int]) -> Any:
    part = _resolved(schema, root)
    chain = parents | {id(part)}
    for alternative in part.get("allOf", ()):
        # A schema that contains itself would be gone through without end.
        if id(_resolved(alternative, root)) not in chain:
            value = _filled(alternative, value, root, chain)
    if isinstance(value, dict):
        for name, child in part.get("properties", {}).items():
            if name in value:
                value[name] = _filled(child, value[name], root, parents)
            else:
                _add_missing(name, child, value, root, parents | {id(part)})
    elif isinstance(value, list):
        items = part.get("items")
        if isinstance(items, list):
            value[: len(items)] = [_filled(*pair, root, parents) for pair in zip(items, value, strict=False)]
        elif items is not None:
            value[:] = [_filled(items, entry, root, parents) for entry in value]
    return value


def _add_missing(name: str, child: Any, value: dict[str, Any], root: Schema, parents: frozenset[int]) -> None:
    # A default beside a $ref is no draft-07 (the reference hides it), but it is what everybody writes and means.
    resolved = _resolved(child, root)
    for source in (child, resolved):
        if isinstance(source, Mapping) and "default" in source:
            value[name] = _filled(child, deepcopy(source["default"]), root, parents)
            return
    # A schema that contains itself would be filled without end.
    if "properties" not in resolved or id(resolved) in parents:
        return
    made = _filled(resolved, {}, root, parents)
    if made and all(needed in made for needed in resolved.get("required", ())):
        value[name] = made


def _pruned(schema: Any, value: Any, root: Schema) -> Any:
    part = _resolved(schema, root)
    if isinstance(value, dict):
        properties = part.get("properties", {})
        required = part.get("required", ())
        kept = {}
        for name, child in value.items():
            child_schema = properties.get(name, {})
            pruned = _pruned(child_schema, child, root)
            if name in required or not _is_refused_blank(child_schema, pruned, root):
                kept[name] = pruned
        return kept
    if isinstance(value, list):
        items = part.get("items", {})
        items = items if isinstance(items, Mapping) else {}
        entries = [_pruned(items, entry, root) for entry in value]
        return [entry for entry in entries if not _is_refused_blank(items, entry, root)]
    return value


def _is_refused_blank(schema: Any, value: Any, root: Schema) -> bool:
    if value not in ("", None):
        return False
    part = _resolved(schema, root)
    return bool(part) and not _explaining(part, root).is_valid(value)


def _without_unknown(schema: Any, value: Any, root: Schema) -> Any:
    part = _resolved(schema, root)
    if isinstance(value, dict):
        properties = part.get("properties", {})
        dropped = undeclared(part, value) if part.get("additionalProperties") is False else ()
        return {
            name: _without_unknown(properties.get(name, {}), child, root)
            for name, child in value.items()
            if name not in dropped
        }
    if isinstance(value, list) and isinstance(items := part.get("items"), Mapping):
        return [_without_unknown(items, entry, root) for entry in value]
    return value


def _not_json(value: Any) -> FieldError | None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return FieldError(pointer="", message=f"This is not JSON: {error}.", code="json")
    return None


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(
        type(value), type(value).__name__
    )
