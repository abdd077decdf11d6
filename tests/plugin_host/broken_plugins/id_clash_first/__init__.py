PLUGIN_META = {"id": "id-clash", "name": "First", "version": "1.0.0"}


def register(ctx):
    pass
