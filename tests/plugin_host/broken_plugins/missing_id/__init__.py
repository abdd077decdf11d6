PLUGIN_META = {"name": "Missing id", "version": "1.0.0", "autor": "nobody"}


def register(ctx):
    pass
