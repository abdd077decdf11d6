"""Tables of the content kernel."""

from core.models.audit import AuditEntry, PlatformAuditEntry
from core.models.collection import Collection
from core.models.event import Event
from core.models.field_value import FieldValue
from core.models.record import Record, Revision
from core.models.snapshot import PublishedSnapshot

__all__ = [
    "AuditEntry",
    "Collection",
    "Event",
    "FieldValue",
    "PlatformAuditEntry",
    "PublishedSnapshot",
    "Record",
    "Revision",
]
