"""What was published, until it has been in a mail, and a while longer."""

from __future__ import annotations

from django.db import models

from plugin_host.models import PluginModel


class Publication(PluginModel):
    """One event of a publication; its id is the event's, so one that is told twice is here once."""

    collection = models.CharField(max_length=63)
    title = models.TextField()
    url = models.TextField(blank=True)
    author = models.TextField(blank=True)
    published_at = models.DateTimeField()
    mail = models.DateTimeField(null=True, help_text="When the mail was due that it goes with.")
    sent_at = models.DateTimeField(null=True, help_text="When that mail was handed over.")

    class Meta(PluginModel.Meta):
        indexes = [models.Index(fields=["tenant", "sent_at"], name="plugin_email_digest_sent_idx")]

    def __str__(self) -> str:
        return self.title
