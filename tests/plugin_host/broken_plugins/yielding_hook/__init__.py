from plugin_host.base import Plugin


class YieldingHook(Plugin):
    name = "yielding-hook"
    version = "1.0.0"

    async def dvp_content_published(self, ctx, content_id, content, metadata=None):
        yield content_id
