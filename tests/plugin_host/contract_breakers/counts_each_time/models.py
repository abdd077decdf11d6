from django.db import models

from plugin_host.models import PluginModel


class Deletion(PluginModel):
    record = models.UUIDField()
