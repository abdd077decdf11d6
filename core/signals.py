"""How apps above `core` take part in changes of content.

`before_*` are sent with no transaction open, after the actor's permission was checked and before anything is written.
Receivers run in the order of their connection; raising a `TenantryError` refuses the change and reaches the caller as
it is. Whatever a receiver changes is validated afterwards like the caller's own input.

`event_recorded` is sent inside the transaction that writes the change: what a receiver writes commits or vanishes
with it, and raising undoes all of it. Receivers must not wait for anything but the database there.
"""

from __future__ import annotations

from django.dispatch import Signal

# draft: core.services.drafts.RecordDraft, whose data, slug, title and locale receivers may replace.
# sender: core.models.Collection
before_record_create = Signal()

# draft: the same, with `record` (as stored) and `previous` (its state before).
before_record_update = Signal()

# record: core.models.Record with its collection loaded; actor: core.actors.Actor.
# sender: core.models.Collection, in these three
before_record_delete = Signal()
before_record_publish = Signal()
before_record_unpublish = Signal()

# event: core.models.Event, already stored. sender: core.models.Event
event_recorded = Signal()
