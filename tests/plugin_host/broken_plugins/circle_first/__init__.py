PLUGIN_META = {
    "id": "circle-first",
    "name": "Circle first",
    "version": "1.0.0",
    "requires_plugins": ["circle-second"],
}


def register(ctx):
    pass
