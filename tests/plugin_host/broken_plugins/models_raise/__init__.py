PLUGIN_META = {"id": "models-raise", "name": "Models raise", "version": "1.0.0"}


def register(ctx):
    pass
