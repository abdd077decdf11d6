from django.db import models

from plugin_host.models import PluginModel


class Entry(PluginModel):
    event = models.UUIDField()
