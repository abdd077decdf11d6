PLUGIN_META = {"id": "needs-another", "name": "Needs another and does not say so", "version": "1.0"}


def register(ctx):
    from shelf.models import Book

    ctx.on_record_create("a-collection-that-nobody-has", lambda event: Book.objects.count())
