PLUGIN_META = {"id": "newer-core", "name": "Newer core", "version": "1.0.0", "requires_core": ">=99"}


def register(ctx):
    pass
