PLUGIN_META = {
    "id": "too-old",
    "name": "Too old",
    "version": "1.0.0",
    "requires_plugins": ["good-neighbour>=2"],
}


def register(ctx):
    pass
