PLUGIN_META = {"id": "migration-no-pair", "name": "Migration no pair", "version": "1.0.0"}


def register(ctx):
    pass
