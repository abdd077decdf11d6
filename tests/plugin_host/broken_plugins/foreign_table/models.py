from django.db import models

from plugin_host.models import PluginModel


class Person(PluginModel):
    text = models.TextField()

    class Meta(PluginModel.Meta):
        db_table = "auth_group"
