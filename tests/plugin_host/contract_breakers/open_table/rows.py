from .models import Entry


def keep(event):
    Entry.objects.get_or_create(event=event.id)
