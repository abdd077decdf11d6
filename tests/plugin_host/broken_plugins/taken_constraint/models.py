from django.db import models

from plugin_host.models import PluginModel


class Note(PluginModel):
    text = models.TextField()

    class Meta(PluginModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "text"], name="plugin_breaker_plugin_key")]
