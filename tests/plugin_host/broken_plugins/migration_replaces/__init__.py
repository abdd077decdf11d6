PLUGIN_META = {"id": "migration-replaces", "name": "Migration replaces", "version": "1.0.0"}


def register(ctx):
    pass
