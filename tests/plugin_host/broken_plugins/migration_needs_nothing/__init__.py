PLUGIN_META = {"id": "migration-needs-nothing", "name": "Migration needs nothing", "version": "1.0.0"}


def register(ctx):
    pass
