PLUGIN_META = {
    "id": "unsound-schema",
    "name": "Unsound schema",
    "version": "1.0.0",
    "config_schema": {"type": "object", "properties": {"size": {"type": "integer", "default": "big"}}},
}


def register(ctx):
    pass
