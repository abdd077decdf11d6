PLUGIN_META = {"id": "always-there", "name": "Listens to Django itself", "version": "1.0"}


def register(ctx):
    pass
