PLUGIN_META = {"id": "syntax-error", "name": "Syntax error", "version": "1.0.0"}


def register(ctx)
    pass
