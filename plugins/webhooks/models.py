"""What is owed to endpoints, what was tried, and how each endpoint fares.

A message is made once per event and has the event's id. A `Sending` is the message for one endpoint; it waits in the
table until the endpoint has taken it, so no endpoint waits for another.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from plugin_host.models import PluginModel, TenantRelation

MAX_NAME = 40
MAX_REASON = 500


class SendingStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    GIVEN_UP = "given_up", "Given up"
    CANCELLED = "cancelled", "Endpoint removed"


class Message(PluginModel):
    """What is told of one event; its id is the event's."""

    delivery_id = models.UUIDField(
        help_text="The host's delivery that it came with last; another one is a replay."
    )
    type = models.CharField(max_length=60)
    collection = models.CharField(max_length=63, blank=True)
    record_id = models.UUIDField()
    record_version = models.PositiveIntegerField()
    body = models.TextField()
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(PluginModel.Meta):
        indexes = [models.Index(fields=["tenant", "occurred_at"], name="plugin_webhooks_message_idx")]

    def __str__(self) -> str:
        return f"{self.type} {self.record_id}"


class Sending(PluginModel):
    """A message for one endpoint."""

    message = TenantRelation(Message, on_delete=models.CASCADE, related_name="sendings")
    endpoint = models.CharField(max_length=MAX_NAME)
    status = models.CharField(max_length=10, choices=SendingStatus, default=SendingStatus.WAITING)
    failures = models.PositiveSmallIntegerField(
        default=0, help_text="Tries that failed since it was made due."
    )
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, help_text="Until when somebody is at it.")
    reason = models.CharField(max_length=MAX_REASON, blank=True, help_text="What the last try came to.")
    # The message's own, for the order.
    record_id = models.UUIDField()
    record_version = models.PositiveIntegerField()
    finished_at = models.DateTimeField(null=True)

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "message", "endpoint"], name="plugin_webhooks_sending_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "endpoint", "next_try_at", "id"],
                condition=models.Q(status="waiting"),
                name="plugin_webhooks_due_idx",
            ),
            models.Index(
                fields=["tenant", "endpoint", "record_id", "record_version"],
                condition=models.Q(status="waiting"),
                name="plugin_webhooks_order_idx",
            ),
            models.Index(fields=["tenant", "endpoint", "-id"], name="plugin_webhooks_list_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} for {self.endpoint}"


class Attempt(PluginModel):
    """One request to an endpoint; its id is the `x-request-id`."""

    endpoint = models.CharField(max_length=MAX_NAME)
    message = TenantRelation(Message, null=True, on_delete=models.CASCADE, related_name="attempts")
    type = models.CharField(max_length=60)
    number = models.PositiveIntegerField(help_text="Of the try, from 1.")
    status = models.PositiveSmallIntegerField(null=True, help_text="The HTTP status, where there was one.")
    is_delivered = models.BooleanField()
    reason = models.CharField(max_length=MAX_REASON, blank=True)
    duration_ms = models.FloatField()
    excerpt = models.CharField(max_length=600, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta(PluginModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "endpoint", "-id"], name="plugin_webhooks_attempt_idx"),
            models.Index(fields=["tenant", "at"], name="plugin_webhooks_old_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.reason}"


class EndpointState(PluginModel):
    """How an endpoint fares; the row is made when there is something to say."""

    name = models.CharField(max_length=MAX_NAME)
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=254, blank=True, help_text="Empty where it was paused by itself.")
    paused_reason = models.CharField(max_length=MAX_REASON, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Tries in a row that failed.")
    failing_since = models.DateTimeField(null=True)
    last_problem = models.CharField(max_length=MAX_REASON, blank=True)
    last_success_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(
        null=True, help_text="It is not called earlier: it failed, or asked for that."
    )

    class Meta(PluginModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="plugin_webhooks_state_key"),
        ]

    def __str__(self) -> str:
        return self.name
