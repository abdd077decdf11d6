PLUGIN_META = {"name": "It has no id", "version": "1.0"}


def register(ctx):
    pass
