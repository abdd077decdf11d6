"""Work by the clock: what is scheduled for whom, each time it was due, and every attempt at it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.tenancy.models import TenantOwned, TenantRelation
from plugin_host.models.delivery import AttemptOutcome
from plugin_host.models.settings import MAX_PLUGIN_ID_LENGTH

MAX_ITEM_ID_LENGTH = 200
MAX_TARGET_LENGTH = 253


class RunStatus(models.TextChoices):
    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"
    ENDED = "ended", "Ended"


class RunOutcome(models.TextChoices):
    DONE = "done", "Done"
    DONE_WITH_ERRORS = "done_with_errors", "Done with errors"
    SKIPPED = "skipped", "Skipped"
    DEAD = "dead", "Failed"


class RunReason(models.TextChoices):
    SCHEDULE = "schedule", "The schedule"
    CATCH_UP = "catch_up", "Missed before"
    MANUAL = "manual", "A person"
    CHANGE = "change", "A change"
    PLUGIN = "plugin", "The plugin"


class ScheduledItem(TenantOwned):
    """Something that a plugin wants done by the clock for a tenant: a task, a health check of one target.

    The kind `definitions` is the host's own: its runs ask the plugin what there is to schedule. `next_run_at` is empty
    where nothing is due ever: retired, not enabled, switched off, plugin off.
    """

    tenant_privileges = "SELECT, INSERT, UPDATE"

    plugin = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    kind = models.CharField(max_length=12, help_text="task, check; definitions: what there is to schedule.")
    item_id = models.CharField(max_length=MAX_ITEM_ID_LENGTH)
    target = models.CharField(max_length=MAX_TARGET_LENGTH, blank=True)
    name = models.CharField(max_length=200, blank=True)
    definition = models.JSONField(default=dict, help_text="As the plugin gave it.")
    cron_expression = models.CharField(max_length=200, blank=True)
    interval_seconds = models.PositiveIntegerField(null=True)
    time_zone = models.CharField(
        max_length=64, blank=True, help_text="For the cron expression; the tenant's where it is empty."
    )
    is_enabled = models.BooleanField(default=True, help_text="What the definition says.")
    is_switched_off = models.BooleanField(default=False, help_text="What a person says.")
    problem = models.TextField(blank=True, help_text="Why it is not scheduled, or is so as it was before.")
    retired_at = models.DateTimeField(null=True)
    next_run_at = models.DateTimeField(null=True)
    planned_at = models.DateTimeField(null=True, help_text="When next_run_at was reckoned.")
    planned_zone = models.CharField(max_length=64, blank=True, help_text="The time zone it was reckoned in.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "plugin", "kind", "item_id", "target"], name="plugin_host_scheduleditem_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_run_at"],
                condition=models.Q(next_run_at__isnull=False),
                name="plugin_host_item_due_idx",
            ),
            models.Index(
                fields=["planned_at"],
                condition=models.Q(next_run_at__isnull=False),
                name="plugin_host_item_planned_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.target}".strip()


class ScheduledRun(TenantOwned):
    """One time at which an item was due; there is one row for each, whoever saw that it was.

    While an attempt runs, `lease_token` is the id of its `ScheduledAttempt`.
    """

    tenant_privileges = "SELECT, INSERT, UPDATE (next_attempt_at)"

    item = TenantRelation(ScheduledItem, on_delete=models.CASCADE, related_name="runs")
    plugin = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    kind = models.CharField(max_length=12)
    slot = models.DateTimeField(help_text="When it was due.")
    reason = models.CharField(max_length=8, choices=RunReason, default=RunReason.SCHEDULE)
    requested_by = models.CharField(max_length=254, blank=True, help_text="Who asked for it.")
    status = models.CharField(max_length=8, choices=RunStatus, default=RunStatus.PENDING)
    outcome = models.CharField(max_length=16, choices=RunOutcome, blank=True)
    outcome_reason = models.CharField(
        max_length=40, blank=True, help_text="overlap, disabled, attempts, crashes …"
    )
    error = models.TextField(blank=True, help_text="What the last failed attempt said.")
    data = models.JSONField(null=True, help_text="What the run gave back.")
    attempt = models.PositiveIntegerField(default=0, help_text="Number of the last attempt.")
    failures = models.PositiveSmallIntegerField(
        default=0, help_text="How many attempts failed by themselves."
    )
    crashes = models.PositiveSmallIntegerField(default=0, help_text="How often its process died under it.")
    # By the database's clock, as everything that claims compares.
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    duration_ms = models.FloatField(null=True, help_text="Of the last attempt.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "item", "slot"], name="plugin_host_scheduledrun_slot_key"
            ),
            models.CheckConstraint(
                name="plugin_host_scheduledrun_lease",
                condition=models.Q(status="running", lease_token__isnull=False, lease_until__isnull=False)
                | (
                    ~models.Q(status="running") & models.Q(lease_token__isnull=True, lease_until__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="plugin_host_scheduledrun_outcome",
                condition=models.Q(status="ended", finished_at__isnull=False) & ~models.Q(outcome="")
                | ~models.Q(status="ended") & models.Q(outcome="", finished_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=models.Q(status="pending"),
                name="plugin_host_run_due_idx",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status="running"),
                name="plugin_host_run_lease_idx",
            ),
            models.Index(
                fields=["item"],
                condition=~models.Q(status="ended"),
                name="plugin_host_run_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plugin} {self.slot:%Y-%m-%d %H:%M:%S}"


class ScheduledAttempt(TenantOwned):
    """One attempt at a run; its id is the execution's. Written when it is claimed, so that none is without a row."""

    tenant_privileges = "SELECT, UPDATE (progress_done, progress_total)"

    run = TenantRelation(ScheduledRun, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=120, help_text="Host and process that ran it.")
    outcome = models.CharField(max_length=16, choices=AttemptOutcome, default=AttemptOutcome.RUNNING)
    error = models.TextField(blank=True)
    data = models.JSONField(null=True)
    log = models.JSONField(default=list, help_text="The lines that were written meanwhile.")
    progress_done = models.BigIntegerField(null=True)
    progress_total = models.BigIntegerField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        indexes = [models.Index(fields=["tenant", "run", "number"], name="plugin_host_attempt_run_idx")]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"
