PLUGIN_META = {"id": "host", "name": "Reserved id", "version": "1.0.0"}


def register(ctx):
    pass
