from django.db import models

from plugin_host.models import PluginModel


class Visit(PluginModel):
    path = models.CharField(max_length=100)
