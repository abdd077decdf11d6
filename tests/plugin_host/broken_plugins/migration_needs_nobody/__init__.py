PLUGIN_META = {"id": "migration-needs-nobody", "name": "Migration needs nobody", "version": "1.0.0"}


def register(ctx):
    pass
