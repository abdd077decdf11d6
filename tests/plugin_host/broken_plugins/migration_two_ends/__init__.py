PLUGIN_META = {"id": "migration-two-ends", "name": "Migration two ends", "version": "1.0.0"}


def register(ctx):
    pass
