PLUGIN_META = {
    "id": "lonely",
    "name": "Lonely",
    "version": "1.0.0",
    "requires_plugins": ["good-nieghbour>=1.0"],
}


def register(ctx):
    pass
