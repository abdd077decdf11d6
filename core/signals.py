"""How apps above `core` take part in changes of content.

`before_*` are sent with no transaction open, after the actor's permission was checked and before anything is written.
Receivers run in the order of their connection; raising a `TenantryError` refuses the change and reaches the caller as
it is. Whatever a receiver changes is validated afterwards like the caller's own input.

`command_completed` and `event_recorded` are sent inside the transaction that writes the change: what a receiver
writes commits or vanishes with it, and raising undoes all of it. Receivers must not wait for anything but the
database there. `command_failed` is sent after that transaction has been undone. `tenant_changed` is sent inside the
transaction too, in the tenant's scope, when its time zone or its hosts are others than before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from django.dispatch import Signal


class DirectSignal(Signal):
    """A Django signal with strong references and one kind of sender, whose `send` does nothing but call.

    Nearly all of them are sent with every change and answered by nobody; the bookkeeping of a plain `Signal` costs
    several times what finding that out costs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._in_order: dict[Hashable, Callable[..., Any]] = {}

    def connect(
        self,
        receiver: Callable[..., Any],
        sender: object | None = None,
        weak: bool = False,
        dispatch_uid: Hashable | None = None,
    ) -> None:
        """Have `receiver` called from now on, whoever sends; one of the same `dispatch_uid` is connected once."""
        super().connect(receiver, sender=None, weak=False, dispatch_uid=dispatch_uid)
        self._in_order = {**self._in_order, dispatch_uid or id(receiver): receiver}

    def disconnect(
        self,
        receiver: Callable[..., Any] | None = None,
        sender: object | None = None,
        dispatch_uid: Hashable | None = None,
    ) -> bool:
        """Take a receiver out again."""
        gone = dispatch_uid or id(receiver)
        self._in_order = {uid: one for uid, one in self._in_order.items() if uid != gone}
        return super().disconnect(receiver, dispatch_uid=dispatch_uid)

    def send(self, sender: object = None, **named: Any) -> list[tuple[Any, Any]]:
        """Call the receivers in the order of their connection; the first that raises ends it."""
        return [
            (receiver, receiver(sender=sender, signal=self, **named)) for receiver in self._in_order.values()
        ]


# command: core.services.commands.CommandCall, whose arguments receivers may replace.
before_command = DirectSignal()

# command: the same, as it ran. record: core.models.Record as it is now, for a deletion as it was last, its collection
# loaded; None for use cases of collections. collection: core.models.Collection; None for those of records.
command_completed = DirectSignal()

# command: the same, as it ran; error: what it failed with. A receiver that returns a
# core.services.commands.CommandAnswer has the service answer that instead; the first one counts.
command_failed = DirectSignal()

# draft: core.services.drafts.RecordDraft, whose data, slug, title and locale receivers may replace.
before_record_create = DirectSignal()

# draft: the same, with `record` (as stored) and `previous` (its state before).
before_record_update = DirectSignal()

# record: core.models.Record with its collection loaded; actor: core.actors.Actor; command: CommandCall.
before_record_delete = DirectSignal()
before_record_unpublish = DirectSignal()

# The same; notes: core.services.publishing.PublicationNotes, to which receivers add what the person should know.
before_record_publish = DirectSignal()

# draft: core.services.event_drafts.EventDraft, to whose `changes` receivers add what the event shall say instead.
before_event = DirectSignal()

# event: core.models.Event, already stored.
event_recorded = DirectSignal()

# tenant_id: UUID.
tenant_changed = DirectSignal()
