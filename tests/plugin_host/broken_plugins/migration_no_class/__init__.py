PLUGIN_META = {"id": "migration-no-class", "name": "Migration no class", "version": "1.0.0"}


def register(ctx):
    pass
