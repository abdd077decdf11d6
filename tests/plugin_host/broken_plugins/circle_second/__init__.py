PLUGIN_META = {
    "id": "circle-second",
    "name": "Circle second",
    "version": "1.0.0",
    "requires_plugins": ["circle-first"],
}


def register(ctx):
    pass
