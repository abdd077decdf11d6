PLUGIN_META = {"id": "counts-each-time", "name": "Writes a row for each attempt", "version": "1.0"}


def register(ctx):
    from .rows import count

    ctx.on_record_delete(None, count)
