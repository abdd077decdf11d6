PLUGIN_META = {"id": "admin-raises", "name": "Admin raises", "version": "1.0.0"}


def register(ctx):
    pass
