"""Connects the signals of `core` and of migrations; imported when Django's apps are ready."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, transaction
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from django.utils import timezone

from core.models import Collection, Event, Record
from core.services.commands import CommandAnswer, CommandCall
from core.services.drafts import RecordDraft
from core.services.event_drafts import EventDraft
from core.services.publishing import PublicationNotes
from core.signals import (
    before_command,
    before_event,
    before_record_create,
    before_record_delete,
    before_record_publish,
    before_record_unpublish,
    before_record_update,
    command_completed,
    command_failed,
    event_recorded,
)
from plugin_host.deliveries.creation import create_deliveries
from plugin_host.deliveries.partitions import PARTITIONED_TABLES, ensure_month_partitions
from plugin_host.dispatch import commands, events, inline
from plugin_host.dispatch.binding import handlers_of_event
from plugin_host.schedules import ensure_schedules


@receiver(before_command, dispatch_uid="plugin filters")
def filter_command(command: CommandCall, **kwargs: Any) -> None:
    """Run the filters of a use case."""
    commands.filter_command(command)


@receiver(command_completed, dispatch_uid="plugin deliveries")
def owe_result(
    command: CommandCall, record: Record | None, collection: Collection | None, **kwargs: Any
) -> None:
    """Owe what a use case did to the plugins that handle it."""
    commands.owe_result(command, record, collection)


@receiver(command_failed, dispatch_uid="plugin answers")
def answer_failure(command: CommandCall, error: Exception, **kwargs: Any) -> CommandAnswer | None:
    """Ask for an answer to give instead of an error."""
    return commands.answer_failure(command, error)


@receiver(before_record_create, dispatch_uid="plugin filters")
def filter_creation(draft: RecordDraft, **kwargs: Any) -> None:
    """Run the filters of a creation."""
    inline.filter_creation(draft)


@receiver(before_record_update, dispatch_uid="plugin filters")
def filter_update(draft: RecordDraft, **kwargs: Any) -> None:
    """Run the filters of a change."""
    inline.filter_update(draft)


@receiver(before_record_delete, dispatch_uid="plugin gates")
def gate_deletion(record: Record, command: CommandCall, **kwargs: Any) -> None:
    """Ask the gates of a deletion."""
    inline.gate_deletion(record, command)


@receiver(before_record_publish, dispatch_uid="plugin gates")
def gate_publication(record: Record, command: CommandCall, notes: PublicationNotes, **kwargs: Any) -> None:
    """Ask the gates of a publication."""
    inline.gate_publication(record, command, notes)


@receiver(before_record_unpublish, dispatch_uid="plugin gates")
def gate_unpublication(record: Record, command: CommandCall, **kwargs: Any) -> None:
    """Ask the gates of taking a record off the site."""
    inline.gate_unpublication(record, command)


@receiver(before_event, dispatch_uid="plugin filters")
def filter_event(draft: EventDraft, **kwargs: Any) -> None:
    """Run the filters of an event."""
    events.filter_event_draft(draft)


@receiver(event_recorded, dispatch_uid="plugin deliveries")
def owe_deliveries(event: Event, **kwargs: Any) -> None:
    """Owe the event to the plugins that handle it."""
    create_deliveries(event, [(handler.plugin_id, handler.key) for handler in handlers_of_event(event)])


def prepare_tables(using: str, **kwargs: Any) -> None:
    """Make the months to come, and put the clock's rows right; as the owner of the tables."""
    if not settings.IS_DATABASE_OWNER:
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        present = set(connections[using].introspection.table_names(cursor))
        for table in PARTITIONED_TABLES:
            if table in present:
                ensure_month_partitions(cursor, table, now=timezone.now())
        # `migrate plugin_host` alone may come before the clock's own tables.
        if "django_celery_beat_periodictask" in present:
            ensure_schedules()


post_migrate.connect(
    prepare_tables, sender=apps.get_app_config("plugin_host"), dispatch_uid="prepare delivery tables"
)
