from .models import Deletion


def count(event):
    Deletion.objects.create(record=event.record_id)
