"""What plugins are owed for events: open work, its outcome, and every attempt at it.

The keys are UUIDs of version 7, so they begin with the time at which they were made. `DeliveryHistory` and
`DeliveryAttempt` are partitioned by that: one partition per month of the key, and one for all other months.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.models import Event
from core.tenancy.models import TenantOwned, TenantRelation

MAX_HOOK_LENGTH = 200


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"


class DeliveryOutcome(models.TextChoices):
    DONE = "done", "Done"
    DONE_WITH_ERRORS = "done_with_errors", "Done with errors"
    SKIPPED = "skipped", "Skipped"
    DEAD = "dead", "Dead"


class AttemptOutcome(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    DONE_WITH_ERRORS = "done_with_errors", "Done with errors"
    FAILED = "failed", "Failed"
    TIMED_OUT = "timed_out", "Timed out"
    SKIPPED = "skipped", "Skipped"
    LOST = "lost", "Lost with its process"
    RELEASED = "released", "Given back"


class DeliveryReason(models.TextChoices):
    EVENT = "event", "The event"
    REPLAY = "replay", "Replayed"


class _DeliveryColumns(TenantOwned):
    """What a delivery says of itself from its making to its end."""

    event_type = models.CharField(max_length=60)
    collection_name = models.CharField(max_length=63, blank=True)
    record_id = models.UUIDField(null=True)
    record_version = models.PositiveIntegerField(null=True)
    plugin = models.CharField(max_length=63)
    hook = models.CharField(
        max_length=MAX_HOOK_LENGTH, help_text="The hook, or the key under which a handler was registered."
    )
    reason = models.CharField(
        max_length=12, choices=DeliveryReason, default=DeliveryReason.EVENT, help_text="Why the row was made."
    )
    replay_of = models.UUIDField(null=True, help_text="The delivery that is made again.")
    attempt = models.PositiveIntegerField(default=0, help_text="Number of the last attempt.")
    failures = models.PositiveSmallIntegerField(
        default=0, help_text="How many attempts failed by themselves."
    )
    crashes = models.PositiveSmallIntegerField(default=0, help_text="How often its process died under it.")
    error = models.TextField(blank=True, help_text="What the last failed attempt said.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.plugin} {self.hook} for {self.event_type}"


class Delivery(_DeliveryColumns):
    """Open work: one handling hook of one plugin still has to be told of one event.

    The row is made in the event's transaction and deleted in the statement that writes its outcome to
    `DeliveryHistory`. While an attempt runs, `lease_token` is the id of its `DeliveryAttempt`.
    """

    tenant_privileges = "SELECT, INSERT"

    event = TenantRelation(Event, on_delete=models.RESTRICT, related_name="deliveries")
    status = models.CharField(max_length=8, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    # By the database's clock, as everything that claims compares.
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta(_DeliveryColumns.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "event", "plugin", "hook"], name="plugin_host_delivery_event_key"
            ),
            models.CheckConstraint(
                name="plugin_host_delivery_lease",
                condition=models.Q(status="running", lease_token__isnull=False, lease_until__isnull=False)
                | models.Q(status="pending", lease_token__isnull=True, lease_until__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "plugin", "next_attempt_at", "id"],
                condition=models.Q(status="pending"),
                name="plugin_host_delivery_due_idx",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status="running"),
                name="plugin_host_delivery_lease_idx",
            ),
            models.Index(
                fields=["tenant", "plugin", "record_id", "record_version"],
                name="plugin_host_delivery_order_idx",
            ),
        ]


class DeliveryHistory(_DeliveryColumns):
    """How a delivery ended; it keeps the delivery's id."""

    tenant_privileges = "SELECT, INSERT"

    # No foreign key: events may be cleared away before or after what became of them.
    event_id = models.UUIDField()
    outcome = models.CharField(max_length=16, choices=DeliveryOutcome)
    outcome_reason = models.CharField(
        max_length=40, blank=True, help_text="disabled, loop, attempts, crashes …"
    )
    finished_at = models.DateTimeField(default=timezone.now)

    class Meta(_DeliveryColumns.Meta):
        indexes = [
            models.Index(fields=["tenant", "plugin", "-id"], name="plugin_host_history_plugin_idx"),
            models.Index(fields=["tenant", "event_id"], name="plugin_host_history_event_idx"),
        ]


class DeliveryAttempt(TenantOwned):
    """One run of a delivery's hook; written when it is claimed, so that no run is without a row."""

    tenant_privileges = "SELECT, UPDATE (progress_done, progress_total)"

    delivery_id = models.UUIDField()
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=120, help_text="Host and process that ran it.")
    outcome = models.CharField(max_length=16, choices=AttemptOutcome, default=AttemptOutcome.RUNNING)
    error = models.TextField(blank=True)
    log = models.JSONField(default=list, help_text="The lines that were written meanwhile.")
    progress_done = models.BigIntegerField(null=True)
    progress_total = models.BigIntegerField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        indexes = [
            models.Index(fields=["tenant", "delivery_id"], name="plugin_host_attempt_delivery"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"
