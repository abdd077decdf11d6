PLUGIN_META = {"id": "async-register", "name": "Async register", "version": "1.0.0"}


async def register(ctx):
    pass
