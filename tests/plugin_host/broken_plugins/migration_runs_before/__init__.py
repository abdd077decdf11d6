PLUGIN_META = {"id": "migration-runs-before", "name": "Migration runs before", "version": "1.0.0"}


def register(ctx):
    pass
