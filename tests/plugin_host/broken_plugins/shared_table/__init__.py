PLUGIN_META = {"id": "shared-table", "name": "Shared table", "version": "1.0.0"}


def register(ctx):
    pass
