PLUGIN_META = {
    "id": "needs-a-blank",
    "name": "Asks for a setting that is blank, which no form can say",
    "version": "1.0",
    "config_schema": {
        "type": "object",
        "properties": {"prefix": {"type": "string", "maxLength": 0}},
        "required": ["prefix"],
    },
}


def register(ctx):
    pass
