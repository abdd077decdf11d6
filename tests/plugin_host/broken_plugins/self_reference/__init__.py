PLUGIN_META = {
    "id": "self-reference",
    "name": "Self reference",
    "version": "1.0.0",
    "config_schema": {"type": "object", "properties": {"size": {"$ref": "#/properties/size"}}},
}


def register(ctx):
    pass
