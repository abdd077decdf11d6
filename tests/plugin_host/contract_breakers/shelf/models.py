from django.db import models

from plugin_host.models import PluginModel


class Book(PluginModel):
    event = models.UUIDField()
    title = models.CharField(max_length=500)
