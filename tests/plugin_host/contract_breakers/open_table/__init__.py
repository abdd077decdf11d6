PLUGIN_META = {"id": "open-table", "name": "Takes the guard from its table", "version": "1.0"}


def register(ctx):
    from .rows import keep

    ctx.on_record_create(None, keep)
