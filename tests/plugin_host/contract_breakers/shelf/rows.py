from .models import Book


def keep(event):
    Book.objects.update_or_create(event=event.id, defaults={"title": str(event.data.get("title", ""))})
