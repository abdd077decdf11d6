PLUGIN_META = {"id": "yielding-register", "name": "Yielding register", "version": "1.0.0"}


def register(ctx):
    yield ctx
