import time

from plugin_host.base import Plugin
from plugin_host.hookspec import ContentLifecycleHooks


class TakesTooLong(Plugin, ContentLifecycleHooks):
    name = "takes-too-long"
    version = "1.0"
    time_limits = {"dvp_content_created": 0.2}

    def dvp_content_created(self, ctx, content_id, content, metadata=None):
        time.sleep(1)
