from plugin_host.base import Plugin


class WrongArguments(Plugin):
    name = "wrong-arguments"
    version = "1.0.0"

    async def dvp_content_published(self, ctx, content, content_id, metadata=None):
        pass
