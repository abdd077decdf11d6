PLUGIN_META = {"id": "one-way", "name": "Cannot go back", "version": "1.0"}


def register(ctx):
    pass
