PLUGIN_META = {
    "id": "odd-defaults",
    "name": "Its defaults cannot be saved together",
    "version": "1.0",
    "config_schema": {
        "type": "object",
        "properties": {
            "protocol": {"type": "string", "enum": ["http", "https"], "default": "http"},
            "verify": {"type": "boolean", "default": True},
        },
        "not": {"properties": {"protocol": {"const": "http"}, "verify": {"const": True}}},
    },
}


def register(ctx):
    pass
