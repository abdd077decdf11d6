PLUGIN_META = {"id": "yielding-handler", "name": "Yielding handler", "version": "1.0.0"}


def register(ctx):
    ctx.on_record_create(None, handle)


def handle(event):
    yield event
