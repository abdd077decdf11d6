from plugin_host.base import Plugin


class UnknownHook(Plugin):
    name = "unknown-hook"
    version = "1.0.0"

    async def dvp_content_publshed(self, ctx, content_id, content, metadata=None):
        pass
