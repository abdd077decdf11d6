PLUGIN_META = {"id": "migration-circle", "name": "Migration circle", "version": "1.0.0"}


def register(ctx):
    pass
