PLUGIN_META = {"id": "id-clash", "name": "Second", "version": "1.0.0"}


def register(ctx):
    pass
