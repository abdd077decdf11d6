PLUGIN_META = {"id": "taken-constraint", "name": "Taken constraint", "version": "1.0.0"}


def register(ctx):
    pass
