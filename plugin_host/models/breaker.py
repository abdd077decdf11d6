"""What the breaker counts."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from core.tenancy.models import TenantOwned
from plugin_host.breaker.policy import BreakerCause
from plugin_host.models.settings import MAX_PLUGIN_ID_LENGTH


class PluginBreaker(TenantOwned):
    """Trouble with one plugin of one tenant since its last success; a plugin in order has no row.

    Whether the plugin is paused because of it stands in `PluginSettings`.
    """

    plugin_id = models.CharField(max_length=MAX_PLUGIN_ID_LENGTH)
    failures = models.PositiveIntegerField(default=0)
    timeouts = models.PositiveIntegerField(default=0)
    slow_runs = models.PositiveIntegerField(default=0)
    crashes = models.PositiveIntegerField(
        default=0, help_text="Deliveries that ended because they killed their process."
    )
    openings = models.PositiveIntegerField(
        default=0, help_text="How often the plugin was paused without a success in between."
    )
    cause = models.CharField(max_length=12, choices=BreakerCause, blank=True)
    last_run = models.CharField(max_length=200, blank=True, help_text="What ran when it last went wrong.")
    last_error = models.TextField(blank=True, help_text="One line; secrets are masked.")
    last_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        db_table = "plugin_breaker"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "plugin_id"], name="plugin_breaker_plugin_key"),
        ]

    def __str__(self) -> str:
        return f"{self.plugin_id}: {self.openings} openings"
