"""Publishing from the administration, where somebody reads what plugins have to say."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest

from core.models import Record
from core.services.publishing import PublicationNotes, publish_record


def publish_aloud(request: HttpRequest, *, record_id: UUID) -> Record:
    """Publish a record, and show the person what plugins that let it through have to say.

    Raises:
        TenantryError: what `publish_record` raises.
    """
    notes = PublicationNotes()
    record = publish_record(record_id=record_id, notes=notes)
    for note in notes.warnings:
        messages.warning(request, f"“{record}”: {note.plugin} warns: {note.message}")
    for plugin, score in notes.scores:
        messages.info(request, f"“{record}”: {plugin} gives it {score:g}.")
    return record
