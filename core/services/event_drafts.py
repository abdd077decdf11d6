"""An event before it is recorded, so that apps above `core` may take part in what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.services.commands import CommandCall
from core.signals import before_event


@dataclass(slots=True, kw_only=True, eq=False)
class EventDraft:
    """What will be recorded if the operation goes through; made before its transaction, with what is known then.

    Args:
        make_payload: Makes the payload; a call costs queries, so only who wants it makes it.
        changes: Keys of the payload and what they shall say instead; receivers add to it.
    """

    type: str
    collection_name: str
    make_payload: Callable[[], dict[str, Any]]
    command: CommandCall | None = None
    changes: dict[str, Any] = field(default_factory=dict)


def filtered_event(
    kind: str,
    *,
    collection_name: str,
    make_payload: Callable[[], dict[str, Any]],
    command: CommandCall | None,
) -> Mapping[str, Any]:
    """Send `before_event` and return what the event's payload shall say besides, or instead.

    Raises:
        TenantryError: A receiver refuses the operation.
    """
    draft = EventDraft(type=kind, collection_name=collection_name, make_payload=make_payload, command=command)
    before_event.send(sender=EventDraft, draft=draft)
    return draft.changes
