PLUGIN_META = {"id": "foreign-table", "name": "Foreign table", "version": "1.0.0"}


def register(ctx):
    pass
