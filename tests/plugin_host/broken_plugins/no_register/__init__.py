PLUGIN_META = {"id": "no-register", "name": "No register", "version": "1.0.0"}


def regsiter(ctx):
    pass
