from django.apps import AppConfig
from django.db.models.signals import post_save

seen = []


def saved(sender, instance, **kwargs):
    if sender.__name__ == "Record":
        seen.append(instance.pk)


class AlwaysThere(AppConfig):
    def ready(self):
        post_save.connect(saved)
