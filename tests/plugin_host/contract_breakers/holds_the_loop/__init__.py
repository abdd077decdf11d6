import time

from plugin_host.base import Plugin
from plugin_host.hookspec import ContentLifecycleHooks


class HoldsTheLoop(Plugin, ContentLifecycleHooks):
    name = "holds-the-loop"
    version = "1.0"

    async def dvp_content_created(self, ctx, content_id, content, metadata=None):
        time.sleep(1.5)
