"""Sound by itself, but it needs one that is not."""

PLUGIN_META = {
    "id": "dependant",
    "name": "Dependant",
    "version": "1.0.0",
    "requires_plugins": ["register-raises"],
}


def register(ctx):
    pass
