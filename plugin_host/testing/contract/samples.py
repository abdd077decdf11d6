"""Values made up: from JSON Schemas, and for the arguments of every hook of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from core.json_schema import fill_defaults, validate
from plugin_host.context import EventType, HookContext, RecordEvent
from plugin_host.hooks.commands import Command
from plugin_host.hooks.health_monitor import HealthCheckContext, HealthCheckDefinition, HealthStatus
from plugin_host.hooks.scheduled_tasks import (
    ScheduledTaskDefinition,
    TaskExecutionContext,
    TaskResult,
    TaskSchedule,
)
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern, SEOMetricsPayload

_SLOT: Final = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_TEXT: Final = _SLOT.isoformat()
_LONGEST_TEXT: Final = 200
_DEPTH: Final = 8
# Where schemas keep what they refer to.
_NAMED_PARTS: Final = ("definitions", "$defs", "components")


class NoSample(ValueError):
    """No value could be made up; the plugin has to bring one."""


def sample_of(schema: Mapping[str, Any], *, text: str, url: str) -> Any:
    """Return a value that a JSON Schema accepts: what is required, and defaults.

    Args:
        text: What free texts are made of.
        url: What addresses begin with.

    Raises:
        NoSample: with the place for which nothing was found.
    """
    return _Sampler(schema, text=text, url=url).value(schema, "")


class _Sampler:
    def __init__(self, root: Mapping[str, Any], *, text: str, url: str) -> None:
        self._root = root
        self._named_parts = {name: root[name] for name in _NAMED_PARTS if name in root}
        self._text = text
        self._url = url

    def value(self, schema: Any, pointer: str, depth: int = 0) -> Any:
        schema = self._resolved(schema)
        for candidate in self._candidates(schema, pointer, depth):
            if not validate({**self._named_parts, **schema}, candidate):
                return candidate
        raise NoSample(f"no value for {pointer or 'the whole'} could be made up from its schema")

    def _resolved(self, schema: Any) -> dict[str, Any]:
        if not isinstance(schema, Mapping):
            return {}
        found = dict(schema)
        for _ in range(_DEPTH):
            reference = found.pop("$ref", None)
            if not isinstance(reference, str) or not reference.startswith("#/"):
                break
            part: Any = self._root
            for name in reference[2:].split("/"):
                part = part[name.replace("~1", "/").replace("~0", "~")]
            found = {**part, **found}
        for part in found.pop("allOf", ()):
            inner = self._resolved(part)
            found = {**inner, **found, "required": [*inner.get("required", ()), *found.get("required", ())]}
            found["properties"] = {**inner.get("properties", {}), **found.get("properties", {})}
        return found

    def _candidates(self, schema: dict[str, Any], pointer: str, depth: int) -> Iterator[Any]:
        if "default" in schema:
            yield schema["default"]
        if "const" in schema:
            yield schema["const"]
        yield from schema.get("examples", ())
        yield from schema.get("enum", ())
        for way in ("oneOf", "anyOf"):
            for part in schema.get(way, ()):
                rest = {key: value for key, value in schema.items() if key != way}
                yield self.value({**rest, **self._resolved(part)}, pointer, depth + 1)
        kinds = schema.get("type") or ("object" if "properties" in schema else "string")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            yield from self._of_kind(kind, schema, pointer, depth)

    def _of_kind(self, kind: str, schema: dict[str, Any], pointer: str, depth: int) -> Iterator[Any]:
        match kind:
            case "string":
                yield from _cut(self._texts(schema.get("format", "")), schema)
            case "integer" | "number":
                yield from _numbers(schema)
            case "boolean":
                yield True
                yield False
            case "null":
                yield None
            case "array":
                yield self._array(schema, pointer, depth)
            case "object":
                yield self._object(schema, pointer, depth)

    def _object(self, schema: dict[str, Any], pointer: str, depth: int) -> dict[str, Any]:
        parts = schema.get("properties", {})
        filled = fill_defaults(schema, {})
        made = dict(filled) if isinstance(filled, Mapping) else {}
        for name in schema.get("required", ()):
            if name not in made and depth < _DEPTH:
                made[name] = self.value(parts.get(name, {}), f"{pointer}/{name}", depth + 1)
        return made

    def _array(self, schema: dict[str, Any], pointer: str, depth: int) -> list[Any]:
        items, least = schema.get("items", {}), schema.get("minItems", 0)
        made: list[Any] = []
        for number in range(least):
            part = self._resolved(items[number] if isinstance(items, list) else items)
            if "enum" in part and schema.get("uniqueItems"):
                part["enum"] = [choice for choice in part["enum"] if choice not in made]
            made.append(self.value(part, f"{pointer}/{number}", depth + 1))
        return made

    def _texts(self, form: str) -> Iterator[str]:
        by_format = {
            "uri": self._url,
            "url": self._url,
            "email": f"{self._text}@example.org",
            "uuid": str(UUID(int=7)),
            "date": "2026-01-05",
            "date-time": _SLOT.isoformat(),
            "time": "06:00:00Z",
            "hostname": "example.org",
            "ipv4": "192.0.2.1",
            "ipv6": "2001:db8::1",
        }
        if form in by_format:
            yield by_format[form]
        yield self._text
        # What patterns usually ask for.
        yield from (self._url, re.sub(r"[^a-z]", "", self._text), re.sub(r"\W", "-", self._text))
        yield from ("a", "A", "1", "12345678", "#336699", "en", "EUR", "Europe/Vienna", "0 6 * * *", "")
        yield from ("articles", "example.org", "/articles", "1.0.0", "/", "a" * 32, "A" * 20, "0" * 40)


def _cut(texts: Iterator[str], schema: dict[str, Any]) -> Iterator[str]:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", _LONGEST_TEXT)
    for text in texts:
        yield text[:longest] if len(text) >= shortest else (text + "a" * shortest)[:longest]


def _numbers(schema: dict[str, Any]) -> Iterator[Any]:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    step = schema.get("multipleOf", 1)
    yield from (number for number in (low, high) if number is not None)
    start = low if low is not None else 0
    yield from (start + step, step, 0, 1, schema.get("exclusiveMaximum", 0) - step)


class HookArguments:
    """Arguments for every hook, about one tenant and one piece of its content."""

    def __init__(self, context: HookContext, content: Mapping[str, Any], plugin_id: str) -> None:
        self.context = context
        self._content = content
        self._plugin_id = plugin_id

    def of(self, hook: str, names: Sequence[str]) -> tuple[Any, ...]:
        """Return the arguments of a hook.

        Args:
            names: Of the arguments, in the order in which the plugin takes them.

        Raises:
            NoSample: The catalogue has an argument that nobody has made a sample for.
        """
        known = self._known() | self._known_of(hook)
        for name in names:
            if name not in known:
                raise NoSample(f"{hook} has an argument {name!r} for which there is no sample")
        return tuple(known[name] for name in names)

    def record_event(self, event_type: str) -> RecordEvent:
        """Return an event as handlers in function style get it."""
        content = self._content
        return RecordEvent(
            type=EventType(event_type),
            collection_name=content["collection"],
            record_id=content["content_id"],
            data={**content["data"], "id": content["content_id"], "created": _TEXT, "updated": _TEXT},
            timestamp=_TEXT,
            id=uuid4(),
            tenant_id=self.context.tenant_id,
            tenant_slug=self.context.tenant_slug,
            actor="system:tests",
        )

    def task(self) -> ScheduledTaskDefinition:
        """Return a task, for hooks that are told of one."""
        schedule = TaskSchedule(interval_seconds=3600)
        return ScheduledTaskDefinition(f"{self._plugin_id}.sample", "Sample", schedule)

    def check(self) -> HealthCheckDefinition:
        """Return a check of the plugin, at the tenant's own host."""
        domain = str(self._content["domain"] or "example.org")
        return HealthCheckDefinition(f"{self._plugin_id}.default", "Default", target=domain)

    def execution(self, task_id: str) -> TaskExecutionContext:
        """Return the first attempt at a task."""
        return TaskExecutionContext(
            task_id, uuid4(), _SLOT, datetime.now(UTC), attempt=1, tenant_id=self.context.tenant_id
        )

    def _known(self) -> dict[str, Any]:
        content_id = str(self._content["content_id"])
        pattern = DiscoveredPattern("short-titles", 0.9, {"pages": 12})
        check = self.check()
        return {
            "ctx": self.context,
            "content_id": content_id,
            "content": deepcopy(dict(self._content)),
            "metadata": self._metadata(),
            "command": Command("publish_record", {"record_id": content_id}),
            "result": deepcopy(dict(self._content)),
            "error": ValueError("a sample"),
            "event": self._event(),
            "payload": SEOMetricsPayload("sample", "example.org", {"clicks": 10, "impressions": 200}),
            "pattern": pattern,
            "learning": AppliedLearning(pattern.name, content_id, {"title": "Shorter"}),
            "task": self.task(),
            "execution_ctx": self.execution(self.task().task_id),
            "check": check,
            "check_type": check.check_type,
            "target": check.target,
            "previous": HealthStatus.HEALTHY,
            "current": HealthStatus.UNHEALTHY,
        }

    def _known_of(self, hook: str) -> dict[str, Any]:
        """What an argument is for one hook alone."""
        match hook:
            case "dvp_task_completed":
                return {"result": TaskResult(success=True)}
            case "dvp_task_failed":
                return {"result": TaskResult(success=False, error_message="a sample")}
            case "dvp_execute_health_check":
                target = self.check().target
                return {"execution_ctx": HealthCheckContext(uuid4(), target, 1, _SLOT)}
        return {}

    def _metadata(self) -> dict[str, Any]:
        return {
            "event_id": str(uuid4()),
            "event_type": "sample",
            "occurred_at": _TEXT,
            "delivery_id": str(uuid4()),
            "attempt": 1,
            "actor": "system:tests",
            "version": self._content["version"],
            "plugin": self._plugin_id,
        }

    def _event(self) -> dict[str, Any]:
        return {
            "id": str(uuid4()),
            "type": "record.published",
            "collection": self._content["collection"],
            "record_id": self._content["content_id"],
            "version": self._content["version"],
            "payload": {"title": self._content["title"]},
            "actor": "system:tests",
            "correlation_id": str(uuid4()),
            "causation_id": None,
            "created_at": _TEXT,
        }
