PLUGIN_META = {"id": "migration-misfit", "name": "Migration misfit", "version": "1.0.0"}


def register(ctx):
    pass
