PLUGIN_META = {"id": "migration-raises", "name": "Migration raises", "version": "1.0.0"}


def register(ctx):
    pass
