PLUGIN_META = {"id": "plain-relation", "name": "Plain relation", "version": "1.0.0"}


def register(ctx):
    pass
