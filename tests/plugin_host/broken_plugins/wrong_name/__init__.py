PLUGIN_META = {"id": "wrong-name", "name": "Wrong name", "version": "1.0.0"}


def register(ctx):
    ctx.on_record_created(None, print)
