PLUGIN_META = {"id": "raises", "name": "Does not do what it is asked", "version": "1.0"}


def register(ctx):
    ctx.on_record_update(None, lambda event: event.data["a field that nobody has"])
