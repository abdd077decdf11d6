PLUGIN_META = {"id": "foreign-label", "name": "Foreign label", "version": "1.0.0"}


def register(ctx):
    pass
