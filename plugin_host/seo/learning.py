"""Patterns that plugins apply to records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from core.models import Event, Record
from core.schema_keywords import as_uuid
from core.scope import acting_as, current_actor, require_tenant
from core.selectors.records import record_with_id
from core.services.records import update_record
from core.signals import event_recorded
from plugin_host.dispatch.binding import plugin_actor
from plugin_host.dispatch.events import event_changes
from plugin_host.errors import PluginError
from plugin_host.hooks.seo_metrics import AppliedLearning, DiscoveredPattern
from plugin_host.identifiers import is_text
from plugin_host.models.seo import MAX_PATTERN_NAME_LENGTH, SEOLearning, SEOPattern

LEARNING_EVENT: Final = "seo.learning_applied"


def apply_learning(
    plugin_id: str,
    pattern: DiscoveredPattern | str,
    content_id: UUID | str,
    change: Mapping[str, Any],
    *,
    expected_version: int | None = None,
) -> AppliedLearning:
    """Change fields of a record because of a pattern, as the plugin, and tell plugins; all of it or nothing.

    A change that changes nothing is no learning: the answer's `change` is empty and nobody is told.

    Raises:
        NotFound, Invalid, Stale: as `update_record`.
        PluginError: The pattern has no name, or another plugin refuses.
    """
    name, row = _named(pattern)
    with acting_as(plugin_actor(plugin_id)):
        record = record_with_id(content_id)
        payload = {"pattern": name, "content_id": str(record.pk), "change": dict(change), "plugin": plugin_id}
        extra = event_changes(
            LEARNING_EVENT,
            lambda: payload,
            actor=current_actor(),
            collection_name=record.collection.name,
        )
        learnt: list[AppliedLearning] = []

        def note(changed: Record) -> None:
            made = {field: changed.data.get(field) for field in change}
            learnt.append(AppliedLearning(pattern=name, content_id=str(changed.pk), change=made))
            _record(plugin_id, name, row, changed, made, payload | {"change": made} | extra)

        update_record(
            record_id=record.pk,
            data=change,
            merge=True,
            expected_version=expected_version,
            comment=f"Learnt from {name}",
            also=note,
        )
    return learnt[0] if learnt else AppliedLearning(pattern=name, content_id=str(record.pk))


def _named(pattern: DiscoveredPattern | str) -> tuple[str, SEOPattern | None]:
    """Return a pattern's name, and its row where it is one that the host has found and still keeps."""
    if isinstance(pattern, DiscoveredPattern):
        identity = as_uuid(str(pattern.evidence.get("pattern_id", "")))
        row = SEOPattern.objects.filter(pk=identity).first() if identity is not None else None
        return _checked(pattern.name), row
    return _checked(pattern), None


def _checked(name: object) -> str:
    if not is_text(name) or len(str(name)) > MAX_PATTERN_NAME_LENGTH:
        raise PluginError(
            f"A learning names its pattern: a DiscoveredPattern or a text of up to {MAX_PATTERN_NAME_LENGTH} "
            f"characters, not {name!r:.80}."
        )
    return str(name)


def _record(
    plugin_id: str,
    name: str,
    pattern: SEOPattern | None,
    record: Record,
    change: dict[str, Any],
    payload: dict[str, Any],
) -> None:
    scope = require_tenant()
    now = timezone.now()
    SEOLearning.objects.create(
        plugin=plugin_id,
        pattern=pattern,
        pattern_name=name,
        record_id=record.pk,
        record_version=record.version,
        collection_name=record.collection.name,
        change=change,
        applied_at=now,
    )
    event = Event.objects.create(
        type=LEARNING_EVENT,
        collection_name=record.collection.name,
        record_id=record.pk,
        record_version=record.version,
        payload=payload,
        actor=scope.actor.reference[:120],
        actor_label=scope.actor.label[:254],
        correlation_id=scope.correlation_id,
        causation_id=scope.causation_id,
        depth=scope.depth,
        created_at=now,
    )
    event_recorded.send(sender=Event, event=event)
