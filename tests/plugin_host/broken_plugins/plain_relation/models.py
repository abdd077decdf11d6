from django.db import models

from plugin_host.models import PluginModel


class Note(PluginModel):
    record = models.ForeignKey("core.Record", on_delete=models.CASCADE, related_name="+")
